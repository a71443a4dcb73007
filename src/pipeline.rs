//! What happens to a request: read, score, judge. [`Pipeline::analyze`] is the flow, one line a stage.

mod judge;
mod read;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use judge::{Analysis, CategoryScore, Coverage, Finding, IncompleteReason};

use crate::admission::Admitted;
use crate::artifact::Model;
use crate::batch::{BatchError, BatchQueue, Limits, WorkerState};
use crate::threat::Source;
use crate::tokenize::TokenizeError;

/// One piece of a conversation or document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it came from.
    pub source: Source,
    /// What it holds.
    pub content: Content,
}

/// The content of a segment, as it was sent. Findings point into its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Valid text, plain or JSON.
    Text(String),
    /// Bytes that should be UTF-8.
    Bytes(Vec<u8>),
}

impl Content {
    /// The content's length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// True if there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Stages of a request that took time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Bringing all segments into canonical form.
    pub canonicalize: Duration,
    /// Cutting them into windows of tokens.
    pub tokenize: Duration,
    /// The longest wait of a window.
    pub queue: Duration,
    /// The longest forward pass of a window's batch.
    pub compute: Duration,
    /// Windows in the largest of these batches.
    pub batch_windows: usize,
}

/// Why a request has no answer. None of these says anything about the text.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The tokenizer refused a text.
    #[error(transparent)]
    Tokenize(#[from] TokenizeError),
    /// The windows were not scored.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// There was nothing to analyse.
    #[error("a request without a segment")]
    NoSegment,
    /// The thread that read the text ended early.
    #[error("reading the text failed")]
    ReaderFailed,
}

/// One model with its device.
pub struct Pipeline {
    model: Arc<Model>,
    queue: BatchQueue,
}

impl Pipeline {
    /// Starts the model's device thread.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start(model: Model, limits: Limits, queue_tokens: usize) -> std::io::Result<Self> {
        let queue = BatchQueue::start(model.scorer.clone(), limits, queue_tokens)?;
        Ok(Self { model: Arc::new(model), queue })
    }

    /// The model that answers.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether the device still answers, now and later.
    pub fn state(&self) -> tokio::sync::watch::Receiver<WorkerState> {
        self.queue.state()
    }

    /// Analyses the segments of one conversation or document. Dropping the future cancels what has not been scored.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn analyze(
        &self,
        _admitted: &Admitted,
        segments: Vec<Segment>,
        deadline: Option<Instant>,
    ) -> Result<Analysis, AnalyzeError> {
        let mut reading = read::read(self.model.clone(), segments).await?;
        let scored = self.queue.score(reading.take_windows(), deadline).await?;
        judge::judge(&self.model, &reading, &scored)
    }
}
