//! What changes the models while the server runs: the admin listener, and a folder that is watched.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use futures::future::{Either, pending};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::{HEADER_BYTES, SMALL_MESSAGE_BYTES, STREAMS_PER_CONNECTION, listen};
use crate::config::{AdminTls, DeployConfig};
use crate::deploy::{Deployment, FolderWatch};
use crate::grpc::Models;
use crate::grpc::v1::FILE_DESCRIPTOR_SET;
use crate::grpc::v1::model_service_server::ModelServiceServer;

/// Longer takes no honest handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where models are changed, and by whom.
pub(super) struct AdminListener {
    tcp: TcpListener,
    /// None for whoever is on this machine.
    tls: Option<ServerTlsConfig>,
}

impl AdminListener {
    /// Listens, if it is configured, and reads its certificates.
    pub(super) async fn bind(config: &DeployConfig) -> anyhow::Result<Option<Self>> {
        let Some(address) = config.admin_listen else { return Ok(None) };
        let tls = config.admin_tls.as_ref().map(read).transpose()?;
        Ok(Some(Self { tcp: listen(address).await?, tls }))
    }

    pub(super) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// TLS for callers whose certificates these authorities have signed, and for nobody else.
fn read(files: &AdminTls) -> anyhow::Result<ServerTlsConfig> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
    let identity = Identity::from_pem(read(&files.certificate)?, read(&files.key)?);
    let authorities = Certificate::from_pem(read(&files.client_ca)?);
    Ok(ServerTlsConfig::new().identity(identity).client_ca_root(authorities).timeout(HANDSHAKE_TIMEOUT))
}

/// Serves those who rule, and looks at the folder, until `shutdown` resolves.
pub(super) async fn run(
    deployment: Deployment,
    listener: Option<AdminListener>,
    folder: Option<FolderWatch>,
    shutdown: impl Future<Output = ()>,
) {
    let watching = match folder {
        Some(folder) => Either::Left(deployment.watch_folder(folder)),
        None => Either::Right(pending()),
    };
    let serving = async {
        match listener {
            Some(listener) => serve(deployment.clone(), listener, shutdown).await,
            None => {
                shutdown.await;
                Ok(())
            }
        }
    };
    tokio::select! {
        () = watching => {}
        served = serving => {
            if let Err(error) = served {
                tracing::error!(?error, "the admin listener failed; models can no longer be changed");
            }
        }
    }
}

async fn serve(
    deployment: Deployment,
    listener: AdminListener,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let models = ModelServiceServer::new(Models::admin(deployment)).max_decoding_message_size(SMALL_MESSAGE_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let mut server = Server::builder();
    if let Some(tls) = listener.tls {
        server = server.tls_config(tls).context("the admin listener's certificates")?;
    }
    server
        .http2_max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(models)
        .add_service(reflection)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener.tcp), shutdown)
        .await
        .context("serving changes of models")
}
