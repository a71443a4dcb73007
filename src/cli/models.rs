//! `models`: what there is, whether it is what it says, and who says so; and which of them a server uses.

mod admin;
mod compare;
mod table;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::write_line;
use crate::artifact::{ArtifactFiles, Manifest, TrustPolicy};
use crate::config::{HubSettings, read_keys};
use crate::fetch::{Hub, ModelSource};
use crate::model::EngineOptions;
use crate::signing::{PrivateKey, SIGNATURE, Statement, sign};

/// List, verify, sign or compare models, and change those of a running server.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the embedded model and those in subfolders of a folder, or those of a running server
    List {
        /// Folder whose subfolders are models
        #[arg(long, value_name = "DIR", conflicts_with = "admin")]
        folder: Option<PathBuf>,
        /// Admin listener of the server
        #[arg(long, value_name = "URL")]
        admin: Option<String>,
        #[command(flatten)]
        tls: admin::Tls,
    },
    /// Check a model's signature and digests, load it and score its golden inputs; exit status 1 and the reason if it is
    /// refused
    Verify {
        /// Folder of the model, or hf:OWNER/NAME@COMMIT; the embedded one if left out
        #[arg(value_name = "MODEL")]
        model: Option<ModelSource>,
        /// Public key that must have signed the model; may be repeated: one of them. Without it, no signature is looked at
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        #[command(flatten)]
        hub: HubSettings,
    },
    /// Make a pair of keys: private.pem to sign with, which only you may read, and public.pem to give away
    Keygen {
        /// Folder to write them to; keys that are there are never replaced
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Sign every file in a model's folder, by OpenSSF Model Signing v1.0
    Sign {
        /// Folder of the model
        #[arg(value_name = "DIR")]
        model: PathBuf,
        /// Private key, a PEM file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// File to write the signature to [default: model.sig in the folder, where it is looked for]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Hold a model against the one that it would replace, on labelled texts: quality, calibration, verdicts that flip,
    /// latency; exit status 1 if it is worse beyond the bounds
    Compare(Box<compare::Arguments>),
    #[command(flatten)]
    Server(admin::Command),
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { folder: _, admin: Some(admin), tls } => admin::run(admin::Command::list(admin, tls)),
        Command::List { folder, admin: None, tls: _ } => list(folder),
        Command::Verify { model, key, hub } => verify(model.as_ref(), &key, &hub.hub()),
        Command::Keygen { out } => keygen(&out),
        Command::Sign { model, key, out } => sign_folder(&model, &key, out.as_deref()),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Server(command) => admin::run(command),
    }
}

fn list(folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let mut all: Vec<ArtifactFiles> = ArtifactFiles::embedded().into_iter().collect();
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

fn verify(model: Option<&ModelSource>, keys: &[PathBuf], hub: &Hub) -> anyhow::Result<ExitCode> {
    let trust = if keys.is_empty() { TrustPolicy::Anyone } else { TrustPolicy::SignedBy(read_keys(keys)?) };
    let files = model.cloned().unwrap_or_default().files(hub)?;
    let model =
        trust.load(&files, EngineOptions::default()).with_context(|| format!("the model in {files} is refused"))?;
    let signed = if keys.is_empty() { "" } else { ", signed with a given key" };
    write_line(&format!("accepted: {} {} sha256:{}{signed}", model.id.name, model.id.version, model.id.digest))?;
    Ok(ExitCode::SUCCESS)
}

fn keygen(folder: &Path) -> anyhow::Result<ExitCode> {
    let key = PrivateKey::generate()?;
    let public = key.public()?;
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    for (name, mode, pem) in [("private.pem", 0o600, key.to_pem()?.as_str()), ("public.pem", 0o644, public.to_pem())] {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(pem.as_bytes()))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    write_line(&format!("key {}", public.id()))?;
    Ok(ExitCode::SUCCESS)
}

fn sign_folder(folder: &Path, key: &Path, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let pem = std::fs::read_to_string(key).with_context(|| format!("reading {}", key.display()))?;
    let key = PrivateKey::from_pem(&pem).with_context(|| key.display().to_string())?;
    let statement = Statement::of_folder(folder).with_context(|| format!("{} cannot be signed", folder.display()))?;
    let out = out.map_or_else(|| folder.join(SIGNATURE), Path::to_owned);
    std::fs::write(&out, sign(&statement, &key)?).with_context(|| format!("writing {}", out.display()))?;
    write_line(&format!("signed {} files with key {}: {}", statement.files.len(), key.public()?.id(), out.display()))?;
    Ok(ExitCode::SUCCESS)
}
