//! Sends planned requests when they are due, whether or not earlier ones were answered, and counts what comes back. A
//! latency begins when a request was due, not when it was sent: what waits behind a slow answer is not left out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::traffic::{Planned, Traffic};
use crate::caller::Priority;
use crate::grpc::v1::AnalyzeResponse;
use crate::grpc::v1::threat_service_client::ThreatServiceClient;

/// Latencies are kept to three digits, up to ten minutes.
const LONGEST_US: u64 = 600_000_000;
const DIGITS: u8 = 3;
/// Documents are larger than what clients send by default.
const LARGEST_MESSAGE_BYTES: usize = 64 << 20;

/// What came back.
pub(super) struct Counts {
    /// Microseconds from when a request was due to its answer, by priority.
    pub(super) latencies: BTreeMap<Priority, Histogram<u64>>,
    /// Requests that were refused, by priority and what the server said.
    pub(super) refused: BTreeMap<Priority, BTreeMap<String, u64>>,
    /// Requests that failed, by code.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) sent: u64,
    pub(super) tokens: u64,
    pub(super) windows: u64,
    pub(super) cached_windows: u64,
}

impl Counts {
    fn new() -> anyhow::Result<Self> {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?;
        Ok(Self {
            latencies: Priority::ALL.into_iter().map(|priority| (priority, histogram.clone())).collect(),
            refused: BTreeMap::new(),
            errors: BTreeMap::new(),
            sent: 0,
            tokens: 0,
            windows: 0,
            cached_windows: 0,
        })
    }

    /// Answers, of all priorities.
    pub(super) fn answered(&self) -> u64 {
        self.latencies.values().map(Histogram::len).sum()
    }

    /// The 99th percentile of a priority's latencies, in milliseconds.
    pub(super) fn p99_ms(&self, priority: Priority) -> f64 {
        self.latencies.get(&priority).map_or(0.0, |histogram| histogram.value_at_quantile(0.99) as f64 / 1000.0)
    }

    /// The share of a priority's requests that was refused.
    pub(super) fn refused_share(&self, priority: Priority) -> f64 {
        let refused: u64 = self.refused.get(&priority).into_iter().flat_map(BTreeMap::values).sum();
        let answered = self.latencies.get(&priority).map_or(0, Histogram::len);
        refused as f64 / (refused + answered).max(1) as f64
    }

    fn count(&mut self, priority: Priority, latency: Duration, result: Result<AnalyzeResponse, Status>) {
        match result {
            Ok(response) => {
                let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
                self.latencies.entry(priority).and_modify(|histogram| histogram.saturating_record(micros));
                let coverage = response.coverage.unwrap_or_default();
                self.tokens += coverage.tokens;
                self.windows += u64::from(coverage.windows);
                self.cached_windows += u64::from(response.timings.unwrap_or_default().cached_windows);
            }
            Err(status) => match status.code() {
                // Refusals say why in words of the server's that hold no text.
                Code::ResourceExhausted | Code::DeadlineExceeded | Code::Unavailable => {
                    let causes = self.refused.entry(priority).or_default();
                    *causes.entry(status.message().to_owned()).or_default() += 1;
                }
                code => *self.errors.entry(format!("{code:?}")).or_default() += 1,
            },
        }
    }
}

/// The connections to a server.
#[derive(Clone)]
pub(super) struct Target {
    channels: Arc<[Channel]>,
    timeout: Duration,
}

impl Target {
    /// Connects so many times; callers give up after `timeout`.
    pub(super) async fn connect(address: &str, n_connections: usize, timeout: Duration) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(address.to_owned())?.tcp_nodelay(true);
        let connecting = (0..n_connections).map(|_| endpoint.connect());
        let channels = futures::future::try_join_all(connecting).await;
        let channels = channels.with_context(|| format!("connecting to {address}"))?;
        Ok(Self { channels: channels.into(), timeout })
    }

    /// One request and its answer.
    pub(super) async fn send(self, index: usize, planned: Planned) -> Result<AnalyzeResponse, Status> {
        let channel = self.channels.get(index % self.channels.len().max(1));
        let channel = channel.cloned().ok_or_else(|| Status::internal("there is no connection"))?;
        let mut request = Request::new(planned.message);
        request.set_timeout(self.timeout);
        if let Ok(priority) = planned.priority.name().parse() {
            request.metadata_mut().insert("x-portcullis-priority", priority);
        }
        let mut client = ThreatServiceClient::new(channel).max_encoding_message_size(LARGEST_MESSAGE_BYTES);
        client.analyze(request).await.map(tonic::Response::into_inner)
    }
}

/// Sends traffic for so long and waits for what is under way then. With `at_once`, requests follow each other without
/// a plan of times, so many at a time. Tells what came back, and how long it took until nothing was under way.
pub(super) async fn drive(
    target: &Target,
    traffic: Traffic,
    duration: Duration,
    at_once: Option<usize>,
) -> anyhow::Result<(Counts, Duration)> {
    let counts = Arc::new(Mutex::new(Counts::new()?));
    let places = Arc::new(Semaphore::new(at_once.unwrap_or(Semaphore::MAX_PERMITS)));
    let (started, mut under_way, mut sent) = (Instant::now(), JoinSet::new(), 0);
    for (index, planned) in traffic.enumerate() {
        let place = places.clone().acquire_owned().await?;
        let due = if at_once.is_some() { Instant::now() } else { started + planned.at };
        if due >= started + duration {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let (target, counts, priority) = (target.clone(), counts.clone(), planned.priority);
        under_way.spawn(async move {
            let result = target.send(index, planned).await;
            counts.lock().unwrap_or_else(PoisonError::into_inner).count(priority, due.elapsed(), result);
            drop(place);
        });
        sent += 1;
        // What has ended is let go of, so that a long run holds no more than what is under way.
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
    let elapsed = started.elapsed();
    let mut counts = Arc::into_inner(counts).context("a request is still under way")?;
    let counts_mut = counts.get_mut().unwrap_or_else(PoisonError::into_inner);
    counts_mut.sent = sent;
    Ok((counts.into_inner().unwrap_or_else(PoisonError::into_inner), elapsed))
}
