//! `bench`: how fast this machine computes, and what callers notice when models are exchanged.

mod engine;
mod swap;
mod workload;

use std::process::ExitCode;

/// Measure how fast this machine computes.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Engine(engine::Arguments),
    Swap(swap::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Engine(arguments) => engine::run(&arguments),
        Command::Swap(arguments) => swap::run(&arguments),
    }
}
