//! `golden.jsonl`: inputs of the authors' own with the logits that the exported model gave them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::manifest::GOLDEN;
use crate::model::{Logits, Precision, TokenBatch, WindowScore};
use crate::threat::{Category, Channel, Source};

/// The largest accepted difference of a logit: far above the rounding of f32 in another order of summation (about 1e-4) and
/// three times what quantising makes at most of the default model's golden inputs; far below what a wrong weight or token
/// makes.
pub fn golden_tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 0.02,
        Precision::Auto | Precision::Int8 | Precision::F16 | Precision::Bf16 => 0.05,
    }
}

/// Golden inputs that a model may have: they are scored each time it is loaded.
const MAX_RECORDS: usize = 1000;

/// A model's golden inputs as windows, with what they must score where the model runs: for tests of a model that is loaded.
#[derive(Clone, Debug, Default)]
pub struct GoldenSet {
    windows: Vec<(Arc<[u32]>, Channel)>,
    expected: Vec<Logits>,
    /// The largest accepted difference of a logit.
    pub tolerance: f32,
}

impl GoldenSet {
    pub(super) fn new(records: &[GoldenRecord], batch: &TokenBatch, precision: Precision) -> Self {
        Self {
            windows: batch.windows().map(|(ids, channel)| (ids.into(), channel)).collect(),
            expected: records.iter().map(|record| record.logits).collect(),
            tolerance: golden_tolerance(precision),
        }
    }

    /// The token ids of each input, and whose text it is.
    pub fn windows(&self) -> &[(Arc<[u32]>, Channel)] {
        &self.windows
    }

    /// The largest difference of a logit to what it must be; infinite where a score is missing or no number.
    pub fn drift(&self, scores: &[WindowScore]) -> f32 {
        if scores.len() != self.expected.len() {
            return f32::INFINITY;
        }
        let pairs = self.expected.iter().zip(scores);
        let differences = pairs.flat_map(|(expected, score)| {
            Category::ALL.map(|category| (expected.get(category) - score.logits.get(category)).abs())
        });
        differences.fold(
            0.0,
            |largest, difference| if difference.is_finite() { difference.max(largest) } else { f32::INFINITY },
        )
    }
}

/// One golden input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRecord {
    /// A text that fits one window.
    pub text: String,
    /// Where it is said to come from.
    pub surface: Source,
    /// Its logits.
    pub logits: Logits,
}

impl GoldenRecord {
    /// Parses the file.
    ///
    /// # Errors
    /// A line is not a record, there is none, or there are too many.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, ArtifactError> {
        let text = std::str::from_utf8(bytes).map_err(|error| ArtifactError::invalid(GOLDEN, error))?;
        if text.lines().count() > MAX_RECORDS {
            return Err(ArtifactError::invalid(GOLDEN, format!("there are more than {MAX_RECORDS} golden inputs")));
        }
        let records = text
            .lines()
            .enumerate()
            .map(|(index, line)| {
                serde_json::from_str(line)
                    .map_err(|error| ArtifactError::invalid(GOLDEN, format!("line {}: {error}", index + 1)))
            })
            .collect::<Result<Vec<Self>, _>>()?;
        if records.is_empty() {
            return Err(ArtifactError::invalid(GOLDEN, "there is no golden input"));
        }
        Ok(records)
    }

    /// Compares this record, at `index` from 0, with what the model gave here.
    pub(super) fn check(&self, index: usize, actual: &Logits, precision: Precision) -> Result<(), ArtifactError> {
        let tolerance = golden_tolerance(precision);
        for category in Category::ALL {
            let (expected, actual) = (*self.logits.get(category), *actual.get(category));
            let is_close = (expected - actual).abs() <= tolerance;
            if !is_close {
                return Err(ArtifactError::Golden { index: index + 1, category, expected, actual, tolerance });
            }
        }
        Ok(())
    }
}
