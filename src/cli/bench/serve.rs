//! `bench serve`: how a server answers under a load that does not wait for it.

mod chart;
mod load;
mod report;
pub(super) mod targets;
mod traffic;
mod watch;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::{load_model, write_line};
use crate::app::Server;
use crate::config::Settings;
use load::{Target, drive};
use report::Report;
use targets::Bare;
use traffic::{Traffic, Workload};
use watch::{Portal, write_memory};

/// Requests before the first measurement: the server learns how fast its device is, and memory is touched once.
const WARM_UP_REQUESTS: usize = 64;

const EXAMPLES: &str = "\
Examples:
  portcullis bench serve --rate 20 --duration 30
  portcullis bench serve --address http://gpu-node:50051 --rate max
  portcullis bench serve --rates 10,20,40,80 --svg curve.svg --json";

/// Measure how a server answers under load.
///
/// Requests are sent at times drawn beforehand (Poisson), whether or not earlier ones were answered, and each latency
/// begins when its request was due: what a slow answer keeps waiting is counted. Without --address a server of this
/// process is measured, which shares its cores with the load.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The server, as http://host:port; one of this process if left out
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// What is sent
    #[arg(long, value_enum, default_value = "mix", value_name = "WORKLOAD")]
    workload: Workload,
    /// Requests a second; several, one measurement each; or max: as many as are answered, --at-once at a time
    #[arg(long, visible_alias = "rates", value_delimiter = ',', default_value = "max", value_name = "R")]
    rate: Vec<Rate>,
    /// Seconds of each measurement
    #[arg(long, default_value = "10", value_name = "S")]
    duration: f64,
    /// Requests under way at the same time with --rate max
    #[arg(long, default_value = "128", value_name = "N")]
    at_once: NonZeroUsize,
    /// Connections that the requests share
    #[arg(long, default_value = "16", value_name = "N")]
    connections: NonZeroUsize,
    /// Seconds after which a caller gives up
    #[arg(long, default_value = "10", value_name = "S")]
    timeout: f64,
    /// File for a picture of latency over rate
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Files for the server's memory over time: PATH.csv and PATH.svg
    #[arg(long, value_name = "PATH")]
    memory: Option<PathBuf>,
    /// Where the server at --address tells its metrics, for --memory
    #[arg(long, requires = "address", default_value = "127.0.0.1:9464", value_name = "HOST:PORT")]
    metrics: String,
    /// Print one JSON object a measurement in place of a table
    #[arg(long)]
    json: bool,
    /// TOML file with the settings of the server of this process
    #[arg(long, conflicts_with = "address", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How much is offered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rate {
    /// Requests a second.
    PerSecond(f64),
    /// As many as are answered.
    Max,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Max),
            Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(Self::PerSecond(rate)),
            _ => Err("must be max, or a number of requests a second above 0"),
        }
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let duration = Duration::try_from_secs_f64(arguments.duration).context("--duration")?;
    let timeout = Duration::try_from_secs_f64(arguments.timeout).context("--timeout")?;
    ensure!(!duration.is_zero() && !timeout.is_zero(), "--duration and --timeout must be above 0");
    let own = match &arguments.address {
        Some(_) => None,
        None => Some(OwnServer::start(arguments.config.as_deref()).await?),
    };
    let address = own.as_ref().map(|own| own.address.clone()).or(arguments.address.clone()).unwrap_or_default();
    let target = Target::connect(&address, arguments.connections.get(), timeout).await?;
    let mut seed = new_seed()?;
    warm_up(&target, arguments.workload, seed).await?;
    let portal = own.as_ref().map_or_else(|| Portal(arguments.metrics.clone()), |own| own.portal.clone());
    let memory = arguments.memory.as_ref().map(|path| (path, portal.watch_memory()));
    let mut reports = Vec::new();
    for rate in &arguments.rate {
        seed = seed.wrapping_add(1 << 50);
        let (rate, at_once) = match rate {
            Rate::PerSecond(rate) => (Some(*rate), None),
            Rate::Max => (None, Some(arguments.at_once.get())),
        };
        let traffic = Traffic::new(arguments.workload, rate, seed);
        let (counts, elapsed) = drive(&target, traffic, duration, at_once).await?;
        let report = Report::new(arguments.workload, rate, counts, elapsed);
        if arguments.json {
            write_line(&serde_json::to_string(&report)?)?
        } else {
            report.print()?
        }
        reports.push(report);
    }
    if let Some((path, memory)) = memory {
        write_memory(path, &memory.stop())?;
    }
    if let Some(path) = &arguments.svg {
        std::fs::write(path, chart::svg(&reports)).with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(own) = own {
        own.stop().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Words differ from run to run, so that a server that runs on has none of them in its cache.
fn new_seed() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64)
}

async fn warm_up(target: &Target, workload: Workload, seed: u64) -> anyhow::Result<()> {
    // Long documents would take longer to warm up with than to measure.
    let workload = if workload == Workload::Long { Workload::Mix } else { workload };
    let rate = Some(WARM_UP_REQUESTS as f64);
    drive(target, Traffic::new(workload, rate, seed), Duration::from_secs(1), None).await.map(drop)
}

/// A server of this process.
struct OwnServer {
    address: String,
    portal: Portal,
    bare: Arc<Bare>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl OwnServer {
    async fn start(config: Option<&std::path::Path>) -> anyhow::Result<Self> {
        let settings = config.map(Settings::read).transpose()?.unwrap_or_default();
        let mut config = settings.check()?;
        config.listen.set_port(0);
        config.metrics_listen.set_port(0);
        let model = tokio::task::spawn_blocking(move || load_model(&settings.model, &settings.hub)).await??;
        let bare = Arc::new(Bare::of(&model));
        let server = Server::bind(config, model).await?;
        let portal = Portal(server.metrics_addr()?.to_string());
        let address = format!("http://{}", server.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Ok(Self { address, portal, bare, stop, served })
    }

    async fn stop(self) -> anyhow::Result<()> {
        // An error means that it has ended by itself, which the next line tells.
        let _ = self.stop.send(());
        self.served.await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        for (text, expected) in [("max", Some(Rate::Max)), ("2.5", Some(Rate::PerSecond(2.5)))] {
            assert_eq!(text.parse().ok(), expected);
        }
        for wrong in ["", "0", "-1", "NaN", "inf", "many"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    /// A load that is small, through the whole of it: a server of its own, its answers and the picture.
    #[cfg(feature = "embedded-model")]
    #[tokio::test]
    async fn a_server_of_its_own_is_measured() {
        let own = OwnServer::start(None).await.unwrap();
        let target = Target::connect(&own.address, 2, Duration::from_secs(60)).await.unwrap();
        let mut reports = Vec::new();
        for (rate, at_once) in [(Some(20.0), None), (None, Some(4))] {
            let traffic = Traffic::new(Workload::Conversation, rate, 1);
            let (counts, elapsed) = drive(&target, traffic, Duration::from_secs(1), at_once).await.unwrap();
            assert!(counts.sent > 0 && counts.errors.is_empty() && counts.refused.is_empty());
            assert_eq!(counts.latencies.values().map(hdrhistogram::Histogram::len).sum::<u64>(), counts.sent);
            assert!(counts.windows >= counts.sent && counts.tokens > counts.windows);
            reports.push(Report::new(Workload::Conversation, rate, counts, elapsed));
        }
        let report = serde_json::to_value(&reports[0]).unwrap();
        assert!(report["latency_ms"]["interactive"]["p99"].as_f64().unwrap() > 0.0, "{report}");
        let svg = chart::svg(&reports);
        assert!(svg.starts_with("<svg") && svg.matches("<polyline").count() == 4, "{svg}");
        own.stop().await.unwrap();
    }
}
