//! The scorer on CPU cores with our own kernels: packed windows, packed weights, threads of its own.
//!
//! [`ThreatClassifier`] is the definition of the model and what this is measured against; from it the weights are taken,
//! once. One batch is scored at a time.

mod forward;
mod plan;
mod weights;

pub use forward::Stage;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use candle_nn::VarBuilder;
use portcullis_kernels::Isa;
use portcullis_kernels::device::DeviceError;
use portcullis_kernels::gemm::PANEL;
use portcullis_kernels::pool::Pool;

use self::forward::{Block, Pack, Pass, Space};
use self::plan::PackPlan;
use self::weights::{Arithmetic, PackedWeights};
use super::{
    Detail, DeviceChoice, EncoderConfig, Logits, Precision, ScoreError, ScoreFn, Scorer, ThreatClassifier, TokenBatch,
    WindowScore,
};

/// How an engine computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Where. [`Engine`] is for the CPU, whatever this says; who loads a model chooses.
    pub device: DeviceChoice,
    /// In what arithmetic.
    pub precision: Precision,
    /// On how many threads of the CPU; at least one is used.
    pub threads: usize,
}

impl Default for EngineOptions {
    /// The best device and arithmetic, on all cores.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { device: DeviceChoice::Auto, precision: Precision::Auto, threads }
    }
}

/// Why an engine could not be built.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no kernel for this arithmetic on this device.
    #[error("this device, or this build, has no kernel for {0}")]
    Unavailable(Precision),
    /// A weight is missing or has another shape.
    #[error("weights: {0}")]
    Weights(#[from] candle_core::Error),
    /// There is no kernel for states or heads of these sizes.
    #[error("this device has no kernel for states of {hidden} and heads of {head} elements")]
    Sizes {
        /// Elements of a state.
        hidden: usize,
        /// Elements of a head.
        head: usize,
    },
    /// This build has no code for the device.
    #[error("this build has no code for {0}: it was made without the feature `cuda`")]
    NotBuilt(DeviceChoice),
    /// The device cannot be used.
    #[error("{device}: {error}")]
    Device {
        /// The device.
        device: DeviceChoice,
        /// What it says.
        error: DeviceError,
    },
    /// A device refused the weights.
    #[error("uploading the weights: {0}")]
    Upload(#[from] DeviceError),
    /// The system starts no more threads.
    #[error("threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// Scores windows on CPU cores.
#[derive(Debug)]
pub struct Engine {
    weights: PackedWeights,
    arithmetic: Arithmetic,
    isa: Isa,
    threads: usize,
    max_tokens: usize,
    vocab_size: usize,
    device: String,
    state: Mutex<State>,
}

/// The threads and their buffers.
#[derive(Debug)]
struct State {
    pool: Pool,
    spaces: Vec<Space>,
    /// Of what goes before a batch that is under way.
    urgent: Vec<Space>,
}

/// What is called between two layers, with the threads.
type Between<'a> = Option<&'a mut dyn FnMut(&mut Pool)>;

/// A pack and what its windows scored.
struct Task {
    plan: PackPlan,
    scores: Vec<(usize, WindowScore)>,
}

impl Engine {
    /// Packs the weights for the kernels and starts the threads.
    ///
    /// # Errors
    /// A weight is missing or has another shape, or the CPU has no kernel for the precision, or no thread is to be had.
    pub fn new(vb: &VarBuilder<'_>, config: &EncoderConfig, options: EngineOptions) -> Result<Self, EngineError> {
        let isa = Isa::best();
        let arithmetic = match options.precision {
            Precision::F32 => Arithmetic::F32,
            Precision::Bf16 => Arithmetic::Bf16,
            Precision::Int8 | Precision::Auto => Arithmetic::Int16,
            Precision::F16 => return Err(EngineError::Unavailable(options.precision)),
        };
        let weights = PackedWeights::pack(&ThreatClassifier::load(vb, config)?, arithmetic)?;
        let pool = Pool::new(options.threads)?;
        let threads = pool.n_threads();
        let [spaces, urgent] = [(); 2].map(|()| (0..threads).map(|_| Space::new(&weights)).collect());
        let mut engine = Self {
            weights,
            arithmetic,
            isa,
            threads,
            max_tokens: config.max_position_embeddings,
            vocab_size: config.vocab_size,
            device: String::new(),
            state: Mutex::new(State { pool, spaces, urgent }),
        };
        engine.device = format!("cpu {} {}", engine.precision(), isa.name());
        Ok(engine)
    }

    /// What it computes in; never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        match self.arithmetic {
            Arithmetic::F32 => Precision::F32,
            Arithmetic::Bf16 => Precision::Bf16,
            Arithmetic::Int16 => Precision::Int8,
        }
    }

    /// The number of threads that compute, the caller's among them.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The names of the kernels that were chosen for this CPU: that of the linear layers and that of attention.
    pub fn kernel_names(&self) -> Vec<&'static str> {
        vec![self.weights.kernel_name(self.isa), portcullis_kernels::gemm::f32::kernel_name(self.isa)]
    }

    /// Scores a batch as [`Scorer::score`] does, and says how long each stage took, summed over the threads, by a clock
    /// that the caller brings.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn profile(
        &self,
        batch: &TokenBatch,
        detail: Detail,
        now: fn() -> Duration,
    ) -> Result<Vec<(Stage, Duration)>, ScoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.spaces.iter_mut().for_each(|space| space.laps.set_clock(Some(now)));
        let State { pool, spaces, .. } = &mut *state;
        let scored = self.score_in(pool, spaces, batch, detail, None);
        let totals = Stage::ALL.map(|stage| (stage, state.spaces.iter().map(|space| space.laps.total(stage)).sum()));
        state.spaces.iter_mut().for_each(|space| space.laps.set_clock(None));
        scored.map(|_| totals.to_vec())
    }

    fn score_in(
        &self,
        pool: &mut Pool,
        spaces: &mut [Space],
        batch: &TokenBatch,
        detail: Detail,
        mut between: Between<'_>,
    ) -> Result<Vec<WindowScore>, ScoreError> {
        let windows: Vec<_> = batch.windows().collect();
        windows.iter().try_for_each(|(ids, _)| self.check(ids))?;
        let lengths: Vec<usize> = windows.iter().map(|(ids, _)| ids.len()).collect();
        let pass =
            Pass { weights: &self.weights, arithmetic: self.arithmetic, isa: self.isa, windows: &windows, detail };
        // Only threads that meet once a layer can stop there.
        let plans = match between {
            Some(_) => vec![plan::blocks(&lengths, self.threads)],
            None => plan::packs(&lengths, self.threads),
        };
        let mut tasks: Vec<Task> = plans.into_iter().map(|plan| Task { plan, scores: Vec::new() }).collect();
        match tasks.as_mut_slice() {
            [only] => {
                let mut pack = spaces.first_mut().map(|space| std::mem::take(&mut space.pack)).unwrap_or_default();
                pass.run(&mut pack, &only.plan, |blocks, run| {
                    if let Some(between) = &mut between {
                        between(pool);
                    }
                    pool.for_each(spaces, blocks, run);
                });
                collect(&pack, &mut only.scores);
                if let Some(space) = spaces.first_mut() {
                    space.pack = pack;
                }
            }
            tasks => pool.for_each(spaces, tasks, |space, task| {
                let mut pack = std::mem::take(&mut space.pack);
                pass.run(&mut pack, &task.plan, |blocks, run| blocks.iter_mut().for_each(|block| run(space, block)));
                collect(&pack, &mut task.scores);
                space.pack = pack;
            }),
        }
        in_order(tasks, windows.len())
    }

    fn check(&self, ids: &[u32]) -> Result<(), ScoreError> {
        if ids.len() > self.max_tokens {
            return Err(ScoreError::WindowTooLong { tokens: ids.len(), limit: self.max_tokens });
        }
        if ids.is_empty() || ids.iter().any(|&id| id as usize >= self.vocab_size) {
            return Err(ScoreError::NotInVocabulary);
        }
        Ok(())
    }
}

impl Scorer for Engine {
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        // After a panic the buffers hold nothing that is read again: every pass writes before it reads.
        let State { pool, spaces, .. } = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.score_in(pool, spaces, batch, detail, None)
    }

    fn score_interruptibly(
        &self,
        batch: &TokenBatch,
        detail: Detail,
        between: &mut dyn FnMut(&mut ScoreFn<'_>),
    ) -> Result<Vec<WindowScore>, ScoreError> {
        let State { pool, spaces, urgent } = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut between =
            |pool: &mut Pool| between(&mut |batch, detail| self.score_in(pool, urgent, batch, detail, None));
        self.score_in(pool, spaces, batch, detail, Some(&mut between))
    }

    fn device(&self) -> &str {
        &self.device
    }
}

/// The scores of a pack's windows, each with its window's number; those of tokens from all blocks of the window.
fn collect(pack: &Pack, scores: &mut Vec<(usize, WindowScore)>) {
    for block in pack.blocks() {
        let lines = block.categories.as_chunks::<PANEL>().0;
        for (segment, &[injection, jailbreak, exfiltration, ..]) in block.segments.iter().zip(lines) {
            let logits = Logits { injection, jailbreak, exfiltration };
            scores.push((segment.window, WindowScore { logits, tokens: Vec::new() }));
        }
    }
    add_tokens(pack.blocks(), scores);
}

/// Gives each window the logits of its tokens, which may lie in several blocks, in their order.
fn add_tokens(blocks: &[Block], scores: &mut [(usize, WindowScore)]) {
    for block in blocks {
        let mut lines = block.tokens.as_chunks::<PANEL>().0.iter().map(|&[logit, ..]| logit);
        for segment in &block.scored {
            if let Some((_, score)) = scores.iter_mut().find(|(window, _)| *window == segment.window) {
                score.tokens.extend(lines.by_ref().take(segment.rows));
            }
        }
    }
}

/// All scores in the order of the batch, checked: one a window, all finite.
fn in_order(tasks: Vec<Task>, n_windows: usize) -> Result<Vec<WindowScore>, ScoreError> {
    let mut scores: Vec<_> = tasks.into_iter().flat_map(|task| task.scores).collect();
    scores.sort_by_key(|(window, _)| *window);
    if scores.len() != n_windows {
        return Err(ScoreError::WrongShape { got: scores.len(), expected: n_windows });
    }
    let scores: Vec<WindowScore> = scores.into_iter().map(|(_, score)| score).collect();
    if scores.iter().all(WindowScore::is_finite) { Ok(scores) } else { Err(ScoreError::NotFinite) }
}
