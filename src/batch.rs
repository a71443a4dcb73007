//! Windows of many requests into batches for one device.
//!
//! `form` decides, purely; [`BatchQueue`] holds what waits, bounded in tokens; a worker thread scores. Work
//! whose caller is gone or whose deadline has passed never reaches the device. If the device thread panics, its batch
//! fails, the queue closes and the state turns to [`WorkerState::Failed`]: nothing is answered from a broken device.

mod form;
mod queue;
mod worker;

pub use form::Limits;
pub use queue::BatchQueue;

use std::time::Duration;

use crate::model::{ScoreError, WindowScore};

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
}

impl Scored {
    /// Counts the times of a second pass over some of the windows.
    pub(crate) fn add_times(&mut self, second: &Self) {
        self.queued += second.queued;
        self.compute += second.compute;
    }
}

/// Why windows were not scored.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The queue has no room. Nothing was started.
    #[error("the queue is full")]
    Full,
    /// The deadline passed before the windows reached the device.
    #[error("the deadline passed before the text was scored")]
    DeadlineExceeded,
    /// The device thread is gone.
    #[error("the device has failed")]
    DeviceFailed,
    /// The forward pass refused the batch.
    #[error("scoring failed: {0}")]
    Score(std::sync::Arc<ScoreError>),
}

/// Whether the device still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Scoring, or ready to.
    Running,
    /// It panicked; nothing more is scored.
    Failed,
}
