//! `evaluate`: measures a model on labelled texts, through the real pipeline, and compares it to another.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis::artifact::{ArtifactFiles, Model};
use portcullis::pipeline::{Analysis, Options};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::data::{Example, hash, read, read_folder};
use crate::report::{Comparison, Evaluation, Judged, Report, reliability_diagram};
use crate::score::score;

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
    let examples = if arguments.data.is_dir() { read_folder(&arguments.data)? } else { read(&arguments.data)? };
    let examples = sample(examples, arguments.limit, arguments.seed);
    let (model, digest, analyses) = analyze(arguments.model.as_deref(), &examples)?;
    let texts = judged(&examples, &analyses);
    let report = Report::new(model, digest, &texts, arguments.seed);
    let mut evaluation = Evaluation { report, comparison: None };
    if let Some(folder) = &arguments.compare {
        let (model, digest, analyses) = analyze(Some(folder), &examples)?;
        let baseline_texts = judged(&examples, &analyses);
        let baseline = Report::new(model, digest, &baseline_texts, arguments.seed);
        evaluation.comparison = Some(Comparison::new(&evaluation.report, &texts, baseline, &baseline_texts));
    }
    write(arguments, &evaluation)?;
    crate::print(&evaluation.markdown())
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
        write(path, reliability_diagram(&evaluation.report)?.into_bytes())?;
    }
    Ok(())
}

/// The model's name, its digest, and what it says of every example.
fn analyze(folder: Option<&Path>, examples: &[Example]) -> Result<(String, String, Vec<Analysis>)> {
    let files = match folder {
        Some(folder) => ArtifactFiles::Folder(folder.to_owned()),
        None => ArtifactFiles::embedded().context("this build holds no model; name one with --model DIR")?,
    };
    let model = Model::load(&files).with_context(|| format!("the model in {files} is refused"))?;
    let (name, digest) = (format!("{} {}", model.id.name, model.id.version), model.id.digest.clone());
    let options = Options { spans: true, ..Options::default() };
    Ok((name, digest, score(model, examples, &options)?))
}

fn judged<'a>(examples: &'a [Example], analyses: &'a [Analysis]) -> Vec<Judged<'a>> {
    examples.iter().zip(analyses).map(|(example, analysis)| Judged { example, analysis }).collect()
}

/// A random part of the examples, in their order.
fn sample(examples: Vec<Example>, limit: Option<usize>, seed: u64) -> Vec<Example> {
    let amount = limit.unwrap_or(examples.len()).min(examples.len());
    let mut rng = SmallRng::seed_from_u64(hash((seed, "sample")));
    let mut chosen = rand::seq::index::sample(&mut rng, examples.len(), amount).into_vec();
    chosen.sort_unstable();
    let mut examples: Vec<Option<Example>> = examples.into_iter().map(Some).collect();
    chosen.into_iter().filter_map(|index| examples[index].take()).collect()
}
