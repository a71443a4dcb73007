//! Probabilities to a verdict, by thresholds that ship with the model. Pure.
//!
//! A threshold is named by the share of harmless texts that may reach it, not by a number: `fpr_1%` is the same risk for every
//! model, so that a new one needs no new settings.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::threat::{PerChannel, Verdict};

/// A share of harmless texts of a channel that reach a threshold, at most, in expectation over calibration sets (the
/// guarantee of split conformal prediction: Vovk et al. 2005; Angelopoulos and Bates 2021,
/// <https://arxiv.org/abs/2107.07511>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OperatingPoint {
    /// One in a thousand.
    #[serde(rename = "fpr_0.1%")]
    Fpr01,
    /// One in two hundred.
    #[serde(rename = "fpr_0.5%")]
    Fpr05,
    /// One in a hundred.
    #[serde(rename = "fpr_1%")]
    Fpr1,
    /// One in fifty.
    #[serde(rename = "fpr_2%")]
    Fpr2,
    /// Three in a hundred.
    #[serde(rename = "fpr_3%")]
    Fpr3,
    /// One in twenty.
    #[serde(rename = "fpr_5%")]
    Fpr5,
    /// One in ten.
    #[serde(rename = "fpr_10%")]
    Fpr10,
}

impl OperatingPoint {
    /// Every point, from the strictest on.
    pub const ALL: [Self; 7] = [Self::Fpr01, Self::Fpr05, Self::Fpr1, Self::Fpr2, Self::Fpr3, Self::Fpr5, Self::Fpr10];

    /// The share.
    pub fn rate(self) -> f64 {
        match self {
            Self::Fpr01 => 0.001,
            Self::Fpr05 => 0.005,
            Self::Fpr1 => 0.01,
            Self::Fpr2 => 0.02,
            Self::Fpr3 => 0.03,
            Self::Fpr5 => 0.05,
            Self::Fpr10 => 0.1,
        }
    }

    /// The name in artefacts and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fpr01 => "fpr_0.1%",
            Self::Fpr05 => "fpr_0.5%",
            Self::Fpr1 => "fpr_1%",
            Self::Fpr2 => "fpr_2%",
            Self::Fpr3 => "fpr_3%",
            Self::Fpr5 => "fpr_5%",
            Self::Fpr10 => "fpr_10%",
        }
    }
}

impl fmt::Display for OperatingPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OperatingPoint {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|point| point.name() == name)
            .ok_or_else(|| format!("unknown operating point; known are: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The probabilities at a model's operating points, for one channel. A point that too few calibration texts could vouch for
/// is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperatingPoints(pub BTreeMap<OperatingPoint, f64>);

impl OperatingPoints {
    /// Checks that probabilities lie in (0, 1] and fall as more harmless texts may reach them.
    ///
    /// # Errors
    /// A sentence that states the order.
    pub fn validate(&self) -> Result<(), String> {
        let values: Vec<f64> = self.0.values().copied().collect();
        if values.iter().all(|value| *value > 0.0 && *value <= 1.0) && values.iter().rev().is_sorted() {
            return Ok(());
        }
        Err("operating points must be probabilities above 0 that fall with the false-positive rate".to_owned())
    }
}

/// From which operating points on a text of a channel is reviewed and blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// At or above: at least REVIEW.
    pub review: OperatingPoint,
    /// At or above: BLOCK.
    pub block: OperatingPoint,
}

impl Policy {
    /// The thresholds of a channel.
    ///
    /// # Errors
    /// A sentence that names the operating point that the model lacks, or states the order of the two.
    pub fn thresholds(self, points: &OperatingPoints) -> Result<Thresholds, String> {
        let at = |point: OperatingPoint| {
            points.0.get(&point).copied().ok_or_else(|| format!("the model has no threshold for {point}"))
        };
        if self.review < self.block {
            return Err(format!("what is blocked ({}) must also be reviewed ({})", self.block, self.review));
        }
        Ok(Thresholds { review: at(self.review)?, block: at(self.block)? })
    }
}

impl PerChannel<Policy> {
    /// The thresholds of both channels.
    ///
    /// # Errors
    /// As [`Policy::thresholds`].
    pub fn thresholds(self, points: &PerChannel<OperatingPoints>) -> Result<PerChannel<Thresholds>, String> {
        Ok(PerChannel {
            instruction: self.instruction.thresholds(&points.instruction)?,
            data: self.data.thresholds(&points.data)?,
        })
    }
}

/// From where on a probability is reviewed and blocked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// At or above: at least REVIEW.
    pub review: f64,
    /// At or above: BLOCK.
    pub block: f64,
}

impl Thresholds {
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
    fn operating_points_keep_their_order() {
        let points = |values: &[(OperatingPoint, f64)]| OperatingPoints(values.iter().copied().collect());
        assert!(points(&[(OperatingPoint::Fpr1, 0.9), (OperatingPoint::Fpr5, 0.2)]).validate().is_ok());
        assert!(points(&[(OperatingPoint::Fpr1, 0.2), (OperatingPoint::Fpr5, 0.9)]).validate().is_err());
        assert!(points(&[(OperatingPoint::Fpr1, 0.0)]).validate().is_err());
        assert!(points(&[(OperatingPoint::Fpr1, f64::NAN)]).validate().is_err());
    }

    #[test]
    fn a_policy_names_points_that_the_model_has() {
        let points = OperatingPoints([(OperatingPoint::Fpr1, 0.9), (OperatingPoint::Fpr5, 0.2)].into());
        let policy = |review, block| Policy { review, block }.thresholds(&points);
        let expected = Thresholds { review: 0.2, block: 0.9 };
        assert_eq!(policy(OperatingPoint::Fpr5, OperatingPoint::Fpr1), Ok(expected));
        assert!(policy(OperatingPoint::Fpr1, OperatingPoint::Fpr5).is_err());
        assert!(policy(OperatingPoint::Fpr5, OperatingPoint::Fpr01).is_err());
    }

    #[test]
    fn names_are_read_back() {
        for point in OperatingPoint::ALL {
            assert_eq!(point.name().parse(), Ok(point));
            assert_eq!(serde_json::to_string(&point).unwrap(), format!("\"{point}\""));
        }
        assert!("fpr_4%".parse::<OperatingPoint>().is_err());
    }
}
