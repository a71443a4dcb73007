//! Examples through the real pipeline, the same code as the server's: what it says, and how long it takes.

use std::time::{Duration, Instant};

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::EvaluateError;
use super::examples::Example;
use crate::admission::{Admission, InFlightLimits};
use crate::artifact::Model;
use crate::batch::Limits;
use crate::cache::CacheLimits;
use crate::caller::Caller;
use crate::pipeline::{Analysis, AnalyzeError, Content, Options, Pipeline, Segment};

/// Examples under way at the same time.
const CONCURRENT: usize = 64;
/// Texts whose time is measured.
const TIMED_TEXTS: usize = 200;

/// Analyses every example; the answers come in their order.
///
/// # Errors
/// The model fails.
pub fn score(model: Model, examples: &[Example], options: &Options) -> Result<Vec<Analysis>, EvaluateError> {
    Reader::start(model)?.score(examples, options)
}

/// A model that reads examples.
pub(super) struct Reader {
    pipeline: Pipeline,
    admission: Admission,
    runtime: Runtime,
}

impl Reader {
    pub(super) fn start(model: Model) -> Result<Self, EvaluateError> {
        let pipeline = Pipeline::start(model, Limits::tokens(4096), CacheLimits::NONE).map_err(EvaluateError::Start)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(EvaluateError::Start)?;
        Ok(Self { pipeline, admission: Admission::new(InFlightLimits::NONE), runtime })
    }

    /// Name and version.
    pub(super) fn name(&self) -> String {
        let id = &self.pipeline.model().id;
        format!("{} {}", id.name, id.version)
    }

    pub(super) fn digest(&self) -> String {
        self.pipeline.model().id.digest.clone()
    }

    /// What the model says of each example, in their order.
    pub(super) fn score(&self, examples: &[Example], options: &Options) -> Result<Vec<Analysis>, EvaluateError> {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} texts {elapsed} eta {eta}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(examples.len() as u64).with_style(style);
        bar.enable_steady_tick(Duration::from_secs(1));
        let analyses = self.runtime.block_on(async {
            futures::stream::iter(examples)
                .map(|example| self.analyze(example, options))
                .buffered(CONCURRENT)
                .inspect(|_| bar.inc(1))
                .collect::<Vec<_>>()
                .await
        });
        bar.finish_and_clear();
        Ok(analyses.into_iter().collect::<Result<_, AnalyzeError>>()?)
    }

    async fn analyze(&self, example: &Example, options: &Options) -> Result<Analysis, AnalyzeError> {
        let admitted = self.admission.admit(Caller::default(), example.text.len())?;
        let segment = Segment { source: example.source, content: Content::Text(example.text.clone()) };
        self.pipeline.analyze(&admitted, vec![segment], options.clone()).await
    }

    /// How long an answer takes if nothing else is asked for.
    fn time(&self, example: &Example) -> Result<Duration, EvaluateError> {
        let begin = Instant::now();
        self.runtime.block_on(self.analyze(example, &Options::default()))?;
        Ok(begin.elapsed())
    }
}

/// How long a model takes for a text alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Texts that were timed.
    pub n_texts: usize,
    /// Half of them took no longer.
    pub median_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
}

impl Latency {
    /// Of two models, in turns on each text, so that what else the machine does burdens both alike.
    pub(super) fn of(readers: [&Reader; 2], examples: &[Example]) -> Result<[Self; 2], EvaluateError> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for example in examples.iter().take(TIMED_TEXTS) {
            let [one, other] = readers;
            first.push(one.time(example)?);
            second.push(other.time(example)?);
        }
        Ok([Self::new(first), Self::new(second)])
    }

    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let quantile = |share: f64| {
            let place = (times.len().saturating_sub(1) as f64 * share).round() as usize;
            times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self { n_texts: times.len(), median_ms: quantile(0.5), p95_ms: quantile(0.95) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_times() {
        let latency = Latency::new((1..=101).rev().map(Duration::from_millis).collect());
        assert_eq!(latency, Latency { n_texts: 101, median_ms: 51.0, p95_ms: 96.0 });
        assert_eq!(Latency::new(Vec::new()), Latency { n_texts: 0, median_ms: 0.0, p95_ms: 0.0 });
    }
}
