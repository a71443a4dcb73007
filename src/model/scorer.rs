//! The scorer on candle's CPU backend, f32: sorts a batch by length, cuts it into near-rectangular parts and runs these
//! on all cores.

use candle_nn::VarBuilder;
use rayon::prelude::*;

use super::{Detail, EncoderConfig, Inference, ScoreError, Scorer, ThreatClassifier, TokenBatch, WindowScore};
use crate::threat::Channel;

/// Padded tokens in one part: large enough that the matrix products run at full speed, small enough that its
/// activations stay in the cache.
const PART_TOKENS: usize = 1024;

/// A window with its place in the batch.
type Indexed<'a> = (usize, (&'a [u32], Channel));

/// Scores with candle in f32.
#[derive(Debug)]
pub struct CandleScorer {
    classifier: ThreatClassifier,
    device: String,
}

impl CandleScorer {
    /// Takes the weights from a builder.
    ///
    /// # Errors
    /// A weight is missing or has another shape.
    pub fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> candle_core::Result<Self> {
        let device = format!("{:?}", vb.device().location()).to_lowercase();
        Ok(Self { classifier: ThreatClassifier::load(vb, config)?, device })
    }
}

impl Scorer for CandleScorer {
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        let mut windows: Vec<Indexed<'_>> = batch.windows().enumerate().collect();
        windows.sort_by_key(|(_, (ids, _))| ids.len());
        let scored = parts(&windows, rayon::current_num_threads())
            .into_par_iter()
            .map(|part| {
                let tokens: TokenBatch = part.iter().map(|(_, window)| *window).collect();
                let scores = self.classifier.score(&tokens, detail, &Inference)?;
                Ok(part.iter().map(|(index, _)| *index).zip(scores).collect())
            })
            .collect::<Result<Vec<Vec<(usize, WindowScore)>>, ScoreError>>()?;
        let mut ordered: Vec<_> = scored.into_iter().flatten().collect();
        ordered.sort_by_key(|(index, _)| *index);
        Ok(ordered.into_iter().map(|(_, score)| score).collect())
    }

    fn device(&self) -> &str {
        &self.device
    }
}

/// Cuts windows that are sorted by length into parts of at most [`PART_TOKENS`] padded tokens, and into at least as many
/// parts as there are threads where there are windows enough.
fn parts<'a>(windows: &'a [Indexed<'a>], n_threads: usize) -> Vec<&'a [Indexed<'a>]> {
    let total: usize = windows.iter().map(|(_, (ids, _))| ids.len()).sum();
    let budget = total.div_ceil(n_threads.max(1)).min(PART_TOKENS);
    let mut parts = Vec::new();
    let mut rest = windows;
    while !rest.is_empty() {
        let fitting =
            rest.iter().enumerate().take_while(|(index, (_, (ids, _)))| (index + 1) * ids.len() <= budget).count();
        let (part, after) = rest.split_at(fitting.max(1));
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_window_once_and_keep_to_the_budget() {
        let lengths = [2, 3, 5, 8, 64, 64, 128, 128, 128, 500, 512, 1500];
        let tokens: Vec<Vec<u32>> = lengths.iter().map(|&length| vec![0; length]).collect();
        let windows: Vec<_> = tokens.iter().map(|ids| (ids.as_slice(), Channel::Data)).enumerate().collect();
        for n_threads in [1, 2, 64] {
            let parts = parts(&windows, n_threads);
            let indices: Vec<_> = parts.iter().flat_map(|part| part.iter().map(|(index, _)| *index)).collect();
            assert_eq!(indices, (0..lengths.len()).collect::<Vec<_>>());
            for part in parts {
                let longest = part.last().map_or(0, |(_, (ids, _))| ids.len());
                assert!(part.len() == 1 || part.len() * longest <= PART_TOKENS);
            }
        }
    }
}
