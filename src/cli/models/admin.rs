//! `models` on a running server: what its admin listener does, from a terminal.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::table;
use crate::cli::{runtime, write_line};
use crate::config::default_admin_url;
use crate::fetch::ModelSource;
use crate::grpc::v1;
use crate::grpc::v1::ModelStage;
use crate::grpc::v1::model_service_client::ModelServiceClient;

/// How a server is known, and how it knows the caller.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Tls {
    /// Authorities that vouch for the server, a PEM file: for a listener with certificates, of an https URL
    #[arg(long, env = "PORTCULLIS_ADMIN_TLS_CA", value_name = "FILE", requires_all = ["cert", "key"])]
    tls_ca: Option<PathBuf>,
    /// The caller's certificate, a PEM file
    #[arg(long, env = "PORTCULLIS_ADMIN_CERT", value_name = "FILE", requires = "tls_ca")]
    cert: Option<PathBuf>,
    /// Private key of that certificate, a PEM file
    #[arg(long, env = "PORTCULLIS_ADMIN_KEY", value_name = "FILE", requires = "tls_ca")]
    key: Option<PathBuf>,
}

impl Tls {
    fn config(&self) -> anyhow::Result<Option<ClientTlsConfig>> {
        let Self { tls_ca: Some(authorities), cert: Some(certificate), key: Some(key) } = self else { return Ok(None) };
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
        let identity = Identity::from_pem(read(certificate)?, read(key)?);
        let authorities = Certificate::from_pem(read(authorities)?);
        Ok(Some(ClientTlsConfig::new().ca_certificate(authorities).identity(identity)))
    }
}

/// The server whose models are meant.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Target {
    /// Admin listener of the server
    #[arg(long, env = "PORTCULLIS_ADMIN", default_value_t = default_admin_url(), value_name = "URL")]
    admin: String,
    /// State on which the change was decided; refused if it is another by now [default: the state now]
    #[arg(long, value_name = "ETAG")]
    etag: Option<String>,
    #[command(flatten)]
    tls: Tls,
}

/// Changes of a running server's models. Models are named NAME, NAME@VERSION or by the first digits of their digest.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Load a model beside those that a server has, as the candidate, and wait until it is ready; exit status 1 and the
    /// reason if it is refused
    Load {
        /// Folder on the server, hf:OWNER/NAME@COMMIT, or embedded
        #[arg(value_name = "MODEL")]
        source: ModelSource,
        /// Only find out whether it would be accepted, and drop it
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Drop a model that is not active
    Unload {
        /// The model
        #[arg(value_name = "NAME")]
        model: String,
        #[command(flatten)]
        target: Target,
    },
    /// Make the candidate the active model
    Promote {
        /// The model [default: the candidate]
        #[arg(value_name = "NAME")]
        model: Option<String>,
        /// Share of the requests that the model before it goes on to read, for comparison
        #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
        shadow: f64,
        #[command(flatten)]
        target: Target,
    },
    /// Take the last promotion, or the candidate's shares, back
    Rollback {
        /// Why, for the audit log
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Give the candidate shares of the traffic
    Traffic {
        /// Share of the requests that the candidate reads after they were answered
        #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
        shadow: f64,
        /// Share of the callers whom the candidate answers
        #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
        canary: f64,
        #[command(flatten)]
        target: Target,
    },
    /// Show the models of a server until interrupted, drawn anew with each change on a terminal
    Watch {
        #[command(flatten)]
        target: Target,
    },
    /// What `list --admin` does.
    #[command(skip)]
    Show(Target),
}

impl Command {
    /// Shows the models of a server once.
    pub(super) fn list(admin: String, tls: Tls) -> Self {
        Self::Show(Target { admin, etag: None, tls })
    }
}

type Client = ModelServiceClient<Channel>;
type Changed = Result<tonic::Response<v1::ListModelsResponse>, tonic::Status>;

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        match command {
            Command::Load { source, dry_run: true, target } => validate(connect(&target).await?, source).await,
            Command::Load { source, dry_run: false, target } => load(&target, source).await,
            Command::Unload { model: name, target } => {
                let (mut client, now) = open(&target).await?;
                show(client.unload_model(v1::UnloadModelRequest { name, etag: now.etag }).await)
            }
            Command::Promote { model, shadow, target } => promote(&target, model, shadow).await,
            Command::Rollback { reason, target } => {
                let (mut client, now) = open(&target).await?;
                show(client.rollback(v1::RollbackRequest { etag: now.etag, reason }).await)
            }
            Command::Traffic { shadow, canary, target } => traffic(&target, shadow, canary).await,
            Command::Watch { target } => watch(connect(&target).await?).await,
            Command::Show(target) => show(Ok(tonic::Response::new(open(&target).await?.1))),
        }
    })
}

async fn connect(target: &Target) -> anyhow::Result<Client> {
    let mut endpoint = Endpoint::from_shared(target.admin.clone()).context("--admin is no URL")?;
    if let Some(tls) = target.tls.config()? {
        ensure!(target.admin.starts_with("https://"), "certificates are shown to https URLs alone: {}", target.admin);
        endpoint = endpoint.tls_config(tls).context("the certificates")?;
    }
    let channel = endpoint.connect().await;
    let channel =
        channel.with_context(|| format!("connecting to {}; was the server started with --admin-listen?", target.admin));
    Ok(ModelServiceClient::new(channel?))
}

/// A client with the models now, under the etag on which a change is to be made.
async fn open(target: &Target) -> anyhow::Result<(Client, v1::ListModelsResponse)> {
    let mut client = connect(target).await?;
    let mut now = client.list_models(v1::ListModelsRequest {}).await.map_err(refused)?.into_inner();
    if let Some(etag) = &target.etag {
        now.etag.clone_from(etag);
    }
    Ok((client, now))
}

/// Writes what the models are after a change, or fails with why there was none.
fn show(changed: Changed) -> anyhow::Result<ExitCode> {
    write_line(&table::render(&changed.map_err(refused)?.into_inner()))?;
    Ok(ExitCode::SUCCESS)
}

async fn promote(target: &Target, model: Option<String>, shadow: f64) -> anyhow::Result<ExitCode> {
    let (mut client, now) = open(target).await?;
    let active = model.map_or_else(|| candidate(&now), Ok)?;
    let shadow = share(digest_of(&now, ModelStage::Active)?, shadow);
    show(client.set_traffic(v1::SetTrafficRequest { active, shadow, canary: None, etag: now.etag }).await)
}

async fn traffic(target: &Target, shadow: f64, canary: f64) -> anyhow::Result<ExitCode> {
    let (mut client, now) = open(target).await?;
    let model = candidate(&now)?;
    let (shadow, canary) = (share(model.clone(), shadow), share(model, canary));
    show(client.set_traffic(v1::SetTrafficRequest { active: String::new(), shadow, canary, etag: now.etag }).await)
}

async fn validate(mut client: Client, source: ModelSource) -> anyhow::Result<ExitCode> {
    let request = v1::ValidateModelRequest { source: source.absolute().to_string() };
    let answer = client.validate_model(request).await.map_err(refused)?.into_inner();
    match answer.r#ref {
        Some(id) if answer.accepted => {
            write_line(&format!("accepted: {} {} sha256:{}", id.name, id.version, id.digest))?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("{}", answer.reason),
    }
}

async fn load(target: &Target, source: ModelSource) -> anyhow::Result<ExitCode> {
    let (mut client, now) = open(target).await?;
    let source = source.absolute().to_string();
    client.load_model(v1::LoadModelRequest { source: source.clone(), etag: now.etag }).await.map_err(refused)?;
    let mut states = client.watch_models(v1::WatchModelsRequest {}).await.map_err(refused)?.into_inner();
    let mut last = ModelStage::Unspecified;
    while let Some(state) = states.message().await.map_err(refused)? {
        let candidate = state.models.iter().find(|model| model.source == source && is_candidate(model.stage()));
        let Some(candidate) = candidate else { bail!("someone else has unloaded it") };
        if candidate.stage() != last {
            last = candidate.stage();
            write_line(table::stage_name(last))?;
        }
        match last {
            ModelStage::Failed => bail!("{}", candidate.reason),
            ModelStage::Ready => return Ok(ExitCode::SUCCESS),
            _ => {}
        }
    }
    bail!("the server has ended")
}

async fn watch(mut client: Client) -> anyhow::Result<ExitCode> {
    let mut states = client.watch_models(v1::WatchModelsRequest {}).await.map_err(refused)?.into_inner();
    // Home, and clear what is below: the table is drawn in the place of the former one.
    let clear = if stdout().is_terminal() { "\x1b[H\x1b[J" } else { "" };
    while let Some(state) = states.message().await.map_err(refused)? {
        write_line(&format!("{clear}{}", table::render(&state)))?;
    }
    bail!("the server has ended")
}

fn is_candidate(stage: ModelStage) -> bool {
    use ModelStage::{Active, Draining, Standby, Unspecified};
    !matches!(stage, Active | Standby | Draining | Unspecified)
}

/// The digest of the candidate that is ready.
fn candidate(state: &v1::ListModelsResponse) -> anyhow::Result<String> {
    let stages = [ModelStage::Ready, ModelStage::Shadow, ModelStage::Canary];
    let found = stages.into_iter().find_map(|stage| digest_of(state, stage).ok());
    found.context("there is no candidate that is ready; see `portcullis models watch`")
}

fn digest_of(state: &v1::ListModelsResponse, stage: ModelStage) -> anyhow::Result<String> {
    let model = state.models.iter().find(|model| model.stage() == stage);
    let id = model.and_then(|model| model.r#ref.as_ref());
    id.map(|id| id.digest.clone()).with_context(|| format!("no model is {}", table::stage_name(stage)))
}

fn share(model: String, share: f64) -> Option<v1::TrafficShare> {
    (share > 0.0).then_some(v1::TrafficShare { model, share })
}

fn refused(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", status.code(), status.message())
}
