//! The scorer on devices with a memory of their own: weights and states in f16, sums, norms, softmax and heads in f32.
//!
//! It is written against [`Device`], of which a GPU of NVIDIA's is one (feature `cuda`), and reads no file and starts no
//! thread: whoever calls waits for the device. A device has two lanes, each for one batch at a time, so that one batch is
//! copied and launched while the other is computed.

mod forward;
mod weights;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use candle_nn::VarBuilder;
use portcullis_kernels::device::encoder::{HEAD_SIZES, MAX_HIDDEN};
use portcullis_kernels::device::{Device, DeviceError};

use self::forward::{Inputs, Pass, Shape, Space};
use self::weights::DeviceWeights;
use super::{
    Detail, EncoderConfig, EngineError, Precision, ScoreError, Scorer, ThreatClassifier, TokenBatch, WindowScore,
};
use crate::threat::Channel;

/// Tokens that are in the device's memory together, at most: larger batches go in parts. A part's states take 0.6 GB at the
/// default model's size.
const PART_TOKENS: usize = 65_536;
/// Tokens of the largest pass that is recorded: in larger ones the device computes longer than the host takes to launch.
const RECORDED_TOKENS: usize = 8192;
/// Shapes that are known at once; with one more, all are forgotten. Traffic of windows of up to 128 tokens has a few dozen.
const MAX_SHAPES: usize = 256;

/// A window's ids and channel.
type Window<'a> = (&'a [u32], Channel);

/// Scores windows on one or more devices.
#[derive(Debug)]
pub struct GpuEngine<D: Device> {
    max_tokens: usize,
    vocab_size: usize,
    name: String,
    first: Mutex<Lane<D>>,
    others: Vec<Mutex<Lane<D>>>,
}

/// Scores windows on GPUs of NVIDIA's.
#[cfg(feature = "cuda")]
pub type CudaEngine = GpuEngine<portcullis_kernels::cuda::Gpu>;

#[cfg(feature = "cuda")]
impl CudaEngine {
    /// On the GPU or the GPUs that are chosen.
    ///
    /// # Errors
    /// As [`GpuEngine::new`], and there is no such GPU, driver or library.
    pub fn open(
        choice: super::DeviceChoice,
        vb: &VarBuilder<'_>,
        config: &EncoderConfig,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        use portcullis_kernels::cuda::Gpu;

        let numbers = match choice {
            super::DeviceChoice::Cuda(number) => number..number + 1,
            // Without any, opening the first one tells why.
            _ => 0..Gpu::count().max(1),
        };
        let opened: Result<Vec<Gpu>, DeviceError> = numbers.map(Gpu::open).collect();
        let gpus = opened.map_err(|error| EngineError::Device { device: choice, error })?;
        Self::new(gpus, &choice.to_string(), vb, config, precision)
    }
}

/// What one batch at a time uses. The device goes first: it waits for what it was asked for.
#[derive(Debug)]
struct Lane<D: Device> {
    device: D,
    known: HashMap<Shape, Known<D>>,
    space: Space<D::Memory>,
    weights: Arc<DeviceWeights<D::Memory>>,
}

/// A shape that was there before.
#[derive(Debug)]
struct Known<D: Device> {
    inputs: Inputs<D::Memory>,
    /// None until the shape comes a second time. An error if the device cannot record its pass: it is asked step by step.
    recording: Option<Result<D::Recording, DeviceError>>,
}

impl<D: Device> GpuEngine<D> {
    /// Uploads the weights to each device. `name` is that of all of them, as in "cuda:0".
    ///
    /// # Errors
    /// A weight is missing or has another shape, there is no kernel for the model's sizes or for the precision, there is no
    /// device, or one refuses.
    pub fn new(
        devices: Vec<D>,
        name: &str,
        vb: &VarBuilder<'_>,
        config: &EncoderConfig,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        if !matches!(precision, Precision::Auto | Precision::F16) {
            return Err(EngineError::Unavailable(precision));
        }
        check_sizes(config)?;
        let model = ThreatClassifier::load(vb, config)?;
        let (mut names, mut lanes) = (Vec::new(), Vec::new());
        for device in devices {
            let weights = Arc::new(DeviceWeights::upload(&device, &model)?);
            names.push(device.name().to_owned());
            lanes.push(Lane::new(device.fork()?, weights.clone())?);
            lanes.push(Lane::new(device, weights)?);
        }
        let first = lanes.pop().ok_or_else(|| DeviceError::Failed("there is no device".to_owned()))?;
        Ok(Self {
            max_tokens: config.max_position_embeddings,
            vocab_size: config.vocab_size,
            name: format!("{name} {} {}", Precision::F16, names.join(", ")),
            first,
            others: lanes,
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

    /// A lane that nobody uses, or else the first one when it is free. After a panic a lane's buffers hold nothing that is
    /// read again: every pass writes before it reads.
    fn lane(&self) -> MutexGuard<'_, Lane<D>> {
        let free = self.others.iter().find_map(|lane| match lane.try_lock() {
            Ok(lane) => Some(lane),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| self.first.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<D: Device> Lane<D> {
    fn new(device: D, weights: Arc<DeviceWeights<D::Memory>>) -> Result<Mutex<Self>, DeviceError> {
        let space = Space::new(&device, &weights, 0)?;
        Ok(Mutex::new(Self { device, known: HashMap::new(), space, weights }))
    }

    fn score(&mut self, windows: &[Window<'_>], detail: Detail) -> Result<Vec<WindowScore>, DeviceError> {
        let shape = Shape::of(windows, detail).rounded();
        if self.space.rows() < shape.rows {
            self.grow(shape.rows.next_power_of_two())?;
        }
        if self.known.len() == MAX_SHAPES && !self.known.contains_key(&shape) {
            self.known.clear();
        }
        let Self { device, known, space, weights } = self;
        match known.entry(shape) {
            Entry::Occupied(known) => known.into_mut().score(device, weights, space, windows),
            Entry::Vacant(entry) => {
                let mut inputs = Inputs::room(device, weights, shape)?;
                inputs.write(device, weights, windows)?;
                let pass = Pass { device, weights, inputs: &inputs };
                pass.run(space)?;
                let scores = pass.scores(space, windows)?;
                if shape.rows <= RECORDED_TOKENS {
                    entry.insert(Known { inputs, recording: None });
                }
                Ok(scores)
            }
        }
    }

    /// Takes larger buffers, after the smaller ones are gone: both would not always fit. Recordings keep theirs, so they go.
    fn grow(&mut self, rows: usize) -> Result<(), DeviceError> {
        self.known.clear();
        self.space = Space::new(&self.device, &self.weights, 0)?;
        self.space = Space::new(&self.device, &self.weights, rows)?;
        Ok(())
    }
}

impl<D: Device> Known<D> {
    fn score(
        &mut self,
        device: &D,
        weights: &DeviceWeights<D::Memory>,
        space: &mut Space<D::Memory>,
        windows: &[Window<'_>],
    ) -> Result<Vec<WindowScore>, DeviceError> {
        self.inputs.write(device, weights, windows)?;
        let pass = Pass { device, weights, inputs: &self.inputs };
        match self.recording.get_or_insert_with(|| device.record(|| pass.run(space))) {
            Ok(recording) => device.replay(recording)?,
            Err(_) => pass.run(space)?,
        }
        pass.scores(space, windows)
    }
}

impl<D: Device + Send> Scorer for GpuEngine<D> {
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        let windows: Vec<Window<'_>> = batch.windows().collect();
        windows.iter().try_for_each(|(ids, _)| self.check(ids))?;
        let mut lane = self.lane();
        let mut scores = Vec::with_capacity(windows.len());
        for part in parts(&windows) {
            scores.extend(lane.score(part, detail)?);
        }
        if scores.len() != windows.len() {
            return Err(ScoreError::WrongShape { got: scores.len(), expected: windows.len() });
        }
        if scores.iter().all(WindowScore::is_finite) { Ok(scores) } else { Err(ScoreError::NotFinite) }
    }

    fn lanes(&self) -> usize {
        self.others.len() + 1
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
