//! What the process tells of itself: structured logs on standard error, metrics and health on a port of their own. Request
//! text has no way in: no function here takes any, and no log statement of the crate may hold it.

mod metrics;
mod models;
mod portal;

pub use metrics::{BatchSize, Metrics, Snapshot};
pub use models::ModelMetrics;
pub use portal::{Watched, serve};

use std::io::stderr;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

/// How logs are written.
#[derive(Clone, Debug, clap::Args)]
pub struct LogSettings {
    /// What is logged: a level, or levels by module as in `info,portcullis::batch=debug`
    #[arg(long, env = "PORTCULLIS_LOG", default_value = "info", value_name = "FILTER", global = true)]
    log: String,
    /// Log JSON, one object a line
    #[arg(long, env = "PORTCULLIS_LOG_JSON", global = true)]
    log_json: bool,
}

impl LogSettings {
    /// Starts logging, once a process, and keeps the messages of panics out of it.
    ///
    /// # Errors
    /// The filter does not parse.
    pub fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::builder().parse(&self.log)?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
        if self.log_json {
            builder.json().init()
        } else {
            builder.init()
        }
        std::panic::set_hook(Box::new(log_panic));
        Ok(())
    }
}

/// Logs where a panic happened and nothing more: its message may quote the text that was being read.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "a panic; its message is withheld, since it may quote a text");
}
