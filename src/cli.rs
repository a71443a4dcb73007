//! The command line. Each subcommand is a file; what they share, loading a model, stands here.

mod bench;
mod classify;
mod contract;
mod health;
mod models;
mod serve;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::artifact::Model;
use crate::config::{HubSettings, ModelSettings};
use crate::deploy::ModelLoader;
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
        let _telling = self.log.start()?;
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

/// Fetches, verifies and loads the model that the settings name, with their operating points in place of its own.
fn load_model(settings: &ModelSettings, hub: &HubSettings) -> anyhow::Result<Model> {
    let source = settings.source();
    let loader = settings.loader(hub)?;
    loader.load(&source, &|_| Ok(())).with_context(|| format!("the model in {source} is not loaded"))
}

/// Writes a line to standard output.
fn write_line(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{line}")
}
