//! Traces over OTLP: a collector of this test's receives the spans of a call, in its caller's trace and without its text.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::common::{ATTACK, prompt};
use crate::process::{BINARY, Process};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

struct Collector(UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let _ = self.0.send(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector's address, and what it receives.
async fn collect() -> (String, UnboundedReceiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = unbounded_channel();
    let collector = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    tokio::spawn(collector.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, received)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_receives_a_calls_spans_in_its_callers_trace_and_no_text() {
    let (endpoint, mut received) = collect().await;
    let mut command = Process::command(BINARY);
    command.env("PORTCULLIS_OTLP_ENDPOINT", endpoint);
    let mut server = Process::start_as(command, "info", "");
    let mut call = Request::new(prompt(format!("{ATTACK}, quokka")));
    call.metadata_mut().insert("traceparent", format!("00-{TRACE}-{PARENT}-01").parse().unwrap());
    call.metadata_mut().insert("x-portcullis-tenant", "wombat".parse().unwrap());
    let mut client = server.connect().await;
    client.analyze(call).await.unwrap();
    // A trace that its caller does not keep is not kept here.
    let mut unsampled = Request::new(prompt("another"));
    unsampled.metadata_mut().insert("traceparent", format!("00-{}-{PARENT}-00", "1".repeat(32)).parse().unwrap());
    client.analyze(unsampled).await.unwrap();
    server.terminate();
    assert!(server.child.wait().unwrap().success());

    let mut exports = Vec::new();
    while let Ok(export) = received.try_recv() {
        exports.push(export);
    }
    let told = format!("{exports:?}");
    assert!(!told.contains("quokka") && !told.contains("wombat") && !told.contains("instructions"), "{told}");
    let spans: Vec<&Span> = exports
        .iter()
        .flat_map(|export| &export.resource_spans)
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| &scope.spans)
        .collect();
    assert!(spans.iter().all(|span| hex(&span.trace_id) != "1".repeat(32)));
    let named = |name: &str| {
        let span = spans.iter().find(|span| span.name == name && hex(&span.trace_id) == TRACE);
        *span.unwrap_or_else(|| panic!("no {name} in {told}"))
    };
    let call = named("call");
    assert_eq!(hex(&call.parent_span_id), PARENT);
    for stage in ["read", "score"] {
        assert_eq!(named(stage).parent_span_id, call.span_id, "{stage}");
    }
}
