//! `bench targets`: what a server of this process must hold under load, each figure beside what it is measured against, in one
//! run: ratios survive a machine that is slow today.

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;

use super::load::{Counts, Target, drive};
use super::traffic::{CONVERSATIONS, Planned, TURNS, Traffic, Workload, document};
use super::watch::Portal;
use super::{OwnServer, new_seed, warm_up};
use crate::artifact::Model;
use crate::caller::Priority;
use crate::cli::bench::engine::percentile_ms;
use crate::cli::write_line;
use crate::grpc::v1::AnalyzeRequest;
use crate::grpc::v1::segment::Content;
use crate::model::{Detail, Scorer, TokenBatch};
use crate::threat::Channel;

const CONNECTIONS: usize = 16;
/// Requests under way at saturation.
const AT_ONCE: usize = 128;
/// Callers give up after this.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Texts that are scored by the engine alone and by the server in turns.
const PAIRS: usize = 200;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(20);
/// A server that nobody waits for gets this share of what it can answer.
const LOW_LOAD: f64 = 0.1;
const DOCUMENTS: usize = 8;
const DOCUMENT_BYTES: usize = 500_000;

/// Measure whether a server of this process holds what it must under load; the exit status says so.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Seconds of each measurement; there are nine
    #[arg(long, default_value = "30", value_name = "S")]
    seconds: NonZeroU32,
    /// Print one JSON object a target in place of a table
    #[arg(long)]
    json: bool,
    /// TOML file with the settings of the server
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

/// A target and what was measured.
#[derive(Debug, Serialize)]
struct Held {
    target: &'static str,
    /// What `figure` is compared with.
    bound: f64,
    figure: f64,
    is_held: bool,
    /// What the figure was made of.
    detail: String,
}

impl Held {
    fn at_most(target: &'static str, bound: f64, figure: f64, detail: String) -> Self {
        Self { target, bound, figure, is_held: figure <= bound, detail }
    }
}

/// The model's device, past the server, and the windows of the mix.
pub(super) struct Bare {
    scorer: Arc<dyn Scorer>,
    windows: Vec<Vec<Vec<u32>>>,
}

impl Bare {
    /// The windows of the first requests of the mix, request by request, as the model lays them out.
    pub(super) fn of(model: &Model) -> Self {
        let texts = Traffic::new(Workload::Mix, None, 1).take(PAIRS).map(|planned| text(&planned.message));
        let windows = texts.map(|text| model.tokenizer.windows(&text, model.layout).windows);
        let windows = windows.map(|windows| windows.into_iter().map(|window| window.ids).collect()).collect();
        Self { scorer: model.scorer.clone(), windows }
    }

    /// Tokens a second, in batches of so many windows.
    fn tokens_per_s(&self, batch_windows: usize, time: Duration) -> anyhow::Result<f64> {
        let windows: Vec<&Vec<u32>> = self.windows.iter().flatten().collect();
        let batches: Vec<TokenBatch> = windows.chunks(batch_windows).map(|windows| batch(windows)).collect();
        let (started, mut tokens) = (Instant::now(), 0);
        for batch in batches.iter().cycle().take_while(|_| started.elapsed() < time) {
            self.scorer.score(batch, Detail::Categories)?;
            tokens += batch.n_tokens();
        }
        Ok(tokens as f64 / started.elapsed().as_secs_f64())
    }

    /// The throughput in small or in large batches, whichever is more.
    fn throughput(&self, time: Duration) -> anyhow::Result<f64> {
        Ok(self.tokens_per_s(8, time / 2)?.max(self.tokens_per_s(32, time / 2)?))
    }

    fn score(&self, request: usize) -> anyhow::Result<Duration> {
        let windows: Vec<&Vec<u32>> = self.windows.iter().skip(request).take(1).flatten().collect();
        let (batch, started) = (batch(&windows), Instant::now());
        self.scorer.score(&batch, Detail::Categories)?;
        Ok(started.elapsed())
    }
}

fn batch(windows: &[&Vec<u32>]) -> TokenBatch {
    windows.iter().map(|ids| (ids.as_slice(), Channel::Instruction)).collect()
}

fn text(message: &AnalyzeRequest) -> String {
    let texts = message.segments.iter().filter_map(|segment| match &segment.content {
        Some(Content::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

pub(in crate::cli) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let own = OwnServer::start(arguments.config.as_deref()).await?;
    let target = Target::connect(&own.address, CONNECTIONS, TIMEOUT).await?;
    let mut bench = Bench {
        bare: own.bare.clone(),
        portal: own.portal.clone(),
        address: own.address.clone(),
        target,
        time: Duration::from_secs(arguments.seconds.get().into()),
        seed: new_seed()?,
    };
    let at_start = bench.portal.read("portcullis_resident_memory_bytes").await?;
    let memory = bench.portal.watch_memory();
    let seed = bench.next_seed();
    warm_up(&bench.target, Workload::Mix, seed).await?;
    let (throughput, per_s) = bench.throughput().await?;
    let mut all = vec![throughput, bench.added().await?];
    all.extend(bench.overload(per_s).await?);
    all.push(bench.conversations().await?);
    all.push(bench.documents(per_s).await?);
    let peak = memory.stop().into_iter().map(|(_, bytes)| bytes).fold(0.0, f64::max);
    let bound = bench.portal.read("portcullis_memory_bound_bytes").await?;
    let detail = format!("{:.0} MiB at start, {:.0} MiB at most", at_start / 1048576.0, peak / 1048576.0);
    all.push(Held::at_most("bytes of memory above those at start", bound, peak - at_start, detail));
    own.stop().await?;
    for held in &all {
        if arguments.json {
            write_line(&serde_json::to_string(held)?)?;
        } else {
            let Held { target, bound, figure, is_held, detail } = held;
            let verdict = if *is_held { "held  " } else { "MISSED" };
            write_line(&format!("{verdict}  {figure:.2} against {bound:.2}: {target} ({detail})"))?;
        }
    }
    Ok(if all.iter().all(|held| held.is_held) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What all measurements need.
struct Bench {
    bare: Arc<Bare>,
    portal: Portal,
    address: String,
    target: Target,
    time: Duration,
    seed: u64,
}

impl Bench {
    /// No two measurements send the same texts.
    fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(1 << 50);
        self.seed
    }

    async fn drive(&mut self, workload: Workload, rate: Option<f64>) -> anyhow::Result<(Counts, Duration)> {
        let traffic = Traffic::new(workload, rate, self.next_seed());
        drive(&self.target, traffic, self.time, rate.is_none().then_some(AT_ONCE)).await
    }

    async fn engine_throughput(&self) -> anyhow::Result<f64> {
        let (bare, time) = (self.bare.clone(), self.time / 2);
        tokio::task::spawn_blocking(move || bare.throughput(time)).await?
    }

    /// The server's throughput at saturation against the engine's before and after; and the requests it answers a second.
    async fn throughput(&mut self) -> anyhow::Result<(Held, f64)> {
        let before = self.engine_throughput().await?;
        let (portal, time) = (self.portal.clone(), self.time);
        let scored = async move {
            tokio::time::sleep(time / 8).await;
            let (begun, from) = (Instant::now(), portal.read("portcullis_scored_tokens_total").await?);
            tokio::time::sleep(time / 4 * 3).await;
            let to = portal.read("portcullis_scored_tokens_total").await?;
            anyhow::Ok((to - from) / begun.elapsed().as_secs_f64())
        };
        let (scored, driven) = tokio::join!(scored, self.drive(Workload::Mix, None));
        let (scored, (counts, elapsed)) = (scored?, driven?);
        let after = self.engine_throughput().await?;
        let per_s = counts.answered() as f64 / elapsed.as_secs_f64();
        let detail = format!(
            "{scored:.0} tokens/s at {per_s:.1} requests/s; the engine {before:.0} before and {after:.0} after"
        );
        let figure = scored / f64::midpoint(before, after);
        let target = "the server's throughput at saturation over the engine's";
        Ok((Held { target, bound: 0.95, figure, is_held: figure >= 0.95, detail }, per_s))
    }

    /// What the server adds to the forward pass: the same texts by the engine alone and by the server, in turns.
    async fn added(&mut self) -> anyhow::Result<Held> {
        let traffic = Traffic::new(Workload::Mix, None, 1).take(PAIRS);
        let (mut alone, mut served, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
        for (index, planned) in traffic.enumerate() {
            tokio::time::sleep(PAUSE).await;
            let bare = self.bare.clone();
            alone.push(tokio::task::spawn_blocking(move || bare.score(index)).await??);
            tokio::time::sleep(PAUSE).await;
            let started = Instant::now();
            let planned = Planned { priority: Priority::Interactive, ..planned };
            let answer = self.target.clone().send(index, planned).await?;
            served.push(started.elapsed());
            let compute = Duration::from_micros(answer.timings.unwrap_or_default().compute_us);
            beyond.push(served.last().copied().unwrap_or_default().saturating_sub(compute));
        }
        [&mut alone, &mut served, &mut beyond].into_iter().for_each(|times| times.sort_unstable());
        let [alone, served, beyond] = [alone, served, beyond].map(|times| percentile_ms(&times, 50));
        let detail = format!(
            "p50 {served:.2} ms; the engine alone {alone:.2} ms; {beyond:.2} ms are outside of the server's forward pass"
        );
        Ok(Held::at_most("ms that the server adds to p50 at low load", 0.3, served - alone, detail))
    }

    /// Interactive p99 at low load and at twice the saturating rate, and who is refused there.
    async fn overload(&mut self, per_s: f64) -> anyhow::Result<Vec<Held>> {
        let (low, _) = self.drive(Workload::Mix, Some(per_s * LOW_LOAD)).await?;
        let (high, _) = self.drive(Workload::Mix, Some(per_s * 2.0)).await?;
        let (unloaded, loaded) = (low.p99_ms(Priority::Interactive), high.p99_ms(Priority::Interactive));
        let detail = format!("p99 {loaded:.0} ms, unloaded {unloaded:.0} ms");
        let target = "interactive p99 at twice the saturating rate over unloaded";
        let latency = Held::at_most(target, 3.0, loaded / unloaded, detail);
        let [interactive, default, bulk] = Priority::ALL.map(|priority| high.refused_share(priority));
        let detail = format!("refused: bulk {bulk:.2}, default {default:.2}, interactive {interactive:.2}");
        let target = "share of interactive requests refused there, while bulk is shed";
        let is_held = interactive <= 0.01 && bulk > default;
        Ok(vec![latency, Held { target, bound: 0.01, figure: interactive, is_held, detail }])
    }

    /// What a conversation that is sent again with each turn costs, over scanning its end once.
    async fn conversations(&mut self) -> anyhow::Result<Held> {
        let (mut computed, mut windows_at_end) = (0, 0);
        let traffic = Traffic::new(Workload::Conversation, None, self.next_seed());
        for (index, planned) in traffic.take(TURNS * CONVERSATIONS).enumerate() {
            let answer = self.target.clone().send(index, planned).await?;
            let windows = answer.coverage.unwrap_or_default().windows;
            computed += windows.saturating_sub(answer.timings.unwrap_or_default().cached_windows);
            windows_at_end += if index >= (TURNS - 1) * CONVERSATIONS { windows } else { 0 };
        }
        let detail = format!("{computed} windows computed; {windows_at_end} at the end");
        let figure = f64::from(computed) / f64::from(windows_at_end.max(1));
        Ok(Held::at_most("windows of conversations of 20 turns over those of their ends", 1.3, figure, detail))
    }

    /// Short prompts alone, and beside documents that are sent again as soon as they are answered.
    async fn documents(&mut self, per_s: f64) -> anyhow::Result<Held> {
        let rate = Some(per_s * LOW_LOAD);
        let (alone, _) = self.drive(Workload::Short, rate).await?;
        let patient = Target::connect(&self.address, 1, Duration::from_secs(3600)).await?;
        let mut documents = JoinSet::new();
        for number in 0..DOCUMENTS {
            let (patient, seed) = (patient.clone(), self.next_seed());
            documents.spawn(async move {
                for round in 0.. {
                    patient.clone().send(number, document(seed + round, DOCUMENT_BYTES)).await?;
                }
                Ok::<(), tonic::Status>(())
            });
        }
        // All of them wait for the device when the prompts come.
        while self.portal.read("portcullis_queue_windows").await? < DOCUMENTS as f64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (beside, _) = self.drive(Workload::Short, rate).await?;
        let refused = beside.refused_share(Priority::Interactive);
        let failed = documents.try_join_next();
        anyhow::ensure!(failed.is_none(), "a document was not answered: {failed:?}");
        drop(documents);
        let (alone, beside) = (alone.p99_ms(Priority::Interactive), beside.p99_ms(Priority::Interactive));
        let detail = format!("p99 {beside:.1} ms, alone {alone:.1} ms; refused {refused:.2}");
        let target = "short prompts' p99 beside 8 documents of 500 KB over alone";
        let held = Held::at_most(target, 2.0, beside / alone, detail);
        Ok(Held { is_held: held.is_held && refused <= 0.01, ..held })
    }
}
