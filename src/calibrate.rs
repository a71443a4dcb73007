//! Logits to probabilities that mean what they say: Platt scaling (Platt 1999), one map a channel and category.
//!
//! Pure numbers. The maps are fitted by `portcullis-train calibrate` on texts that the model was not trained on.

use serde::{Deserialize, Serialize};

use crate::model::Logits;
use crate::threat::{Channel, PerCategory, PerChannel};

/// p = 1 / (1 + e^-(slope * logit + intercept))
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// Above 0, so that a higher logit never means a lower probability.
    pub slope: f64,
    /// The log-odds at logit 0.
    pub intercept: f64,
}

impl Platt {
    /// The probability of a logit.
    pub fn probability(self, logit: f32) -> f64 {
        1.0 / (1.0 + (-(self.slope * f64::from(logit) + self.intercept)).exp())
    }
}

/// The maps of one model, by channel and category.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibration(pub PerChannel<PerCategory<Platt>>);

impl Calibration {
    /// Calibrated probabilities of a text's logits.
    pub fn probabilities(&self, channel: Channel, logits: &Logits) -> PerCategory<f64> {
        let maps = self.0.get(channel);
        PerCategory::from_fn(|category| maps.get(category).probability(*logits.get(category)))
    }

    /// Checks that the maps are finite and rising.
    ///
    /// # Errors
    /// A sentence that names the map that is off.
    pub fn validate(&self) -> Result<(), String> {
        for (channel, maps) in self.0.iter() {
            for (category, map) in maps.iter() {
                if !(map.slope > 0.0 && map.slope.is_finite() && map.intercept.is_finite()) {
                    let channel = channel.name();
                    return Err(format!("{channel}.{category} must have a finite intercept and a slope above 0"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_rise_with_logits_and_stay_in_bounds() {
        let map = Platt { slope: 0.7, intercept: -1.0 };
        assert!((map.probability(0.0) - 1.0 / (1.0 + 1f64.exp())).abs() < 1e-12);
        let probabilities = [-1e30, -10.0, 0.0, 10.0, 1e30].map(|logit| map.probability(logit));
        assert!(probabilities.is_sorted() && probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
