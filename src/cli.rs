//! The command line. Each subcommand is a file; what they share, finding a model, stands here.

mod bench;
mod classify;
mod contract;
mod health;
mod models;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::artifact::{ArtifactFiles, Model};
use crate::model::EngineOptions;
use crate::policy::{OperatingPoint, Policy};
use crate::telemetry::LogSettings;

/// A threat classifier for AI traffic: prompt injection, jailbreaks, exfiltration.
///
/// Serves verdicts over gRPC (`serve`), or reads texts here and now (`classify`). The default model is part of this
/// binary; text never leaves the machine and is never logged.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    log: LogSettings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Classify(classify::Arguments),
    Health(health::Arguments),
    #[command(subcommand)]
    Models(models::Command),
    #[command(subcommand)]
    Bench(bench::Command),
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// What went wrong, for a person to read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.log.start()?;
        match self.command {
            Command::Serve(arguments) => runtime()?.block_on(serve::run(*arguments)),
            Command::Classify(arguments) => runtime()?.block_on(classify::run(arguments)),
            Command::Health(arguments) => runtime()?.block_on(health::run(arguments)),
            Command::Models(command) => models::run(command),
            Command::Bench(command) => bench::run(command),
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// The files of the model in a folder, or of the embedded one.
fn model_files(folder: Option<PathBuf>) -> anyhow::Result<ArtifactFiles> {
    match folder {
        Some(folder) => Ok(ArtifactFiles::Folder(folder)),
        None => ArtifactFiles::embedded().context("this binary was built without a model; name one with --model DIR"),
    }
}

/// Verifies and loads a model.
fn load_model(folder: Option<PathBuf>, engine: EngineOptions) -> anyhow::Result<Model> {
    let files = model_files(folder)?;
    Model::load_with(&files, engine).with_context(|| format!("the model in {files} is refused"))
}

/// Lets a model judge by other operating points than its own, where they are given.
fn set_policy(
    model: &mut Model,
    review_at: Option<OperatingPoint>,
    block_at: Option<OperatingPoint>,
) -> anyhow::Result<()> {
    let own = model.policy;
    let policy = Policy { review: review_at.unwrap_or(own.review), block: block_at.unwrap_or(own.block) };
    model.set_policy(policy).map_err(anyhow::Error::msg).context("--review-at and --block-at cannot be kept")
}

/// Writes a line to standard output.
fn write_line(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{line}")
}
