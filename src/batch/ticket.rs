//! A request whose windows are under way: collects their scores and answers once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{BatchError, Scored};
use crate::model::WindowScore;

type Reply = oneshot::Sender<Result<Scored, BatchError>>;

/// When a batch ran and how large it was.
pub(super) struct BatchTimes {
    pub(super) started: Instant,
    pub(super) compute: Duration,
    pub(super) n_windows: usize,
}

/// Its reply is sent once: with the last score or with the first failure.
pub(super) struct Ticket {
    progress: Mutex<Progress>,
}

struct Progress {
    scores: Vec<Option<WindowScore>>,
    n_missing: usize,
    queued: Duration,
    compute: Duration,
    batch_windows: usize,
    reply: Option<Reply>,
}

impl Ticket {
    pub(super) fn new(n_windows: usize, reply: Reply) -> Self {
        let progress = Progress {
            scores: vec![None; n_windows],
            n_missing: n_windows,
            queued: Duration::ZERO,
            compute: Duration::ZERO,
            batch_windows: 0,
            reply: Some(reply),
        };
        Self { progress: Mutex::new(progress) }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the request has failed already or its caller is gone.
    pub(super) fn is_cancelled(&self) -> bool {
        self.lock().reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    pub(super) fn complete(&self, index: usize, score: WindowScore, queued: Duration, batch: &BatchTimes) {
        let mut progress = self.lock();
        if let Some(slot) = progress.scores.get_mut(index)
            && slot.replace(score).is_none()
        {
            progress.n_missing -= 1;
        }
        progress.queued = progress.queued.max(queued);
        progress.compute = progress.compute.max(batch.compute);
        progress.batch_windows = progress.batch_windows.max(batch.n_windows);
        if progress.n_missing > 0 {
            return;
        }
        let scored = Scored {
            windows: progress.scores.drain(..).flatten().collect(),
            queued: progress.queued,
            compute: progress.compute,
            batch_windows: progress.batch_windows,
            n_cached: 0,
        };
        progress.send(Ok(scored));
    }

    pub(super) fn fail(&self, error: BatchError) {
        self.lock().send(Err(error));
    }
}

impl Progress {
    /// Sends the reply if none was sent. That the caller is gone by now is no fault.
    fn send(&mut self, result: Result<Scored, BatchError>) {
        if let Some(reply) = self.reply.take() {
            drop(reply.send(result));
        }
    }
}
