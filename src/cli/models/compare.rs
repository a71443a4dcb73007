//! `models compare`: whether a model is worse than the one that it would replace, on labelled texts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};

use crate::artifact::{Model, TrustPolicy};
use crate::cli::write_line;
use crate::config::HubSettings;
use crate::evaluate::{Bounds, evaluate, read, sample};
use crate::fetch::{Hub, ModelSource};
use crate::model::EngineOptions;

/// Which models, on which texts.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The model before: a folder, hf:OWNER/NAME@COMMIT, or embedded. No signature is looked at: nothing is served
    #[arg(value_name = "BASELINE")]
    baseline: ModelSource,
    /// The model that shall replace it
    #[arg(value_name = "MODEL")]
    model: ModelSource,
    /// Labelled texts that neither was trained on: .jsonl[.gz] files, or folders of them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Measure on a random sample of so many texts
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Of the sample and of the bootstrap
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// File for the report as JSON, beside the tables on standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File for the report as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    hub: HubSettings,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut examples = Vec::new();
    for path in &arguments.data {
        examples.extend(read(path)?);
    }
    let examples = sample(examples, arguments.limit, arguments.seed);
    ensure!(!examples.is_empty(), "there is no text to compare the models on");
    let hub = arguments.hub.hub();
    let (model, baseline) = (load(&arguments.model, &hub)?, load(&arguments.baseline, &hub)?);
    let evaluation = evaluate(model, Some(baseline), &examples, arguments.seed, arguments.bounds)?;
    let is_worse = !evaluation.worse()?.is_empty();
    if let Some(path) = &arguments.json {
        write(path, &serde_json::to_vec_pretty(&evaluation)?)?;
    }
    if let Some(path) = &arguments.html {
        write(path, evaluation.html()?.as_bytes())?;
    }
    write_line(&evaluation.markdown())?;
    Ok(if is_worse { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn load(source: &ModelSource, hub: &Hub) -> anyhow::Result<Model> {
    let files = source.files(hub)?;
    let model = TrustPolicy::Anyone.load(&files, EngineOptions::default());
    model.with_context(|| format!("the model in {files} is refused"))
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}
