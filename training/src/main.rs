//! Trains, calibrates, evaluates and exports Portcullis models.

mod attack;
mod base;
mod calibrate;
mod config;
mod data;
mod device;
mod dropout;
mod evaluate;
mod export;
mod fit;
mod generate;
mod hub;
mod logistic;
mod ml_bom;
mod optimizer;
mod prepare;
mod run;
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
    Generate(generate::Arguments),
    Prepare(prepare::Arguments),
    Attack(attack::Arguments),
    Fit(fit::Arguments),
    Calibrate(calibrate::Arguments),
    Evaluate(evaluate::Arguments),
    Export(export::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Prepare(arguments) => prepare::run(&arguments),
        Command::Attack(arguments) => attack::run(&arguments),
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
