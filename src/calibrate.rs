//! Window logits to one probability a text that means what it says: Platt scaling (Platt 1999) of the highest logit, less a
//! term for the text's length, one map a channel and category.
//!
//! The highest of n window logits grows with n even where nothing is wrong: for tails that fall exponentially, by a multiple
//! of ln n (extreme value theory: Gumbel 1958). Each map has learnt that multiple, so that a long text is not suspicious for
//! its length. Pure numbers, fitted by `portcullis-train calibrate` on texts that the model was not trained on.

use serde::{Deserialize, Serialize};

use crate::model::Logits;
use crate::threat::{Channel, PerCategory, PerChannel};

/// p = 1 / (1 + e^-(slope · logit + length · ln n + intercept)), where logit is the highest of n windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextMap {
    /// Above 0, so that a higher logit never means a lower probability.
    pub slope: f64,
    /// At most 0, so that a longer text never has a higher probability for the same logit.
    pub length: f64,
    /// The log-odds of a single window at logit 0.
    pub intercept: f64,
}

impl TextMap {
    /// The map that leaves a logit's log-odds as they are.
    pub const IDENTITY: Self = Self { slope: 1.0, length: 0.0, intercept: 0.0 };

    /// The probability of a text of `n_windows` windows whose highest logit is `logit`.
    pub fn probability(self, logit: f32, n_windows: usize) -> f64 {
        let log_odds = self.slope * f64::from(logit) + self.length * (n_windows.max(1) as f64).ln() + self.intercept;
        1.0 / (1.0 + (-log_odds).exp())
    }
}

/// The maps of one model, by channel and category.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibration(pub PerChannel<PerCategory<TextMap>>);

impl Calibration {
    /// Calibrated probabilities of a text of `n_windows` windows, from the highest logits of its windows; or of one of the
    /// windows, from its own.
    pub fn probabilities(&self, channel: Channel, logits: &Logits, n_windows: usize) -> PerCategory<f64> {
        let maps = self.0.get(channel);
        PerCategory::from_fn(|category| maps.get(category).probability(*logits.get(category), n_windows))
    }

    /// Checks that the maps are finite, rise with the logit and do not rise with length.
    ///
    /// # Errors
    /// A sentence that names the map that is off.
    pub fn validate(&self) -> Result<(), String> {
        for (channel, maps) in self.0.iter() {
            for (category, map) in maps.iter() {
                let is_finite = [map.slope, map.length, map.intercept].iter().all(|number| number.is_finite());
                if !(is_finite && map.slope > 0.0 && map.length <= 0.0) {
                    let channel = channel.name();
                    return Err(format!(
                        "{channel}.{category} must be finite, its slope above 0, its length at most 0"
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: TextMap = TextMap { slope: 0.7, length: -0.4, intercept: -1.0 };

    #[test]
    fn probabilities_rise_with_logits_and_stay_in_bounds() {
        assert!((MAP.probability(0.0, 1) - 1.0 / (1.0 + 1f64.exp())).abs() < 1e-12);
        let probabilities = [-1e30, -10.0, 0.0, 10.0, 1e30].map(|logit| MAP.probability(logit, 7));
        assert!(probabilities.is_sorted() && probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn length_does_not_add_suspicion() {
        let probabilities = [0, 1, 2, 100, usize::MAX].map(|n_windows| MAP.probability(1.0, n_windows));
        assert!(probabilities.iter().rev().is_sorted());
        assert_eq!(probabilities[0], probabilities[1]);
    }
}
