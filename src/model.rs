//! The narrow waist between text and tensors: windows of token ids go in, one logit a category comes out, and one a token
//! where they are asked for.
//!
//! [`Scorer`] is what the batcher drives; it hides the device. There is one forward pass, in [`encoder`] and
//! [`classifier`], for training, evaluation and serving. No file, network, clock or metric is touched here.

mod any;
pub mod classifier;
pub mod config;
pub mod device;
pub mod encoder;
pub mod engine;
mod fused;
pub mod gpu;
mod layers;
pub mod precision;
pub mod scorer;

pub use any::AnyEngine;
pub use classifier::ThreatClassifier;
pub use config::EncoderConfig;
pub use device::DeviceChoice;
pub use engine::{Engine, EngineError, EngineOptions, Stage};
#[cfg(feature = "cuda")]
pub use gpu::CudaEngine;
pub use gpu::GpuEngine;
pub use layers::{Inference, Regularizer};
pub use precision::Precision;
pub use scorer::CandleScorer;

use portcullis_kernels::device::DeviceError;

use crate::threat::{Channel, PerCategory};

/// One raw score a category: the log-odds before calibration.
pub type Logits = PerCategory<f32>;

/// What a window is scored for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// One logit a category.
    #[default]
    Categories,
    /// That, and one logit a token.
    Tokens,
}

/// What a window scored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowScore {
    /// One a category.
    pub logits: Logits,
    /// The log-odds that a token is part of an attack, one a token, special tokens too. Empty unless asked for with
    /// [`Detail::Tokens`], and where the model has no token head.
    pub tokens: Vec<f32>,
}

impl WindowScore {
    /// True if no logit is NaN or infinite.
    fn is_finite(&self) -> bool {
        self.logits.iter().map(|(_, logit)| logit).chain(&self.tokens).all(|logit| logit.is_finite())
    }
}

/// Windows to score together, packed end to end without padding.
#[derive(Clone, Debug, Default)]
pub struct TokenBatch {
    ids: Vec<u32>,
    windows: Vec<(std::ops::Range<usize>, Channel)>,
}

impl TokenBatch {
    /// Adds one window of token ids, with its special tokens.
    pub fn push(&mut self, ids: &[u32], channel: Channel) {
        let start = self.ids.len();
        self.ids.extend_from_slice(ids);
        self.windows.push((start..self.ids.len(), channel));
    }

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// True if there is no window.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The number of tokens, over all windows.
    pub fn n_tokens(&self) -> usize {
        self.ids.len()
    }

    /// Each window's ids and channel, in the order in which they were added.
    pub fn windows(&self) -> impl ExactSizeIterator<Item = (&[u32], Channel)> {
        self.windows.iter().map(|(range, channel)| (self.ids.get(range.clone()).unwrap_or_default(), *channel))
    }
}

impl<'a> FromIterator<(&'a [u32], Channel)> for TokenBatch {
    fn from_iter<I: IntoIterator<Item = (&'a [u32], Channel)>>(windows: I) -> Self {
        let mut batch = Self::default();
        for (ids, channel) in windows {
            batch.push(ids, channel);
        }
        batch
    }
}

/// Scores batches of windows on some device.
pub trait Scorer: Send + Sync {
    /// The score of each window, in the batch's order. A window's score does not depend on what else is in the batch (to
    /// the device's rounding).
    ///
    /// # Errors
    /// [`ScoreError`] if the batch cannot be scored; then nothing in it has been.
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError>;

    /// As [`Self::score`], for a batch that can wait: a device that can stop on its way calls `between` there, with a way to
    /// score on it; what is scored so goes first. One whose batches are short need not stop.
    ///
    /// # Errors
    /// As [`Self::score`].
    fn score_interruptibly(
        &self,
        batch: &TokenBatch,
        detail: Detail,
        between: &mut dyn FnMut(&mut ScoreFn<'_>),
    ) -> Result<Vec<WindowScore>, ScoreError> {
        let _ = between;
        self.score(batch, detail)
    }

    /// How many batches it scores side by side, each asked for by a thread of its own.
    fn lanes(&self) -> usize {
        1
    }

    /// The device's name, as answers state it.
    fn device(&self) -> &str;
}

/// [`Scorer::score`] of some device.
pub type ScoreFn<'a> = dyn FnMut(&TokenBatch, Detail) -> Result<Vec<WindowScore>, ScoreError> + 'a;

/// Why a batch could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// A window is longer than the encoder's positions.
    #[error("a window of {tokens} tokens is longer than the encoder's {limit} positions")]
    WindowTooLong {
        /// The window's length in tokens.
        tokens: usize,
        /// The longest that the encoder takes.
        limit: usize,
    },
    /// A window has no token, or one that the encoder has no embedding for.
    #[error("a window is empty or holds a token that is not in the encoder's vocabulary")]
    NotInVocabulary,
    /// The tensor library refused.
    #[error("forward pass: {0}")]
    Tensor(#[from] candle_core::Error),
    /// A device with a memory of its own failed. Unless it is out of memory, it is taken for lost.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The device returned something else than one row of logits a window.
    #[error("the forward pass gave {got} rows of logits for {expected} windows")]
    WrongShape {
        /// The rows that came.
        got: usize,
        /// The windows that went in.
        expected: usize,
    },
    /// A logit is NaN or infinite.
    #[error("the forward pass gave a logit that is not finite")]
    NotFinite,
}

impl ScoreError {
    /// True if there is no use in asking the device again.
    pub fn is_device_lost(&self) -> bool {
        matches!(self, Self::Device(DeviceError::Failed(_)))
    }
}
