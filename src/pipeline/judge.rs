//! The last stage: logits to probabilities, findings and a verdict.

use std::ops::Range;

use super::read::{ReadSegment, Reading};
use super::{AnalyzeError, Timings};
use crate::artifact::{Model, ModelId};
use crate::batch::Scored;
use crate::model::Logits;
use crate::policy::{Thresholds, decide};
use crate::threat::{Category, PerCategory, Verdict};

/// The name of the detector that a transformer's findings carry.
const CLASSIFIER: &str = "classifier";

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
    /// What was read.
    pub coverage: Coverage,
    /// Who read it.
    pub model: ModelId,
    /// How long it took.
    pub timings: Timings,
    /// Where it was computed.
    pub device: String,
}

/// A category's score in one segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoryScore {
    /// Calibrated.
    pub probability: f64,
    /// The model's raw log-odds.
    pub logit: f32,
    /// What the segment's channel is judged by.
    pub thresholds: Thresholds,
}

impl CategoryScore {
    fn verdict(&self) -> Verdict {
        self.thresholds.verdict(self.probability)
    }

    fn is_worse_than(&self, other: &Self) -> bool {
        (self.verdict(), self.probability) > (other.verdict(), other.probability)
    }
}

/// A place that carries an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it attempts.
    pub category: Category,
    /// The segment's position in the request.
    pub segment: usize,
    /// Bytes of the segment's content as it was sent.
    pub range: Range<usize>,
    /// What found it.
    pub detector: &'static str,
    /// Calibrated.
    pub probability: f64,
    /// The technique of MITRE ATLAS.
    pub atlas_id: &'static str,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes that were sent.
    pub bytes_total: usize,
    /// Bytes that the model read.
    pub bytes_scanned: usize,
    /// Tokens of text, each counted once.
    pub tokens: usize,
    /// Tokens that the vocabulary does not know.
    pub unknown_tokens: usize,
    /// Windows scored.
    pub windows: usize,
    /// Why not every byte was read; empty if every one was.
    pub incomplete: Vec<IncompleteReason>,
}

impl Coverage {
    /// True if every byte was read.
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
    }
}

/// Why not every byte was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncompleteReason {
    /// Bytes were not valid UTF-8.
    InvalidUtf8,
}

/// Judges a request from its windows' logits, which come in the order of `reading`'s windows.
pub(super) fn judge(model: &Model, reading: &Reading, scored: &Scored) -> Result<Analysis, AnalyzeError> {
    let mut worst: Option<PerCategory<CategoryScore>> = None;
    let mut findings = Vec::new();
    let mut logits = scored.logits.as_slice();
    for (index, segment) in reading.segments.iter().enumerate() {
        let (own, rest) = logits.split_at(segment.windows.len().min(logits.len()));
        logits = rest;
        findings.extend(Category::ALL.into_iter().flat_map(|category| find(model, index, segment, own, category)));
        let scores = score_segment(model, segment, own);
        worst = Some(worst.map_or(scores, |worst| {
            PerCategory::from_fn(|category| {
                let (score, worst) = (*scores.get(category), *worst.get(category));
                if score.is_worse_than(&worst) { score } else { worst }
            })
        }));
    }
    let scores = worst.ok_or(AnalyzeError::NoSegment)?;
    let coverage = cover(reading);
    Ok(Analysis {
        verdict: decide(scores.iter().map(|(_, score)| score.verdict()), coverage.is_complete()),
        risk: scores.iter().map(|(_, score)| score.probability).fold(0.0, f64::max),
        scores,
        findings,
        coverage,
        model: model.id.clone(),
        timings: Timings {
            canonicalize: reading.canonicalize,
            tokenize: reading.tokenize,
            queue: scored.queued,
            compute: scored.compute,
            batch_windows: scored.batch_windows,
        },
        device: model.scorer.device().to_owned(),
    })
}

/// A segment scores as its worst window.
fn score_segment(model: &Model, segment: &ReadSegment, logits: &[Logits]) -> PerCategory<CategoryScore> {
    let worst = logits.iter().copied().reduce(|a, b| a.max(&b)).unwrap_or_default();
    let channel = segment.source.channel();
    let probabilities = model.calibration.probabilities(channel, &worst);
    PerCategory::from_fn(|category| CategoryScore {
        probability: *probabilities.get(category),
        logit: *worst.get(category),
        thresholds: *model.thresholds.get(channel).get(category),
    })
}

/// The stretches of a segment whose windows are at or above the review threshold; windows that touch are one stretch.
fn find(model: &Model, index: usize, segment: &ReadSegment, logits: &[Logits], category: Category) -> Vec<Finding> {
    let channel = segment.source.channel();
    let threshold = model.thresholds.get(channel).get(category).review;
    let mut findings: Vec<Finding> = Vec::new();
    for (window, logits) in segment.windows.iter().zip(logits) {
        let probability = *model.calibration.probabilities(channel, logits).get(category);
        if probability < threshold {
            continue;
        }
        let range = segment.map.to_original(window.range.clone());
        match findings.last_mut() {
            Some(last) if range.start <= last.range.end => {
                last.range.end = last.range.end.max(range.end);
                last.probability = last.probability.max(probability);
            }
            _ => findings.push(Finding {
                category,
                segment: index,
                range,
                detector: CLASSIFIER,
                probability,
                atlas_id: category.atlas_id(channel),
            }),
        }
    }
    findings
}

fn cover(reading: &Reading) -> Coverage {
    let sum = |count: fn(&ReadSegment) -> usize| reading.segments.iter().map(count).sum::<usize>();
    let (bytes_total, n_invalid) = (sum(|segment| segment.n_bytes), sum(|segment| segment.n_invalid_bytes));
    Coverage {
        bytes_total,
        bytes_scanned: bytes_total - n_invalid,
        tokens: sum(|segment| segment.n_tokens),
        unknown_tokens: sum(|segment| segment.n_unknown),
        windows: sum(|segment| segment.windows.len()),
        incomplete: if n_invalid > 0 { vec![IncompleteReason::InvalidUtf8] } else { Vec::new() },
    }
}
