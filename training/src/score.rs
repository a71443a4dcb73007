//! Examples through the real pipeline: the same code as the server's.

use std::time::Duration;

use anyhow::Result;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use portcullis::admission::{Admission, InFlightLimits};
use portcullis::artifact::Model;
use portcullis::batch::Limits;
use portcullis::cache::CacheLimits;
use portcullis::caller::Caller;
use portcullis::pipeline::{Analysis, Content, Options, Pipeline, Segment};

use crate::data::Example;

/// Examples under way at the same time.
const CONCURRENT: usize = 64;

/// Analyses every example; the answers come in their order.
pub fn score(model: Model, examples: &[Example], options: &Options) -> Result<Vec<Analysis>> {
    let pipeline = Pipeline::start(model, Limits::tokens(4096), CacheLimits::NONE)?;
    let admission = Admission::new(InFlightLimits::NONE);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} texts {elapsed} eta {eta}")?;
    let bar = ProgressBar::new(examples.len() as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_secs(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let analyses = runtime.block_on(async {
        let (pipeline, admission) = (&pipeline, &admission);
        futures::stream::iter(examples)
            .map(|example| async move {
                let admitted = admission.admit(Caller::default(), example.text.len())?;
                let segment = Segment { source: example.source, content: Content::Text(example.text.clone()) };
                Ok(pipeline.analyze(&admitted, vec![segment], options.clone()).await?)
            })
            .buffered(CONCURRENT)
            .inspect(|_| bar.inc(1))
            .collect::<Vec<Result<Analysis>>>()
            .await
    });
    bar.finish_and_clear();
    analyses.into_iter().collect()
}
