//! Wires configuration, model, pipeline and services to a listener, and takes them down in order.

mod admin;
mod connections;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server as TonicServer;
use tonic_health::server::HealthReporter;

use crate::admission::Admission;
use crate::artifact::Model;
use crate::batch::WorkerState;
use crate::config::Config;
use crate::config::memory::CONNECTION_WINDOW_BYTES;
use crate::deploy::{Deployment, Origin, Parts};
use crate::grpc::v1::FILE_DESCRIPTOR_SET;
use crate::grpc::v1::model_service_server::ModelServiceServer;
use crate::grpc::v1::threat_service_server::ThreatServiceServer;
use crate::grpc::{Models, Receive, ReceiveLimits, Receiver, Threats, call_interceptor};
use crate::pipeline::Shared;
use crate::telemetry::{self, Snapshot, Watched};
use admin::AdminListener;
use connections::Connections;

/// The transport reads messages somewhat above the limit, so that the answer can name the field that is too large.
const DECODE_HEADROOM: usize = 1024 * 1024;
/// Health checks and questions about models are small.
const SMALL_MESSAGE_BYTES: usize = 4096;
/// Calls that one connection may have open.
const STREAMS_PER_CONNECTION: u32 = 128;
/// Bytes of a call's headers.
const HEADER_BYTES: u32 = 16 * 1024;
/// HTTP/2 keep-alive: a dead peer is noticed within twice this.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A server that listens and is about to serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    metrics_listener: TcpListener,
    admin_listener: Option<AdminListener>,
    model: Model,
    origin: Origin,
}

/// What is told on the port of metrics.
struct State {
    deployment: Deployment,
    admission: Arc<Admission>,
    receiver: Arc<Receiver>,
    connections: Connections,
    memory_bound: usize,
}

impl Watched for State {
    fn metrics(&self) -> String {
        let (queue, in_flight) = (self.deployment.queue_depth(), self.admission.in_flight());
        self.deployment.shared_metrics().encode(&Snapshot {
            queue_windows: queue.windows,
            queue_tokens: queue.tokens,
            queue_oldest: queue.oldest,
            requests: in_flight.requests,
            bytes: in_flight.bytes,
            tokens: in_flight.tokens,
            receiving: self.receiver.bytes(),
            connections: self.connections.open(),
            cache_bytes: self.deployment.cache_bytes(),
            memory_bound: self.memory_bound,
        })
    }

    fn is_healthy(&self) -> bool {
        !self.admission.is_draining() && *self.deployment.active().pipeline().state().borrow() == WorkerState::Running
    }
}

impl Server {
    /// Listens, to serve this model and, unless [`Self::with_origin`] says otherwise, no other than the embedded one.
    ///
    /// # Errors
    /// An address is taken.
    pub async fn bind(config: Config, model: Model) -> anyhow::Result<Self> {
        let listener = listen(config.listen).await?;
        let metrics_listener = listen(config.metrics_listen).await?;
        let admin_listener = AdminListener::bind(&config.deploy).await?;
        Ok(Self { config, listener, metrics_listener, admin_listener, model, origin: Origin::default() })
    }

    /// Says where the model came from and where others may come from.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Where models can be changed; none for nowhere.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn admin_addr(&self) -> std::io::Result<Option<SocketAddr>> {
        self.admin_listener.as_ref().map(AdminListener::local_addr).transpose()
    }

    /// Where it listens; the port is the system's choice if the configuration said 0.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where metrics and health are told.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn metrics_addr(&self) -> std::io::Result<SocketAddr> {
        self.metrics_listener.local_addr()
    }

    /// Serves until `shutdown` resolves; then refuses new work, answers what was accepted, and returns.
    ///
    /// # Errors
    /// The listener fails, or what was accepted was not answered within the drain timeout.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { config, listener, metrics_listener, admin_listener, model, origin } = self;
        let parts = Parts { batches: config.batches, cache: config.cache, shared: Shared::default() };
        let deployment = Deployment::start(model, parts, origin, config.deploy.limits.clone())
            .context("starting the device thread")?;
        let asked_to_end = deployment.clone();
        let admission = Arc::new(Admission::new(config.in_flight));
        let connections = Connections::new(config.connections);
        let largest_message = config.messages.message_bytes.saturating_add(DECODE_HEADROOM);
        let receive =
            ReceiveLimits { bytes: config.receive_bytes, message_bytes: largest_message, calls: config.calls() };
        let receiver = Receiver::new(receive, deployment.shared_metrics());
        let (health, health_service) = tonic_health::server::health_reporter();
        report(&health, true).await;
        let watch = tokio::spawn(watch_device(deployment.clone(), health.clone()));
        let close = CancellationToken::new();
        let state = Arc::new(State {
            deployment: deployment.clone(),
            admission: admission.clone(),
            receiver: receiver.clone(),
            connections: connections.clone(),
            memory_bound: config.memory_bound(),
        });
        let portal = tokio::spawn(telemetry::serve(metrics_listener, state, close.clone().cancelled_owned()));

        let changes = tokio::spawn(admin::run(
            deployment.clone(),
            admin_listener,
            config.deploy.folder.clone(),
            close.clone().cancelled_owned(),
        ));

        let threats = Threats::new(deployment.clone(), admission.clone(), config.messages, config.longest_wait);
        let threats = ThreatServiceServer::new(threats).max_decoding_message_size(largest_message);
        let models = ModelServiceServer::new(Models::public(deployment)).max_decoding_message_size(SMALL_MESSAGE_BYTES);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let serving = TonicServer::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE))
            .http2_max_header_list_size(HEADER_BYTES)
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            // Deadlines that pass together must not cost a connection: beyond this many it is taken for an attack.
            .http2_max_pending_accept_reset_streams(Some(STREAMS_PER_CONNECTION as usize))
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES as u32)
            // A stream that is not read leaves room to the connection's others.
            .initial_stream_window_size((CONNECTION_WINDOW_BYTES / 4) as u32)
            .max_connection_age(config.connection_age)
            .max_connection_age_grace(config.drain_timeout)
            .add_service(InterceptedService::new(Receive::new(threats, receiver.clone()), call_interceptor))
            .add_service(Receive::new(models, receiver.clone()))
            .add_service(health_service.max_decoding_message_size(SMALL_MESSAGE_BYTES))
            .add_service(Receive::new(reflection().build_v1()?, receiver.clone()))
            .add_service(Receive::new(reflection().build_v1alpha()?, receiver))
            .serve_with_incoming_shutdown(connections.accept(listener), close.clone().cancelled_owned());
        tokio::pin!(serving);

        tokio::select! {
            served = &mut serving => return served.context("serving"),
            () = shutdown => {}
        }
        tracing::info!("shutting down: new work is refused, what was accepted is answered");
        asked_to_end.end();
        admission.drain();
        watch.abort();
        changes.abort();
        report(&health, false).await;
        let closed = async {
            tokio::time::sleep(config.drain_delay).await;
            close.cancel();
        };
        let drained = async { tokio::join!(closed, &mut serving).1 };
        let drained = tokio::time::timeout(config.drain_delay + config.drain_timeout, drained).await;
        portal.abort();
        drained.context("some requests were not answered within the drain timeout")?.context("serving")
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
}

/// Turns the health to NOT_SERVING if the device of the active model fails, and back if another model takes its place.
async fn watch_device(deployment: Deployment, health: HealthReporter) {
    let mut changes = deployment.changes();
    loop {
        let mut state = deployment.active().pipeline().state();
        let changed = tokio::select! {
            // An error means that the device thread is gone, which is no better.
            () = async { drop(state.wait_for(|state| *state == WorkerState::Failed).await) } => {
                report(&health, false).await;
                changes.changed().await
            }
            changed = changes.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let is_running = *deployment.active().pipeline().state().borrow() == WorkerState::Running;
        report(&health, is_running).await;
    }
}

/// Sets the health of the server as a whole and of each service.
async fn report(health: &HealthReporter, is_serving: bool) {
    use tonic_health::ServingStatus::{NotServing, Serving};
    let status = if is_serving { Serving } else { NotServing };
    for service in ["", "portcullis.v1.ThreatService", "portcullis.v1.ModelService"] {
        health.set_service_status(service, status).await;
    }
}
