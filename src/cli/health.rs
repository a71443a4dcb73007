//! `health`: asks a server how it is, for probes.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Ask a server for its health; exit status 0 if it is serving, 1 if not.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server
    #[arg(long, env = "PORTCULLIS_ADDRESS", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    address: String,
    /// One of its services; the server as a whole if empty
    #[arg(long, default_value = "", value_name = "NAME")]
    service: String,
    /// Seconds to wait for the answer
    #[arg(long, default_value_t = 3, value_name = "S")]
    timeout: u64,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let timeout = Duration::from_secs(arguments.timeout);
    let endpoint = Endpoint::from_shared(arguments.address.clone())?.timeout(timeout).connect_timeout(timeout);
    let channel = endpoint.connect().await.with_context(|| format!("connecting to {}", arguments.address))?;
    let request = HealthCheckRequest { service: arguments.service };
    let status = HealthClient::new(channel).check(request).await?.into_inner().status();
    super::write_line(status.as_str_name())?;
    Ok(if status == ServingStatus::Serving { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
