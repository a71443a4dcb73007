//! Probabilities to a verdict, by the thresholds that ship with the model. Pure.

use serde::{Deserialize, Serialize};

use crate::threat::Verdict;

/// From where on a category's probability is reviewed and blocked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// At or above: at least REVIEW.
    pub review: f64,
    /// At or above: BLOCK.
    pub block: f64,
}

impl Thresholds {
    /// Checks the order 0 < review <= block <= 1.
    ///
    /// # Errors
    /// A sentence that states the order.
    pub fn validate(self) -> Result<(), String> {
        if self.review > 0.0 && self.review <= self.block && self.block <= 1.0 {
            return Ok(());
        }
        Err(format!("thresholds must satisfy 0 < review <= block <= 1; they are {} and {}", self.review, self.block))
    }

    /// What to do with a probability.
    pub fn verdict(self, probability: f64) -> Verdict {
        if probability >= self.block {
            Verdict::Block
        } else if probability >= self.review {
            Verdict::Review
        } else {
            Verdict::Allow
        }
    }
}

/// The verdict on a request, from those on its categories. What was not read to its end is never allowed.
pub fn decide(verdicts: impl IntoIterator<Item = Verdict>, complete: bool) -> Verdict {
    let floor = if complete { Verdict::Allow } else { Verdict::Review };
    verdicts.into_iter().fold(floor, Verdict::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { review: 0.3, block: 0.8 };

    fn check(injection: f64, exfiltration: f64, complete: bool, expected: Verdict) {
        let verdicts = [injection, 0.0, exfiltration].map(|probability| THRESHOLDS.verdict(probability));
        assert_eq!(decide(verdicts, complete), expected);
    }

    #[test]
    fn the_worst_category_decides() {
        check(0.0, 0.0, true, Verdict::Allow);
        check(0.299, 0.0, true, Verdict::Allow);
        check(0.3, 0.0, true, Verdict::Review);
        check(0.3, 0.8, true, Verdict::Block);
    }

    #[test]
    fn a_partial_reading_is_never_allowed() {
        check(0.0, 0.0, false, Verdict::Review);
        check(0.9, 0.0, false, Verdict::Block);
    }

    #[test]
    fn thresholds_keep_their_order() {
        assert!(THRESHOLDS.validate().is_ok());
        assert!(Thresholds { review: 0.0, block: 0.5 }.validate().is_err());
        assert!(Thresholds { review: 0.6, block: 0.5 }.validate().is_err());
        assert!(Thresholds { review: f64::NAN, block: 0.5 }.validate().is_err());
    }
}
