//! Spans for OpenTelemetry, sent to a collector over OTLP (gRPC). They hold what this crate's spans and events name (sizes,
//! priorities, verdicts) and never a text, since none of these may. What a collector does not take in time is dropped.

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Runtime;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

const SERVICE: &str = "portcullis";
/// How long a collector may take for a batch of spans, and for the last of them at the end.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What sends spans. Dropped, it sends what is left.
pub struct Traces {
    provider: SdkTracerProvider,
    /// The exporter's connection lives here, apart from what serves requests.
    _runtime: Runtime,
}

impl Traces {
    /// Sends spans to a collector, such as `http://127.0.0.1:4317`. It need not be there yet.
    ///
    /// # Errors
    /// The endpoint is no URL, or the system starts no thread.
    pub(super) fn start(endpoint: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("portcullis-otlp")
            .enable_all()
            .build()
            .context("starting the runtime of traces")?;
        let entered = runtime.enter();
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(TIMEOUT).build();
        let exporter = exporter.with_context(|| format!("sending traces to {endpoint}"))?;
        drop(entered);
        let resource = Resource::builder().with_service_name(SERVICE).build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
        Ok(Self { provider, _runtime: runtime })
    }

    /// The layer that turns this crate's spans into OpenTelemetry's. Those of other crates might hold anything.
    pub(super) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let tracer: SdkTracer = self.provider.tracer(SERVICE);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(SERVICE, Level::DEBUG))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // A collector that is gone loses the last spans, and nothing else.
        let _ = self.provider.shutdown_with_timeout(TIMEOUT);
    }
}

/// Makes a span that has not begun part of its caller's trace. The identifiers are hexadecimal digits.
pub fn continue_trace(span: &Span, trace_id: &str, parent_id: &str, is_sampled: bool) {
    let (Ok(trace_id), Ok(parent_id)) = (TraceId::from_hex(trace_id), SpanId::from_hex(parent_id)) else { return };
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let caller = SpanContext::new(trace_id, parent_id, flags, true, TraceState::default());
    // Refused where nobody collects spans.
    let _ = span.set_parent(Context::new().with_remote_span_context(caller));
}
