//! `evaluate`: measures a model on labelled texts, through the real pipeline, and compares it to another.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis::artifact::{ArtifactFiles, Model};
use portcullis::evaluate::{Bounds, Evaluation, evaluate, read, sample};

/// Measure a model on labelled texts: recall, AUC, calibration, spans and verdicts, by source, set, language, length and
/// attack.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of labelled .jsonl[.gz] files, or one such file
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Folder of the model; the embedded one if left out
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Folder of another model to compare it to
    #[arg(long, value_name = "DIR")]
    compare: Option<PathBuf>,
    /// Measure on a random sample of so many texts
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Of the sample and of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the report as JSON, beside the tables on standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// File for the report as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// File for the reliability diagram as SVG
    #[arg(long, value_name = "FILE")]
    reliability: Option<PathBuf>,
}

/// Runs `evaluate`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let examples = sample(read(&arguments.data)?, arguments.limit, arguments.seed);
    let model = match &arguments.model {
        Some(folder) => load(folder)?,
        None => {
            let files = ArtifactFiles::embedded().context("this build holds no model; name one with --model DIR")?;
            Model::load(&files)?
        }
    };
    let baseline = arguments.compare.as_deref().map(load).transpose()?;
    let evaluation = evaluate(model, baseline, &examples, arguments.seed, Bounds::DEFAULT)?;
    write(arguments, &evaluation)?;
    crate::print(&evaluation.markdown())
}

/// Loads a model that is looked at, not served.
pub fn load(folder: &Path) -> Result<Model> {
    let files = ArtifactFiles::Folder(folder.to_owned());
    Model::load(&files).with_context(|| format!("the model in {files} is refused"))
}

fn write(arguments: &Arguments, evaluation: &Evaluation) -> Result<()> {
    let write = |path: &Path, content: Vec<u8>| {
        std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
    };
    if let Some(path) = &arguments.output {
        write(path, serde_json::to_vec_pretty(evaluation)?)?;
    }
    if let Some(path) = &arguments.html {
        write(path, evaluation.html()?.into_bytes())?;
    }
    if let Some(path) = &arguments.reliability {
        write(path, evaluation.reliability_diagram()?.into_bytes())?;
    }
    Ok(())
}
