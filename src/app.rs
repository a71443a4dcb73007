//! Wires configuration, model, pipeline and services to a listener, and takes them down in order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server as TonicServer;
use tonic_health::server::HealthReporter;

use crate::admission::Admission;
use crate::artifact::Model;
use crate::batch::WorkerState;
use crate::config::Config;
use crate::grpc::v1::FILE_DESCRIPTOR_SET;
use crate::grpc::v1::model_service_server::ModelServiceServer;
use crate::grpc::v1::threat_service_server::ThreatServiceServer;
use crate::grpc::{Models, Threats, deadline_interceptor};
use crate::pipeline::Pipeline;

/// The transport reads messages somewhat above the limit, so that the answer can name the field that is too large.
const DECODE_HEADROOM: usize = 1024 * 1024;
/// HTTP/2 keep-alive: a dead peer is noticed within twice this.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A server that listens and is about to serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    pipeline: Arc<Pipeline>,
}

impl Server {
    /// Starts the model's device thread and listens.
    ///
    /// # Errors
    /// The address is taken, or no thread can be started.
    pub async fn bind(config: Config, model: Model) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("listening on {}", config.listen))?;
        let pipeline =
            Pipeline::start(model, config.batches, config.queue_tokens).context("starting the device thread")?;
        Ok(Self { config, listener, pipeline: Arc::new(pipeline) })
    }

    /// Where it listens; the port is the system's choice if the configuration said 0.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` resolves; then refuses new work, answers what was accepted, and returns.
    ///
    /// # Errors
    /// The listener fails, or what was accepted was not answered within the drain timeout.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { config, listener, pipeline } = self;
        let admission = Arc::new(Admission::new(config.in_flight_requests, config.in_flight_bytes));
        let (health, health_service) = tonic_health::server::health_reporter();
        report(&health, true).await;
        let watch = tokio::spawn(watch_device(pipeline.clone(), health.clone()));

        let threats = Threats::new(pipeline.clone(), admission.clone(), config.messages);
        let threats = ThreatServiceServer::new(threats)
            .max_decoding_message_size(config.messages.message_bytes.saturating_add(DECODE_HEADROOM));
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let close = CancellationToken::new();
        let serving = TonicServer::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE))
            .tcp_nodelay(true)
            .add_service(InterceptedService::new(threats, deadline_interceptor))
            .add_service(ModelServiceServer::new(Models::new(pipeline)))
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), close.clone().cancelled_owned());
        tokio::pin!(serving);

        tokio::select! {
            served = &mut serving => return served.context("serving"),
            () = shutdown => {}
        }
        tracing::info!("shutting down: new work is refused, what was accepted is answered");
        admission.drain();
        watch.abort();
        report(&health, false).await;
        let closed = async {
            tokio::time::sleep(config.drain_delay).await;
            close.cancel();
        };
        let drained = async { tokio::join!(closed, &mut serving).1 };
        tokio::time::timeout(config.drain_delay + config.drain_timeout, drained)
            .await
            .context("some requests were not answered within the drain timeout")?
            .context("serving")
    }
}

/// Turns the health to NOT_SERVING if the device fails.
async fn watch_device(pipeline: Arc<Pipeline>, health: HealthReporter) {
    let mut state = pipeline.state();
    // An error means that the device thread is gone, which is no better.
    let _ = state.wait_for(|state| *state == WorkerState::Failed).await;
    report(&health, false).await;
}

/// Sets the health of the server as a whole and of each service.
async fn report(health: &HealthReporter, is_serving: bool) {
    use tonic_health::ServingStatus::{NotServing, Serving};
    let status = if is_serving { Serving } else { NotServing };
    for service in ["", "portcullis.v1.ThreatService", "portcullis.v1.ModelService"] {
        health.set_service_status(service, status).await;
    }
}
