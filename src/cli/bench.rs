//! `bench`: how fast this machine computes, without a server.

mod engine;
mod workload;

use std::process::ExitCode;

/// Measure how fast this machine computes.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Engine(engine::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Engine(arguments) => engine::run(&arguments),
    }
}
