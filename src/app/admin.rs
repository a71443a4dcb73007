//! What changes the models while the server runs: the admin listener, and a folder that is watched.

use std::future::Future;

use anyhow::Context;
use futures::future::{Either, pending};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::{HEADER_BYTES, SMALL_MESSAGE_BYTES, STREAMS_PER_CONNECTION};
use crate::deploy::{Deployment, FolderWatch};
use crate::grpc::Models;
use crate::grpc::v1::FILE_DESCRIPTOR_SET;
use crate::grpc::v1::model_service_server::ModelServiceServer;

/// Serves those who rule, and looks at the folder, until `shutdown` resolves.
pub(super) async fn run(
    deployment: Deployment,
    listener: Option<TcpListener>,
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
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let models = ModelServiceServer::new(Models::admin(deployment)).max_decoding_message_size(SMALL_MESSAGE_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Server::builder()
        .http2_max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(models)
        .add_service(reflection)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown)
        .await
        .context("serving changes of models")
}
