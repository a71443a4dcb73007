//! Trains, calibrates, evaluates and exports Portcullis models.

mod base;
mod calibrate;
mod config;
mod data;
mod dropout;
mod evaluate;
mod export;
mod fit;
mod metrics;
mod optimizer;
mod run;
mod score;
mod windows;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains, calibrates, evaluates and exports Portcullis models.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fit(fit::Arguments),
    Calibrate(calibrate::Arguments),
    Evaluate(evaluate::Arguments),
    Export(export::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
    }
}

/// Writes text to standard output, with a line's end.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
