//! The JSON Lines contract of `classify`: what a line asks and what it is answered. Other tools read it.

use serde::{Deserialize, Serialize};

use crate::pipeline::{Analysis, Coverage, IncompleteReason};
use crate::threat::{PerCategory, Source, Verdict};

/// A text to classify. Other fields of the line are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct InputLine {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) surface: Source,
}

/// The answer to a line.
#[derive(Debug, Serialize)]
pub(super) struct OutputLine {
    id: String,
    risk: f64,
    scores: PerCategory<f64>,
    verdict: Verdict,
    findings: Vec<OutputFinding>,
    coverage: OutputCoverage,
    model: OutputModel,
}

/// UTF-8 byte offsets into the text, [start, end).
#[derive(Debug, Serialize)]
struct OutputFinding {
    category: &'static str,
    start: usize,
    end: usize,
    score: f64,
    detector: &'static str,
}

#[derive(Debug, Serialize)]
struct OutputCoverage {
    bytes: usize,
    tokens: usize,
    windows: usize,
    views: OutputViews,
    complete: bool,
    /// Why it is not complete.
    incomplete: Vec<&'static str>,
}

/// Texts that were read, by how they stand in the line's text.
#[derive(Debug, Serialize)]
struct OutputViews {
    visible: usize,
    hidden: usize,
    decoded: usize,
}

#[derive(Debug, Serialize)]
struct OutputModel {
    name: String,
    version: String,
}

impl OutputLine {
    pub(super) fn new(id: String, analysis: Analysis) -> Self {
        Self {
            id,
            risk: analysis.risk,
            scores: PerCategory::from_fn(|category| analysis.scores.get(category).probability),
            verdict: analysis.verdict,
            findings: analysis
                .findings
                .into_iter()
                .map(|finding| OutputFinding {
                    category: finding.category.name(),
                    start: finding.range.start,
                    end: finding.range.end,
                    score: finding.probability,
                    detector: finding.detector,
                })
                .collect(),
            coverage: OutputCoverage::new(&analysis.coverage),
            model: OutputModel { name: analysis.model.name, version: analysis.model.version },
        }
    }
}

impl OutputCoverage {
    fn new(coverage: &Coverage) -> Self {
        let views = coverage.views;
        Self {
            bytes: coverage.bytes_scanned,
            tokens: coverage.tokens,
            windows: coverage.windows,
            views: OutputViews { visible: views.visible, hidden: views.hidden, decoded: views.decoded },
            complete: coverage.is_complete(),
            incomplete: coverage.incomplete.iter().copied().map(IncompleteReason::name).collect(),
        }
    }
}
