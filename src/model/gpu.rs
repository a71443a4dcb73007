//! The scorer on a device with a memory of its own: weights and states in f16, sums, norms, softmax and heads in f32.
//!
//! It is written against [`Device`], of which a GPU of NVIDIA's is one (feature `cuda`), and reads no file and starts no
//! thread: whoever calls waits for the device. One batch is scored at a time.

mod forward;
mod weights;

use std::sync::{Mutex, PoisonError};

use candle_nn::VarBuilder;
use portcullis_kernels::device::encoder::{HEAD_SIZES, MAX_HIDDEN};
use portcullis_kernels::device::{Device, DeviceError};

use self::forward::{Pass, Space};
use self::weights::DeviceWeights;
use super::{
    Detail, EncoderConfig, EngineError, Precision, ScoreError, Scorer, ThreatClassifier, TokenBatch, WindowScore,
};
use crate::threat::Channel;

/// Tokens that are in the device's memory together, at most: larger batches go in parts. A part's states take 0.6 GB at the
/// default model's size.
const PART_TOKENS: usize = 65_536;

/// A window's ids and channel.
type Window<'a> = (&'a [u32], Channel);

/// Scores windows on a device.
#[derive(Debug)]
pub struct GpuEngine<D: Device> {
    max_tokens: usize,
    vocab_size: usize,
    name: String,
    state: Mutex<State<D>>,
}

/// Scores windows on a GPU of NVIDIA's.
#[cfg(feature = "cuda")]
pub type CudaEngine = GpuEngine<portcullis_kernels::cuda::Gpu>;

#[cfg(feature = "cuda")]
impl CudaEngine {
    /// On the GPU with a number, from 0.
    ///
    /// # Errors
    /// As [`GpuEngine::new`], and there is no such GPU, driver or library.
    pub fn open(
        number: usize,
        vb: &VarBuilder<'_>,
        config: &EncoderConfig,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let device = super::DeviceChoice::Cuda(number);
        let gpu = portcullis_kernels::cuda::Gpu::open(number).map_err(|error| EngineError::Device { device, error })?;
        Self::new(gpu, &device.to_string(), vb, config, precision)
    }
}

/// What is used by one batch at a time. Memory goes before its device.
#[derive(Debug)]
struct State<D: Device> {
    weights: DeviceWeights<D::Memory>,
    space: Option<Space<D::Memory>>,
    device: D,
}

impl<D: Device> GpuEngine<D> {
    /// Uploads the weights. `name` is the device's among others of its kind, as in "cuda:0".
    ///
    /// # Errors
    /// A weight is missing or has another shape, there is no kernel for the model's sizes or for the precision, or the device
    /// refuses.
    pub fn new(
        device: D,
        name: &str,
        vb: &VarBuilder<'_>,
        config: &EncoderConfig,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        if !matches!(precision, Precision::Auto | Precision::F16) {
            return Err(EngineError::Unavailable(precision));
        }
        check_sizes(config)?;
        let weights = DeviceWeights::upload(&device, &ThreatClassifier::load(vb, config)?)?;
        Ok(Self {
            max_tokens: config.max_position_embeddings,
            vocab_size: config.vocab_size,
            name: format!("{name} {} {}", Precision::F16, device.name()),
            state: Mutex::new(State { weights, space: None, device }),
        })
    }

    /// What it computes in.
    pub fn precision(&self) -> Precision {
        Precision::F16
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

impl<D: Device> State<D> {
    fn score(&mut self, windows: &[Window<'_>], detail: Detail) -> Result<Vec<WindowScore>, DeviceError> {
        let n_tokens = windows.iter().map(|(ids, _)| ids.len()).sum();
        let mut space = match self.space.take() {
            Some(space) if space.rows() >= n_tokens => space,
            smaller => {
                // Both would not always fit.
                drop(smaller);
                Space::new(&self.device, &self.weights, n_tokens)?
            }
        };
        let pass = Pass { device: &self.device, weights: &self.weights, windows, detail };
        let scores = pass.run(&mut space);
        self.space = Some(space);
        scores
    }
}

impl<D: Device + Send> Scorer for GpuEngine<D> {
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        let windows: Vec<Window<'_>> = batch.windows().collect();
        windows.iter().try_for_each(|(ids, _)| self.check(ids))?;
        // After a panic the buffers hold nothing that is read again: every pass writes before it reads.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scores = Vec::with_capacity(windows.len());
        for part in parts(&windows) {
            scores.extend(state.score(part, detail)?);
        }
        if scores.len() != windows.len() {
            return Err(ScoreError::WrongShape { got: scores.len(), expected: windows.len() });
        }
        if scores.iter().all(WindowScore::is_finite) { Ok(scores) } else { Err(ScoreError::NotFinite) }
    }

    fn device(&self) -> &str {
        &self.name
    }
}

fn check_sizes(config: &EncoderConfig) -> Result<(), EngineError> {
    let head = config.hidden_size / config.num_attention_heads.max(1);
    let is_known = HEAD_SIZES.contains(&head)
        && config.hidden_size == head * config.num_attention_heads
        && config.hidden_size <= MAX_HIDDEN
        && config.intermediate_size.is_multiple_of(2);
    if is_known { Ok(()) } else { Err(EngineError::Sizes { hidden: config.hidden_size, head }) }
}

/// Windows in parts of at most [`PART_TOKENS`], and of one window at least.
fn parts<'a, 'b>(mut windows: &'b [Window<'a>]) -> impl Iterator<Item = &'b [Window<'a>]> {
    std::iter::from_fn(move || {
        let mut n_tokens = 0;
        let fitting = windows.iter().take_while(|(ids, _)| {
            n_tokens += ids.len();
            n_tokens <= PART_TOKENS
        });
        let (part, rest) = windows.split_at_checked(fitting.count().max(1))?;
        windows = rest;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_all_windows_and_not_too_many_tokens() {
        let ids = vec![0; PART_TOKENS + 1];
        let check = |lengths: &[usize], expected: &[usize]| {
            let windows: Vec<Window<'_>> = lengths.iter().map(|&length| (&ids[..length], Channel::Data)).collect();
            assert_eq!(parts(&windows).map(<[_]>::len).collect::<Vec<_>>(), expected, "{lengths:?}");
        };
        check(&[], &[]);
        check(&[3, 4], &[2]);
        check(&[PART_TOKENS - 1, 1, 1], &[2, 1]);
        check(&[PART_TOKENS, 1], &[1, 1]);
        check(&[PART_TOKENS + 1, 5], &[1, 1]);
    }
}
