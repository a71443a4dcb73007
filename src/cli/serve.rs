//! `serve`: the gRPC service.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::Server;
use crate::config::Settings;
use crate::deploy::{Origin, load_first};

/// Serve verdicts over gRPC until SIGTERM or SIGINT.
///
/// On either signal the health turns to NOT_SERVING, new work is refused with UNAVAILABLE, what was accepted is
/// answered, and the process exits. Flags win over environment variables, these over --config.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// TOML file with the same settings as the flags below, `_` in place of `-`
    #[arg(long, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let file = arguments.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let settings = arguments.settings.or(file);
    let config = settings.check()?;
    let (loader, configured) = (Arc::new(settings.model.loader(&settings.hub)?), settings.model.source().absolute());
    let (state, first) = (config.deploy.state.clone(), (loader.clone(), configured.clone()));
    let loaded = tokio::task::spawn_blocking(move || load_first(&*first.0, &first.1, state.as_ref())).await?;
    let (model, first) = loaded.with_context(|| format!("the model in {configured} is not loaded"))?;
    let origin = Origin { loader, first, configured, state: config.deploy.state.clone() };
    let (name, version, digest) = (model.id.name.clone(), model.id.version.clone(), model.id.digest.clone());
    let device = model.scorer.device().to_owned();
    let server = Server::bind(config, model).await?.with_origin(origin);
    let mut terminate = signal(SignalKind::terminate()).context("watching for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watching for SIGINT")?;
    let (address, metrics) = (server.local_addr()?, server.metrics_addr()?);
    let admin = server.admin_addr()?.map(|address| address.to_string());
    tracing::info!(%address, %metrics, admin, model = name, version, digest, device, "serving");
    server
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await?;
    tracing::info!("shut down; everything that was accepted was answered");
    Ok(ExitCode::SUCCESS)
}
