//! What a load came to: as a table, and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::load::Counts;
use super::traffic::Workload;
use crate::caller::Priority;
use crate::cli::write_line;

/// What was measured at one rate, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) workload: Workload,
    /// Requests a second that were to be sent; none where each answer lets the next request go.
    pub(super) offered_per_s: Option<f64>,
    /// Answers a second.
    pub(super) achieved_per_s: f64,
    tokens_per_s: f64,
    seconds: f64,
    sent: u64,
    answered: u64,
    windows: u64,
    cached_windows: u64,
    /// By priority, and of all.
    pub(super) latency_ms: BTreeMap<&'static str, Latency>,
    /// By priority, then by what the server said.
    refused: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// By code.
    errors: BTreeMap<String, u64>,
}

/// Times from when requests were due to their answers, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    answered: u64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    max: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self { answered: histogram.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl Report {
    pub(super) fn new(workload: Workload, rate: Option<f64>, counts: Counts, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let mut latency_ms: BTreeMap<_, _> = counts
            .latencies
            .iter()
            .filter(|(_, histogram)| !histogram.is_empty())
            .map(|(priority, histogram)| (priority.name(), Latency::of(histogram)))
            .collect();
        let mut histograms = counts.latencies.into_values();
        let all = histograms.next().map(|first| {
            histograms.fold(first, |mut all, histogram| {
                // All have the same bounds.
                let _ = all.add(histogram);
                all
            })
        });
        let all = all.as_ref().map(Latency::of);
        latency_ms.extend(all.map(|all| ("all", all)));
        let answered = all.map_or(0, |all| all.answered);
        Self {
            workload,
            offered_per_s: rate,
            achieved_per_s: answered as f64 / seconds,
            tokens_per_s: counts.tokens as f64 / seconds,
            seconds,
            sent: counts.sent,
            answered,
            windows: counts.windows,
            cached_windows: counts.cached_windows,
            latency_ms,
            refused: counts.refused.into_iter().map(|(priority, causes)| (priority.name(), causes)).collect(),
            errors: counts.errors,
        }
    }

    pub(super) fn print(&self) -> std::io::Result<()> {
        let offered = self.offered_per_s.map_or("as many as are answered".to_owned(), |rate| format!("{rate:.1}/s"));
        write_line(&format!("offered           {offered}, {} requests in {:.1} s", self.sent, self.seconds))?;
        write_line(&format!("answered          {} ({:.1}/s)", self.answered, self.achieved_per_s))?;
        write_line(&format!("tokens/s          {:.0}", self.tokens_per_s))?;
        write_line(&format!("windows           {}, {} of them cached", self.windows, self.cached_windows))?;
        let names = Priority::ALL.map(Priority::name);
        for (name, latency) in names.iter().chain(&["all"]).filter_map(|name| self.latency_ms.get_key_value(name)) {
            let Latency { p50, p90, p99, p999, max, .. } = latency;
            let line = format!("p50 {p50:.1}, p90 {p90:.1}, p99 {p99:.1}, p99.9 {p999:.1}, max {max:.1} ms");
            write_line(&format!("{name:16}  {line}"))?;
        }
        for (priority, causes) in &self.refused {
            for (cause, n) in causes {
                write_line(&format!("refused           {n} {priority}: {cause}"))?;
            }
        }
        for (code, n) in &self.errors {
            write_line(&format!("failed            {n} {code}"))?;
        }
        Ok(())
    }
}
