//! Every metric of the server, declared once, with its help text and its fixed labels. Labels are names from the code or
//! a trace's identifier, never a part of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::{Logs, ModelMetrics, resident_bytes};

/// Label names with their values, which come from the code.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];
/// The trace that an exemplar points to.
type TraceLabel = [(&'static str, String); 1];
pub(super) type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Histograms = Family<Labels<1>, Histogram, fn() -> Histogram>;
type ExemplarHistograms =
    Family<Labels<1>, HistogramWithExemplars<TraceLabel>, fn() -> HistogramWithExemplars<TraceLabel>>;
pub(super) type Seconds = Gauge<f64, AtomicU64>;

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    requests: ExemplarHistograms,
    refused: Counters<2>,
    verdicts: Counters<3>,
    stages: Histograms,
    windows: Counters<1>,
    tokens: Counter,
    interruptions: Counter,
    batch_tokens: Histogram,
    batch_fill: Histogram,
    batch_padding: Histogram,
    gauges: Gauges,
    /// Of the models beside each other.
    pub models: Arc<ModelMetrics>,
}

/// What is read when the metrics are.
#[derive(Default)]
struct Gauges {
    queue_windows: Gauge,
    queue_tokens: Gauge,
    queue_oldest: Seconds,
    in_flight: Family<Labels<1>, Gauge>,
    connections: Gauge,
    cache_bytes: Gauge,
    memory_bound: Gauge,
    resident: Gauge,
    dropped_lines: Counter,
}

/// The state of the server when its metrics are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// Windows that wait for the device.
    pub queue_windows: usize,
    /// Their tokens.
    pub queue_tokens: usize,
    /// How long the oldest has waited.
    pub queue_oldest: Duration,
    /// Requests in flight.
    pub requests: usize,
    /// Bytes of text in flight.
    pub bytes: usize,
    /// Tokens in flight.
    pub tokens: usize,
    /// Bytes of messages that are being received.
    pub receiving: usize,
    /// Open connections.
    pub connections: usize,
    /// Bytes of scores in the cache.
    pub cache_bytes: usize,
    /// What the configuration lets the server grow to, beyond its size at start.
    pub memory_bound: usize,
}

/// How large a batch is.
#[derive(Clone, Copy, Debug)]
pub struct BatchSize {
    /// Its windows.
    pub windows: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Tokens of the longest.
    pub longest: usize,
    /// Tokens that a batch may have.
    pub limit: usize,
}

/// From 0.1 ms to 52 s, doubling.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 20))
}

fn seconds_with_exemplars() -> HistogramWithExemplars<TraceLabel> {
    HistogramWithExemplars::new(exponential_buckets(0.0001, 2.0, 20))
}

fn share() -> Histogram {
    Histogram::new([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("portcullis"),
            requests: Family::new_with_constructor(seconds_with_exemplars),
            refused: Family::default(),
            verdicts: Family::default(),
            stages: Family::new_with_constructor(seconds),
            windows: Family::default(),
            tokens: Counter::default(),
            interruptions: Counter::default(),
            batch_tokens: Histogram::new(exponential_buckets(16.0, 2.0, 13)),
            batch_fill: share(),
            batch_padding: share(),
            gauges: Gauges::default(),
            models: Arc::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let Self { registry, gauges, models, .. } = self;
        models.register(registry);
        let help = "Time from a request's message to its answer, by priority";
        registry.register_with_unit("request", help, Unit::Seconds, self.requests.clone());
        let help = "Requests that were refused, by cause and priority";
        registry.register("refused", help, self.refused.clone());
        let help = "Segments that were judged, by source, category and verdict";
        registry.register("segment_verdicts", help, self.verdicts.clone());
        let help = "Time that a request spent in a stage";
        registry.register_with_unit("stage", help, Unit::Seconds, self.stages.clone());
        let help = "Windows by where their score came from: scored, cached, or joined to one under way";
        registry.register("windows", help, self.windows.clone());
        registry.register("scored_tokens", "Tokens that went to the device", self.tokens.clone());
        let help = "Batches that went to the device before the rest of a less urgent one";
        registry.register("interruptions", help, self.interruptions.clone());
        registry.register("batch_tokens", "Tokens in a batch", self.batch_tokens.clone());
        registry.register("batch_fill_ratio", "Tokens in a batch over its limit", self.batch_fill.clone());
        let help = "Share of padding in a batch if it were padded to its longest window";
        registry.register("batch_padding_ratio", help, self.batch_padding.clone());
        registry.register("queue_windows", "Windows that wait for the device", gauges.queue_windows.clone());
        registry.register("queue_tokens", "Tokens that wait for the device", gauges.queue_tokens.clone());
        let help = "Age of the oldest request that waits for the device";
        registry.register_with_unit("queue_oldest", help, Unit::Seconds, gauges.queue_oldest.clone());
        let help = "What is in flight, by kind: requests, bytes, tokens, receiving (bytes of messages)";
        registry.register("in_flight", help, gauges.in_flight.clone());
        registry.register("connections", "Open connections", gauges.connections.clone());
        registry.register_with_unit("cache", "Scores in the cache", Unit::Bytes, gauges.cache_bytes.clone());
        let help = "What the limits let the server grow to, beyond its size at start";
        registry.register_with_unit("memory_bound", help, Unit::Bytes, gauges.memory_bound.clone());
        let help = "Memory that the process takes, where the system tells";
        registry.register_with_unit("resident_memory", help, Unit::Bytes, gauges.resident.clone());
        let help = "Log lines that were dropped, since nobody read them in time";
        registry.register("log_lines_dropped", help, gauges.dropped_lines.clone());
    }

    /// Counts a request that was answered.
    pub fn answered(&self, priority: &'static str, elapsed: Duration, trace_id: Option<&str>) {
        let exemplar = trace_id.map(|id| [("trace_id", id.to_owned())]);
        self.requests.get_or_create(&[("priority", priority)]).observe(elapsed.as_secs_f64(), exemplar, None);
    }

    /// Counts a request that was refused.
    pub fn refused(&self, cause: &'static str, priority: &'static str) {
        self.refused.get_or_create(&[("cause", cause), ("priority", priority)]).inc();
    }

    /// Counts the verdict on a segment in one category.
    pub fn verdict(&self, source: &'static str, category: &'static str, verdict: &'static str) {
        self.verdicts.get_or_create(&[("source", source), ("category", category), ("verdict", verdict)]).inc();
    }

    /// Notes how long a request was in a stage.
    pub fn stage(&self, stage: &'static str, elapsed: Duration) {
        self.stages.get_or_create(&[("stage", stage)]).observe(elapsed.as_secs_f64());
    }

    /// Counts windows by where their score came from.
    pub fn windows(&self, from: &'static str, n_windows: usize) {
        self.windows.get_or_create(&[("from", from)]).inc_by(n_windows as u64);
    }

    /// Counts a batch that went before the rest of another.
    pub fn interrupted(&self) {
        self.interruptions.inc();
    }

    /// Notes a batch that the device has scored.
    pub fn batch(&self, size: BatchSize, compute: Duration) {
        self.tokens.inc_by(size.tokens as u64);
        self.batch_tokens.observe(size.tokens as f64);
        self.batch_fill.observe(size.tokens as f64 / size.limit.max(1) as f64);
        let padded = (size.windows * size.longest).max(1);
        self.batch_padding.observe(1.0 - size.tokens as f64 / padded as f64);
        self.stage("batch", compute);
    }

    /// All metrics, in the OpenMetrics text format.
    pub fn encode(&self, now: &Snapshot) -> String {
        let (gauges, number) = (&self.gauges, |n: usize| i64::try_from(n).unwrap_or(i64::MAX));
        gauges.queue_windows.set(number(now.queue_windows));
        gauges.queue_tokens.set(number(now.queue_tokens));
        gauges.queue_oldest.set(now.queue_oldest.as_secs_f64());
        let in_flight =
            [("requests", now.requests), ("bytes", now.bytes), ("tokens", now.tokens), ("receiving", now.receiving)];
        for (kind, n) in in_flight {
            gauges.in_flight.get_or_create(&[("kind", kind)]).set(number(n));
        }
        gauges.connections.set(number(now.connections));
        gauges.cache_bytes.set(number(now.cache_bytes));
        gauges.memory_bound.set(number(now.memory_bound));
        gauges.resident.set(resident_bytes().map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)));
        gauges.dropped_lines.inner().store(Logs::dropped_lines() as u64, Ordering::Relaxed);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_told() {
        let metrics = Metrics::default();
        metrics.answered("bulk", Duration::from_millis(3), Some("0af7651916cd43dd8448eb211c80319c"));
        metrics.refused("requests", "bulk");
        metrics.verdict("prompt", "injection", "BLOCK");
        metrics.windows("cached", 7);
        metrics.batch(BatchSize { windows: 2, tokens: 150, longest: 100, limit: 300 }, Duration::from_millis(5));
        let text = metrics.encode(&Snapshot { queue_tokens: 11, ..Snapshot::default() });
        for line in [
            "portcullis_request_seconds_count{priority=\"bulk\"} 1",
            "trace_id=\"0af7651916cd43dd8448eb211c80319c\"",
            "portcullis_refused_total{cause=\"requests\",priority=\"bulk\"} 1",
            "portcullis_segment_verdicts_total{source=\"prompt\",category=\"injection\",verdict=\"BLOCK\"} 1",
            "portcullis_windows_total{from=\"cached\"} 7",
            "portcullis_batch_fill_ratio_sum 0.5",
            "portcullis_batch_padding_ratio_sum 0.25",
            "portcullis_queue_tokens 11",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
