//! `models`: what there is, and whether it is what it says.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{load_model, model_files, write_line};
use crate::artifact::{ArtifactFiles, Manifest};
use crate::model::EngineOptions;

/// List models, or verify one.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the embedded model and those in subfolders of a folder
    List {
        /// Folder whose subfolders are models
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Check a model's digests, load it and score its golden inputs; exit status 1 and the reason if it is refused
    Verify {
        /// Folder of the model; the embedded one if left out
        #[arg(value_name = "DIR")]
        model: Option<PathBuf>,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { folder } => list(folder),
        Command::Verify { model } => {
            let model = load_model(model, EngineOptions::default())?;
            write_line(&format!("accepted: {} {} sha256:{}", model.id.name, model.id.version, model.id.digest))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let mut all: Vec<ArtifactFiles> = model_files(None).into_iter().collect();
    if let Some(folder) = folder {
        let mut folders =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        folders.retain(|folder| folder.is_dir());
        folders.sort();
        all.extend(folders.into_iter().map(ArtifactFiles::Folder));
    }
    for files in all {
        match Manifest::read(&files) {
            Ok((manifest, digest)) => {
                write_line(&format!("{} {} sha256:{digest} ({files})", manifest.name, manifest.version))?;
            }
            Err(error) => write_line(&format!("refused: {files}: {error}"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
