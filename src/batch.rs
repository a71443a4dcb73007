//! Windows of many requests into batches for one device.
//!
//! `form` decides, purely, within what `pace` has learned of the device; [`BatchQueue`] holds what waits; worker threads score
//! and take the next batch at once. Work whose caller is gone or whose deadline has passed never reaches the device. If a
//! worker panics, its batch fails, the queue closes and the state turns to [`WorkerState::Failed`]: nothing is answered from
//! a broken device.

mod form;
mod pace;
mod queue;
mod ticket;
mod worker;

pub use form::Limits;
pub use queue::{BatchQueue, QueueDepth};

use std::sync::Arc;
use std::time::Duration;

use crate::model::{ScoreError, WindowScore};
use crate::threat::Channel;

/// A window to score.
pub struct Window {
    /// Its token ids, with the special tokens.
    pub ids: Arc<[u32]>,
    /// Whose text it is.
    pub channel: Channel,
    /// Told of the score as soon as it is there, before the request as a whole is answered; dropped if there is none.
    pub on_score: Option<OnScore>,
}

/// What is told of a window's score.
pub type OnScore = Box<dyn FnOnce(&WindowScore) + Send>;

impl Window {
    /// A window of whose score nobody else is told.
    pub fn new(ids: Arc<[u32]>, channel: Channel) -> Self {
        Self { ids, channel, on_score: None }
    }
}

/// What a request's windows scored, and how long they took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// One a window, in order.
    pub windows: Vec<WindowScore>,
    /// The longest wait among the windows.
    pub queued: Duration,
    /// The longest forward pass among the windows.
    pub compute: Duration,
    /// Windows in the largest batch that held one of these.
    pub batch_windows: usize,
    /// Windows whose score was known or under way for another request.
    pub n_cached: usize,
}

impl Scored {
    /// Counts the times of a second pass over some of the windows.
    pub(crate) fn add_times(&mut self, second: &Self) {
        self.queued += second.queued;
        self.compute += second.compute;
        self.batch_windows = self.batch_windows.max(second.batch_windows);
    }
}

/// Why windows were not scored.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The deadline passed before the windows reached the device.
    #[error("the deadline passed before the text was scored")]
    DeadlineExceeded,
    /// The device thread is gone.
    #[error("the device has failed")]
    DeviceFailed,
    /// The forward pass refused the batch.
    #[error("scoring failed: {0}")]
    Score(Arc<ScoreError>),
}

/// Whether the device still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Scoring, or ready to.
    Running,
    /// It panicked or was lost; nothing more is scored.
    Failed,
}
