//! `bench engine`: how fast the model computes on given token ids, alone: no text is read and no request waits.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use super::workload::{self, Workload};
use crate::artifact::load_engine;
use crate::cli::write_line;
use crate::config::HubSettings;
use crate::fetch::ModelSource;
use crate::model::engine::Stage;
use crate::model::{AnyEngine, Detail, DeviceChoice, Engine, EngineOptions, Precision, Scorer, TokenBatch};
use crate::threat::Channel;

/// How long the engine runs before it is measured: until the clock of the CPU has settled and all memory was touched once.
const WARM_UP: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  portcullis bench engine --threads 1
  portcullis bench engine --workload fixed:128 --batch 1 --precision f32
  portcullis bench engine --ids requests.jsonl --json";

/// Measure how fast the model computes: tokens a second, and the time of a batch.
///
/// Token ids are scored in batches, in order, without a server, so that the figures are those of the
/// forward pass alone. `--batch 1` measures latency, a larger one throughput. Compare figures of one machine in one run
/// only, and nothing that ran while others used its cores.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Made-up token ids: mix, 512 sequences of log-normal lengths with a median of 60 tokens, between 8 and 512, always
    /// the same; or fixed:LEN, sequences of LEN tokens each
    #[arg(long, default_value = "mix", value_name = "WORKLOAD")]
    workload: Workload,
    /// File of token ids in place of made-up ones: lines like {"ids":[101,2023,102]}
    #[arg(long, value_name = "FILE", conflicts_with = "workload")]
    ids: Option<PathBuf>,
    /// Sequences scored together
    #[arg(long, default_value = "8", value_name = "N")]
    batch: NonZeroUsize,
    /// Threads of the CPU that compute; as many as there are cores if left out
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Arithmetic of the matrix products: auto (the fastest of the device that is exact enough), int8, f16, bf16 or f32
    #[arg(long, default_value = "auto", value_name = "P")]
    precision: Precision,
    /// Where to compute: cpu, cuda, cuda:N, cuda:all, or auto, a GPU if there is one and this build knows GPUs
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Score each token too, as a request for spans does: the last layer runs for all tokens, not for the first of each alone
    #[arg(long)]
    tokens: bool,
    /// Times that the whole workload is measured
    #[arg(long, default_value = "3", value_name = "N")]
    rounds: NonZeroUsize,
    /// Print one JSON object in place of a table
    #[arg(long)]
    json: bool,
    /// Folder of the model in place of the embedded one
    #[arg(long, env = "PORTCULLIS_MODEL", value_name = "DIR")]
    model: Option<ModelSource>,
}

/// What was measured, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    tokens_per_s: f64,
    sequences_per_s: f64,
    /// Of one batch.
    p50_ms: f64,
    /// Of one batch.
    p99_ms: f64,
    batch: usize,
    sequences: usize,
    tokens: usize,
    rounds: usize,
    device: String,
    /// Of the CPU; 0 where it does not compute.
    threads: usize,
    precision: &'static str,
    kernels: Vec<&'static str>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let sequences = match &arguments.ids {
        Some(path) => workload::read(path)?,
        None => arguments.workload.sequences(),
    };
    ensure!(!sequences.is_empty(), "there is no sequence to measure");
    let files = arguments.model.clone().unwrap_or_default().files(&HubSettings::default().hub())?;
    let threads = arguments.threads.map_or(EngineOptions::default().threads, NonZeroUsize::get);
    let options = EngineOptions { device: arguments.device, precision: arguments.precision, threads };
    let engine = load_engine(&files, options).with_context(|| format!("the model in {files} is refused"))?;
    let batches = batches(&sequences, arguments.batch);
    let detail = if arguments.tokens { Detail::Tokens } else { Detail::Categories };
    let times = times(&engine, &batches, detail, arguments.rounds.get())?;
    let report = Report::new(arguments, &engine, &sequences, &times);
    if arguments.json {
        write_line(&serde_json::to_string(&report)?)?;
    } else {
        let stages = engine.cpu().map_or(Ok(Vec::new()), |engine| stages(engine, &batches, detail))?;
        print(&report, &stages)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Report {
    /// From the sorted times of all batches.
    fn new(arguments: &Arguments, engine: &AnyEngine, sequences: &[Vec<u32>], times: &[Duration]) -> Self {
        let (rounds, tokens) = (arguments.rounds.get(), sequences.iter().map(Vec::len).sum());
        let total: Duration = times.iter().sum();
        let rate = |n: usize| (n * rounds) as f64 / total.as_secs_f64();
        Self {
            tokens_per_s: rate(tokens),
            sequences_per_s: rate(sequences.len()),
            p50_ms: percentile_ms(times, 50),
            p99_ms: percentile_ms(times, 99),
            batch: arguments.batch.get(),
            sequences: sequences.len(),
            tokens,
            rounds,
            device: engine.device().to_owned(),
            threads: engine.cpu().map_or(0, Engine::threads),
            precision: engine.precision().name(),
            kernels: engine.cpu().map_or(Vec::new(), Engine::kernel_names),
        }
    }
}

/// Each batch of a workload, all of one channel: which one makes no difference to the time.
fn batches(sequences: &[Vec<u32>], size: NonZeroUsize) -> Vec<TokenBatch> {
    sequences
        .chunks(size.get())
        .map(|chunk| chunk.iter().map(|ids| (ids.as_slice(), Channel::Instruction)).collect())
        .collect()
}

/// The time of each batch in each round, sorted.
fn times(engine: &AnyEngine, batches: &[TokenBatch], detail: Detail, rounds: usize) -> anyhow::Result<Vec<Duration>> {
    let started = Instant::now();
    for batch in batches.iter().cycle().take_while(|_| started.elapsed() < WARM_UP) {
        engine.score(batch, detail)?;
    }
    let mut times = Vec::with_capacity(rounds * batches.len());
    for _ in 0..rounds {
        for batch in batches {
            let started = Instant::now();
            engine.score(batch, detail)?;
            times.push(started.elapsed());
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// The time of each stage, over all batches and threads. Asking the clock costs a little, so that this is a pass of its own.
fn stages(engine: &Engine, batches: &[TokenBatch], detail: Detail) -> anyhow::Result<Vec<(Stage, Duration)>> {
    fn now() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
    let mut totals = Stage::ALL.map(|stage| (stage, Duration::ZERO));
    for batch in batches {
        for ((_, total), (_, time)) in totals.iter_mut().zip(engine.profile(batch, detail, now)?) {
            *total += time;
        }
    }
    Ok(totals.to_vec())
}

/// The time that a share of all, in percent, does not exceed; of sorted times.
pub(super) fn percentile_ms(times: &[Duration], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn print(report: &Report, stages: &[(Stage, Duration)]) -> std::io::Result<()> {
    let Report { batch, sequences, tokens, rounds, threads, device, .. } = report;
    write_line(&format!("engine            {device}, threads: {threads}, kernels: {}", report.kernels.join(", ")))?;
    write_line(&format!(
        "workload          {sequences} sequences, {tokens} tokens, batches of {batch}, rounds: {rounds}"
    ))?;
    write_line(&format!("tokens/s          {:.0}", report.tokens_per_s))?;
    write_line(&format!("sequences/s       {:.1}", report.sequences_per_s))?;
    write_line(&format!("a batch           p50 {:.2} ms, p99 {:.2} ms", report.p50_ms, report.p99_ms))?;
    let total: Duration = stages.iter().map(|(_, time)| time).sum();
    for (stage, time) in stages {
        let share = 100.0 * time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
        write_line(&format!("{:16}  {share:5.1} %", stage.name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 100.0), (99, 198.0), (100, 200.0)] {
            assert_eq!(percentile_ms(&times, percent), expected);
        }
        assert_eq!(percentile_ms(&times[..1], 99), 1.0);
    }

    #[test]
    fn every_sequence_is_in_one_batch() {
        let sequences: Vec<Vec<u32>> = (1..=7).map(|length| vec![2000; length]).collect();
        let sizes: Vec<(usize, usize)> = batches(&sequences, NonZeroUsize::new(3).unwrap())
            .iter()
            .map(|batch| (batch.len(), batch.n_tokens()))
            .collect();
        assert_eq!(sizes, [(3, 6), (3, 15), (1, 7)]);
    }
}
