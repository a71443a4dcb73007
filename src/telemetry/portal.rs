//! A port for those who watch the server: `/metrics` and `/healthz` over HTTP/1.1, and nothing else. It answers even when
//! the service refuses everything.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at a time; more wait.
const MAX_CONNECTIONS: usize = 16;
/// A request's head must be there in this time, and a connection ends after it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The content type of OpenMetrics.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What is told.
pub trait Watched: Send + Sync + 'static {
    /// All metrics, as text.
    fn metrics(&self) -> String;
    /// True while new work is taken.
    fn is_healthy(&self) -> bool;
}

/// Answers until `shutdown` resolves.
pub async fn serve(listener: TcpListener, watched: Arc<impl Watched>, shutdown: impl Future<Output = ()>) {
    let turns = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let turn = turns.clone().acquire_owned().await;
            (turn, listener.accept().await)
        };
        let (turn, stream) = tokio::select! {
            () = &mut shutdown => return,
            (turn, accepted) = accepted => match accepted {
                Ok((stream, _)) => (turn, stream),
                // Out of descriptors: the next try shall not spin.
                Err(_) => { tokio::time::sleep(Duration::from_millis(100)).await; continue }
            },
        };
        let watched = watched.clone();
        tokio::spawn(async move {
            let answer =
                service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, &*watched))));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // That the peer is gone or talks nonsense is its own affair.
            let _ = tokio::time::timeout(TIMEOUT, connection).await;
            drop(turn);
        });
    }
}

fn answer(request: &Request<Incoming>, watched: &impl Watched) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, watched.metrics()),
        (&Method::GET, "/healthz") if watched.is_healthy() => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET, "/healthz") => (StatusCode::SERVICE_UNAVAILABLE, "not serving\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let is_metrics = request.uri().path() == "/metrics";
    let content_type = if is_metrics { OPEN_METRICS } else { HeaderValue::from_static("text/plain; charset=utf-8") };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
