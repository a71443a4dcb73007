//! What the process tells of itself: structured logs on standard error, metrics and health on a port of their own, traces
//! to a collector. Request text has no way in: no function here takes any, and no log statement of the crate may hold it.

mod logs;
mod memory;
mod metrics;
mod models;
mod portal;
mod traces;

pub use logs::Logs;
pub use memory::resident_bytes;
pub use metrics::{BatchSize, Metrics, Snapshot};
pub use models::ModelMetrics;
pub use portal::{Watched, serve};
pub use traces::{Traces, continue_trace};

use std::panic::PanicHookInfo;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What writes logs and sends traces. Dropped, outside of any async runtime, it writes and sends what is left.
pub struct Telling {
    _logs: Logs,
    _traces: Option<Traces>,
}

/// How logs are written, and where traces are sent.
#[derive(Clone, Debug, clap::Args)]
pub struct LogSettings {
    /// What is logged: a level, or levels by module as in `info,portcullis::batch=debug`
    #[arg(long, env = "PORTCULLIS_LOG", default_value = "info", value_name = "FILTER", global = true)]
    log: String,
    /// Log JSON, one object a line
    #[arg(long, env = "PORTCULLIS_LOG_JSON", global = true)]
    log_json: bool,
    /// Send traces to an OpenTelemetry collector over OTLP (gRPC), as http://host:4317
    #[arg(long, env = "PORTCULLIS_OTLP_ENDPOINT", value_name = "URL", global = true)]
    otlp_endpoint: Option<String>,
}

impl LogSettings {
    /// Starts logging, once a process, and keeps the messages of panics out of it. Logs are written and traces are sent until
    /// what is given back is dropped.
    ///
    /// # Errors
    /// The filter does not parse, or no traces can be sent to such an endpoint.
    pub fn start(&self) -> anyhow::Result<Telling> {
        let filter = EnvFilter::builder().parse(&self.log)?;
        let (logs, writer) = Logs::start();
        let lines = tracing_subscriber::fmt::layer().with_writer(writer);
        let lines = if self.log_json { lines.json().boxed() } else { lines.boxed() };
        let traces = self.otlp_endpoint.as_deref().map(Traces::start).transpose()?;
        let spans = traces.as_ref().map(Traces::layer);
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
        std::panic::set_hook(Box::new(log_panic));
        Ok(Telling { _logs: logs, _traces: traces })
    }
}

/// Logs where a panic happened and nothing more: its message may quote the text that was being read.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "a panic; its message is withheld, since it may quote a text");
}
