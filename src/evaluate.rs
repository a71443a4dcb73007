//! How well a model does on labelled texts, through the server's own pipeline; and whether it does worse than another one.
//!
//! A report holds ids, names and numbers, never a text. Nothing here decides what is served: `models compare` and
//! `portcullis-train export` act on what is found out.

mod bootstrap;
mod examples;
mod gate;
mod metrics;
mod report;
mod score;

pub use examples::{Example, Label, Row, files, hash, is_gzip, read, read_lines, sample, stem};
pub use gate::{Bounds, Worse};
pub use report::Evaluation;
pub use score::{Latency, score};

use std::io;
use std::path::PathBuf;

use crate::artifact::Model;
use crate::pipeline::{AnalyzeError, Options};
use report::{Comparison, DrawError, Judged, Measured, Report};
use score::Reader;

/// Why a model could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A file or folder of texts cannot be read.
    #[error("reading {}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is no labelled text. The error says where, not what.
    #[error("{}, line {line}: not a labelled text", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where in the line.
        source: serde_json::Error,
    },
    /// There is nothing to read.
    #[error("{} holds no .jsonl or .jsonl.gz file", .0.display())]
    NoFile(PathBuf),
    /// There is too little to say which of two models is better.
    #[error("two models are compared on 50 attacks and 50 harmless texts or more")]
    TooFew,
    /// The system starts no thread.
    #[error("starting the model")]
    Start(#[source] io::Error),
    /// A text was not read.
    #[error("reading a text")]
    Analyze(#[from] AnalyzeError),
    /// A diagram cannot be drawn.
    #[error("drawing a diagram")]
    Draw(#[from] DrawError),
}

/// Measures a model on labelled texts and, if there is a baseline, holds it against that one, on the same texts.
///
/// # Errors
/// A model fails.
pub fn evaluate(
    model: Model,
    baseline: Option<Model>,
    examples: &[Example],
    seed: u64,
    bounds: Bounds,
) -> Result<Evaluation, EvaluateError> {
    let reader = Reader::start(model)?;
    let analyses = reader.score(examples, &answers_with_spans())?;
    let texts = Judged::zip(examples, &analyses);
    let report = Report::new(reader.name(), reader.digest(), &texts, seed);
    let Some(baseline) = baseline else { return Ok(Evaluation { report, comparison: None }) };
    let other = Reader::start(baseline)?;
    let other_analyses = other.score(examples, &answers_with_spans())?;
    let other_texts = Judged::zip(examples, &other_analyses);
    let other_report = Report::new(other.name(), other.digest(), &other_texts, seed);
    let [latency, other_latency] = Latency::of([&reader, &other], examples)?;
    let new = Measured { report: &report, texts: &texts, latency };
    let old = Measured { report: &other_report, texts: &other_texts, latency: other_latency };
    let comparison = Comparison::new(&new, &old, bounds);
    Ok(Evaluation { report, comparison: Some(comparison) })
}

fn answers_with_spans() -> Options {
    Options { spans: true, ..Options::default() }
}
