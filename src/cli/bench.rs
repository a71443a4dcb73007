//! `bench`: how fast this machine computes, alone (`engine`) and as a server under load (`serve`, and `targets` for what it must
//! hold), and what callers notice when models are exchanged (`swap`).

mod copies;
mod engine;
mod random;
mod serve;
mod swap;
mod workload;

use std::process::ExitCode;

/// Measure how fast this machine computes.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Engine(engine::Arguments),
    Serve(Box<serve::Arguments>),
    Targets(serve::targets::Arguments),
    Swap(swap::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Engine(arguments) => engine::run(&arguments),
        Command::Serve(arguments) => super::runtime()?.block_on(serve::run(*arguments)),
        Command::Targets(arguments) => super::runtime()?.block_on(serve::targets::run(arguments)),
        Command::Swap(arguments) => swap::run(&arguments),
    }
}
