//! The `portcullis` binary: arguments in, exit status out.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use portcullis::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    Cli::parse().run()
}
