//! The last stage: logits to probabilities and a verdict.

use super::cover::{Coverage, cover};
use super::locate::Finding;
use super::read::{ReadSegment, Reading};
use super::{AnalyzeError, Content, Options, Timings};
use crate::artifact::{Model, ModelId};
use crate::batch::Scored;
use crate::model::{Logits, WindowScore};
use crate::policy::{Thresholds, decide};
use crate::threat::{PerCategory, Verdict};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// What to do.
    pub verdict: Verdict,
    /// The largest of the categories' probabilities.
    pub risk: f64,
    /// Each category's score: that of the segment with the most severe verdict, and among those the highest probability.
    pub scores: PerCategory<CategoryScore>,
    /// Where attacks stand, by segment, category and place.
    pub findings: Vec<Finding>,
    /// The segments without what asks for more than ALLOW, by their position; empty unless asked for.
    pub sanitized: Vec<(usize, Content)>,
    /// What each window scored, by segment and place: what calibration is fitted on.
    pub windows: Vec<WindowLogits>,
    /// What was read.
    pub coverage: Coverage,
    /// Who read it.
    pub model: ModelId,
    /// How long it took.
    pub timings: Timings,
    /// Where it was computed.
    pub device: String,
}

impl Analysis {
    /// What the findings ask for, by segment.
    pub fn segment_verdicts(&self, n_segments: usize) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Allow; n_segments];
        for finding in &self.findings {
            if let Some(verdict) = verdicts.get_mut(finding.segment) {
                *verdict = (*verdict).max(finding.verdict);
            }
        }
        verdicts
    }
}

/// The raw scores of one window.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowLogits {
    /// The segment's position in the request.
    pub segment: usize,
    /// The raw log-odds.
    pub logits: Logits,
}

/// A category's score in one segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoryScore {
    /// Calibrated.
    pub probability: f64,
    /// The model's raw log-odds: the highest of the segment's windows.
    pub logit: f32,
    /// What the segment's channel is judged by.
    pub thresholds: Thresholds,
}

impl CategoryScore {
    fn verdict(&self) -> Verdict {
        self.thresholds.verdict(self.probability)
    }

    /// True if its verdict is worse, or the same with a higher probability.
    pub(super) fn is_worse_than(&self, other: &Self) -> bool {
        (self.verdict(), self.probability) > (other.verdict(), other.probability)
    }
}

/// Judges a request from its windows' logits, which come in the order of `reading`'s windows.
pub(super) fn judge(
    model: &Model,
    reading: &Reading,
    scored: &Scored,
    findings: Vec<Finding>,
    options: &Options,
) -> Result<Analysis, AnalyzeError> {
    let mut worst: Option<PerCategory<CategoryScore>> = None;
    let mut windows = Vec::with_capacity(scored.windows.len());
    let mut scores = scored.windows.as_slice();
    for (index, segment) in reading.segments.iter().enumerate() {
        let (own, rest) = scores.split_at(segment.windows.len().min(scores.len()));
        scores = rest;
        windows.extend(own.iter().map(|score| WindowLogits { segment: index, logits: score.logits }));
        let segment_scores = score_segment(model, segment, own);
        worst = Some(worst.map_or(segment_scores, |worst| {
            PerCategory::from_fn(|category| {
                let (score, worst) = (*segment_scores.get(category), *worst.get(category));
                if score.is_worse_than(&worst) { score } else { worst }
            })
        }));
    }
    let scores = worst.ok_or(AnalyzeError::NoSegment)?;
    let coverage = cover(reading);
    Ok(Analysis {
        verdict: decide(
            scores.iter().map(|(_, score)| score.verdict()).chain(findings.iter().map(|finding| finding.verdict)),
            coverage.is_complete() || options.allow_partial,
        ),
        risk: scores.iter().map(|(_, score)| score.probability).fold(0.0, f64::max),
        scores,
        findings,
        sanitized: Vec::new(),
        windows,
        coverage,
        model: model.id.clone(),
        timings: Timings {
            canonicalize: reading.canonicalize,
            tokenize: reading.tokenize,
            queue: scored.queued,
            compute: scored.compute,
            batch_windows: scored.batch_windows,
            cached_windows: scored.n_cached,
        },
        device: model.scorer.device().to_owned(),
    })
}

/// A segment's probability comes from its highest logits and its length.
fn score_segment(model: &Model, segment: &ReadSegment, scores: &[WindowScore]) -> PerCategory<CategoryScore> {
    let worst = scores.iter().map(|score| score.logits).reduce(|a, b| a.max(&b)).unwrap_or_default();
    let channel = segment.source.channel();
    let probabilities = model.calibration.probabilities(channel, &worst, scores.len());
    PerCategory::from_fn(|category| CategoryScore {
        probability: *probabilities.get(category),
        logit: *worst.get(category),
        thresholds: *model.thresholds.get(channel),
    })
}
