//! `bench swap`: two models that take each other's place under load, on a server in this process: what callers notice of it,
//! and whether memory grows.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::copies::Copies;
use super::engine::percentile_ms;
use crate::app::Server;
use crate::artifact::TrustPolicy;
use crate::cli::{runtime, write_line};
use crate::config::{HubSettings, ModelSettings, Settings};
use crate::deploy::{ModelLoader, Origin};
use crate::fetch::ModelSource;
use crate::grpc::v1;
use crate::grpc::v1::ModelStage;
use crate::grpc::v1::model_service_client::ModelServiceClient;
use crate::grpc::v1::threat_service_client::ThreatServiceClient;
use crate::telemetry::resident_bytes;

/// A model that was replaced leaves at once, so that each exchange frees what it took.
const SETTINGS: &str = "listen = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
                        keep_previous_s = 0";
/// Lines of a request's text, some 12 tokens each.
const LINES: usize = 6;

/// Measure what callers notice when models take each other's place: the embedded one and --model in turns, or two copies of
/// one of them; and whether memory grows
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    model: ModelSettings,
    #[command(flatten)]
    hub: HubSettings,
    /// How often one takes the other's place
    #[arg(long, default_value = "200", value_name = "N")]
    swaps: NonZeroUsize,
    /// Clients that ask without a pause; with 0, only memory and the time of an exchange are measured
    #[arg(long, default_value = "4", value_name = "N")]
    clients: usize,
    /// Exchange two copies of --model, or of the embedded one, that have only so many golden inputs: a load is then quick.
    /// Nobody has signed the copies, and no signature is asked for
    #[arg(long, value_name = "N")]
    golden: Option<NonZeroUsize>,
    /// Begin the next exchange at once, not after as long as the last one took: then nothing is measured outside of them
    #[arg(long)]
    without_pause: bool,
}

/// What was measured, as it is printed.
#[derive(Debug, Serialize)]
struct Report {
    swaps: usize,
    clients: usize,
    requests: usize,
    failed: usize,
    /// From a load's begin until the model before it was freed.
    median_swap_ms: f64,
    p99_ms_during_swaps: Option<f64>,
    p99_ms_outside: Option<f64>,
    /// The former over the latter.
    p99_ratio: Option<f64>,
    /// Resident memory after each tenth of the exchanges.
    resident_mib: Vec<u64>,
}

/// A request, or an exchange of models.
#[derive(Clone, Copy, Debug)]
struct Interval {
    begin: Instant,
    end: Instant,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut loader = arguments.model.loader(&arguments.hub)?;
    let model = arguments.model.source().absolute();
    let copies = match arguments.golden {
        Some(n_golden) => {
            let copies = Copies::make(&model.files(&loader.hub)?, n_golden.get())?;
            loader.trust = TrustPolicy::Anyone;
            Some(copies)
        }
        None => None,
    };
    let sources = copies.as_ref().map_or([ModelSource::Embedded, model], Copies::sources);
    ensure!(
        sources[0] != sources[1],
        "name another model than the embedded one with --model, or copy it with --golden"
    );
    let report = runtime()?.block_on(measure(arguments, Arc::new(loader), &sources))?;
    write_line(&serde_json::to_string_pretty(&report)?)?;
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    arguments: &Arguments,
    loader: Arc<dyn ModelLoader>,
    [first, second]: &[ModelSource; 2],
) -> anyhow::Result<Report> {
    let model = loader.load(first, &|_| Ok(()))?;
    let config = toml::from_str::<Settings>(SETTINGS)?.check()?;
    let server = Server::bind(config, model).await?.with_origin(Origin { loader, ..Origin::default() });
    let address = format!("http://{}", server.local_addr()?);
    let admin = format!("http://{}", server.admin_addr()?.context("an admin listener was asked for")?);
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.run(async move { drop(stopped.await) }));

    let is_over = CancellationToken::new();
    let mut clients = Vec::new();
    for client in 0..arguments.clients {
        let service = ThreatServiceClient::connect(address.clone()).await?;
        clients.push(tokio::spawn(ask(service, client, is_over.clone())));
    }
    let mut admin = ModelServiceClient::connect(admin).await?;
    let (mut swaps, mut resident_mib) = (Vec::new(), Vec::new());
    let n_swaps = arguments.swaps.get();
    for swap in 0..n_swaps {
        let source = if swap % 2 == 0 { second } else { first };
        swaps.push(exchange(&mut admin, source).await?);
        if (swap + 1) % n_swaps.div_ceil(10) == 0 {
            resident_mib.push(resident_bytes().context("no size is told")? >> 20);
        }
        if let (Some(last), false) = (swaps.last(), arguments.without_pause) {
            tokio::time::sleep(last.end - last.begin).await;
        }
    }
    is_over.cancel();
    let (mut requests, mut failed) = (Vec::new(), 0);
    for client in clients {
        let (answered, n_failed) = client.await?;
        requests.extend(answered);
        failed += n_failed;
    }
    // Whether the server still waits for this is its own affair: it is measured already.
    let _ = stop.send(());
    served.await??;
    Ok(report(arguments, &swaps, &requests, failed, resident_mib))
}

/// Asks for one text after the other, none of which was read before; returns the answered requests and how many failed.
async fn ask(
    mut service: ThreatServiceClient<Channel>,
    client: usize,
    is_over: CancellationToken,
) -> (Vec<Interval>, usize) {
    let (mut answered, mut n_failed) = (Vec::new(), 0);
    while !is_over.is_cancelled() {
        let number = answered.len() + n_failed;
        let line = |line| format!("Client {client} asks in line {line} of question {number} about rivers.\n");
        let content = v1::segment::Content::Text((0..LINES).map(line).collect());
        let segment =
            v1::Segment { source: v1::Source::UserPrompt.into(), content: Some(content), ..v1::Segment::default() };
        let request = v1::AnalyzeRequest { segments: vec![segment], ..v1::AnalyzeRequest::default() };
        let begin = Instant::now();
        match service.analyze(request).await {
            Ok(_) => answered.push(Interval { begin, end: Instant::now() }),
            Err(_) => n_failed += 1,
        }
    }
    (answered, n_failed)
}

/// Loads a model, promotes it, and waits until it is the only one in memory.
async fn exchange(admin: &mut ModelServiceClient<Channel>, source: &ModelSource) -> anyhow::Result<Interval> {
    let begin = Instant::now();
    admin.load_model(v1::LoadModelRequest { source: source.to_string(), etag: String::new() }).await?;
    let mut states = admin.watch_models(v1::WatchModelsRequest {}).await?.into_inner();
    while let Some(state) = states.message().await? {
        if let Some(failed) = state.models.iter().find(|model| model.stage() == ModelStage::Failed) {
            bail!("{source}: {}", failed.reason);
        }
        if let Some(ready) = state.models.iter().find(|model| model.stage() == ModelStage::Ready) {
            let active = ready.r#ref.as_ref().map(|id| id.digest.clone()).unwrap_or_default();
            admin.set_traffic(v1::SetTrafficRequest { active, ..v1::SetTrafficRequest::default() }).await?;
        } else if state.models.len() == 1 {
            return Ok(Interval { begin, end: Instant::now() });
        }
    }
    bail!("the server has ended")
}

fn report(
    arguments: &Arguments,
    swaps: &[Interval],
    requests: &[Interval],
    failed: usize,
    resident_mib: Vec<u64>,
) -> Report {
    let overlaps = |request: &&Interval| {
        let next = swaps.partition_point(|swap| swap.end < request.begin);
        swaps.get(next).is_some_and(|swap| swap.begin <= request.end)
    };
    let (during, outside): (Vec<_>, Vec<_>) = requests.iter().partition(overlaps);
    let (p99_during, p99_outside) = (percentile(during, 99), percentile(outside, 99));
    Report {
        swaps: swaps.len(),
        clients: arguments.clients,
        requests: requests.len() + failed,
        failed,
        median_swap_ms: percentile(swaps, 50).unwrap_or_default(),
        p99_ms_during_swaps: p99_during,
        p99_ms_outside: p99_outside,
        p99_ratio: p99_during.zip(p99_outside).map(|(during, outside)| during / outside),
        resident_mib,
    }
}

fn percentile<'a>(intervals: impl IntoIterator<Item = &'a Interval>, percent: usize) -> Option<f64> {
    let mut times: Vec<Duration> = intervals.into_iter().map(|interval| interval.end - interval.begin).collect();
    times.sort_unstable();
    (!times.is_empty()).then(|| percentile_ms(&times, percent))
}
