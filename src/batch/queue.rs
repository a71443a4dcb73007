//! What waits for the device: a queue of windows, bounded in tokens, from which the worker takes batches.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::form::{Choice, Entry, Limits, form};
use super::worker;
use super::{BatchError, Scored, WorkerState};
use crate::model::{Detail, ScoreError, Scorer, WindowScore};
use crate::threat::Channel;

/// The queue in front of one device, and the thread that drives it. Dropping it ends the thread.
pub struct BatchQueue {
    shared: Arc<Shared>,
    capacity_tokens: usize,
    state: watch::Receiver<WorkerState>,
}

impl BatchQueue {
    /// Starts the device thread. `capacity_tokens` bounds what waits: at 4 bytes a token, its memory; at the device's
    /// speed, the longest wait.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start(scorer: Arc<dyn Scorer>, limits: Limits, capacity_tokens: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (report, state) = watch::channel(WorkerState::Running);
        worker::spawn(shared.clone(), scorer, limits, report)?;
        Ok(Self { shared, capacity_tokens, state })
    }

    /// Whether the device still answers, now and later.
    pub fn state(&self) -> watch::Receiver<WorkerState> {
        self.state.clone()
    }

    /// Scores windows, given by their token ids, together with whatever else waits. Dropping the future cancels those that have not
    /// reached the device.
    ///
    /// # Errors
    /// See [`BatchError`]. A request that alone is larger than the queue is taken if the queue is empty.
    pub async fn score(
        &self,
        windows: Vec<(Arc<[u32]>, Channel)>,
        detail: Detail,
        deadline: Option<Instant>,
    ) -> Result<Scored, BatchError> {
        if windows.is_empty() {
            return Ok(Scored::default());
        }
        let answer = self.submit(windows, detail, deadline)?;
        answer.await.unwrap_or(Err(BatchError::DeviceFailed))
    }

    fn submit(
        &self,
        windows: Vec<(Arc<[u32]>, Channel)>,
        detail: Detail,
        deadline: Option<Instant>,
    ) -> Result<Answer, BatchError> {
        let (reply, answer) = oneshot::channel();
        let tokens: usize = windows.iter().map(|(ids, _)| ids.len()).sum();
        let ticket = Arc::new(Ticket::new(windows.len(), detail, deadline, reply));
        let now = Instant::now();
        let mut waiting = self.shared.lock();
        if waiting.is_closed {
            return Err(BatchError::DeviceFailed);
        }
        if waiting.tokens > 0 && waiting.tokens + tokens > self.capacity_tokens {
            return Err(BatchError::Full);
        }
        waiting.tokens += tokens;
        waiting.windows.extend(windows.into_iter().enumerate().map(|(index, (ids, channel))| Waiting {
            ids,
            channel,
            index,
            since: now,
            ticket: ticket.clone(),
        }));
        drop(waiting);
        self.shared.arrived.notify_one();
        Ok(answer)
    }
}

impl Drop for BatchQueue {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.arrived.notify_all();
    }
}

type Reply = oneshot::Sender<Result<Scored, BatchError>>;
type Answer = oneshot::Receiver<Result<Scored, BatchError>>;

/// What the queue and its worker share.
#[derive(Default)]
pub(super) struct Shared {
    waiting: Mutex<WaitingWindows>,
    arrived: Condvar,
}

#[derive(Default)]
struct WaitingWindows {
    windows: VecDeque<Waiting>,
    tokens: usize,
    is_closed: bool,
}

/// One window that waits.
pub(super) struct Waiting {
    pub(super) ids: Arc<[u32]>,
    pub(super) channel: Channel,
    index: usize,
    since: Instant,
    ticket: Arc<Ticket>,
}

impl Shared {
    /// A panic while the lock is held can leave only counters off; the worker's own panics never hold it.
    fn lock(&self) -> MutexGuard<'_, WaitingWindows> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes the next batch; none once the queue is closed.
    pub(super) fn next_batch(&self, limits: Limits) -> Option<Vec<Waiting>> {
        let mut waiting = self.lock();
        loop {
            if waiting.is_closed {
                return None;
            }
            let batch = waiting.take_batch(limits, Instant::now());
            if !batch.is_empty() {
                return Some(batch);
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Refuses what waits and what comes.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        waiting.windows.clear();
        waiting.tokens = 0;
    }
}

impl WaitingWindows {
    fn take_batch(&mut self, limits: Limits, now: Instant) -> Vec<Waiting> {
        let mut batch = Vec::new();
        while batch.is_empty() && !self.windows.is_empty() {
            let choices = form(self.windows.iter().map(Waiting::entry), limits, now);
            for (choice, window) in choices.iter().zip(self.windows.drain(..choices.len())) {
                self.tokens -= window.ids.len();
                match choice {
                    Choice::Score => batch.push(window),
                    Choice::Expire => window.ticket.fail(BatchError::DeadlineExceeded),
                    Choice::Drop => {}
                }
            }
        }
        batch
    }
}

impl Waiting {
    fn entry(&self) -> Entry {
        Entry {
            tokens: self.ids.len(),
            detail: self.ticket.detail,
            deadline: self.ticket.deadline,
            is_cancelled: self.ticket.is_cancelled(),
        }
    }

    /// What its request asked for.
    pub(super) fn detail(&self) -> Detail {
        self.ticket.detail
    }

    /// Hands the window's score to its request.
    pub(super) fn complete(self, score: WindowScore, batch: &BatchTimes) {
        self.ticket.complete(self.index, score, batch.started.duration_since(self.since), batch);
    }

    /// Fails the window's request.
    pub(super) fn fail(self, error: &Arc<ScoreError>) {
        self.ticket.fail(BatchError::Score(error.clone()));
    }
}

/// When a batch ran and how large it was.
pub(super) struct BatchTimes {
    pub(super) started: Instant,
    pub(super) compute: Duration,
    pub(super) n_windows: usize,
}

/// A request whose windows are under way. Its reply is sent once: with the last score or with the first failure.
struct Ticket {
    detail: Detail,
    deadline: Option<Instant>,
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
    fn new(n_windows: usize, detail: Detail, deadline: Option<Instant>, reply: Reply) -> Self {
        let progress = Progress {
            scores: vec![None; n_windows],
            n_missing: n_windows,
            queued: Duration::ZERO,
            compute: Duration::ZERO,
            batch_windows: 0,
            reply: Some(reply),
        };
        Self { detail, deadline, progress: Mutex::new(progress) }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the request has failed already or its caller is gone.
    fn is_cancelled(&self) -> bool {
        self.lock().reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn complete(&self, index: usize, score: WindowScore, queued: Duration, batch: &BatchTimes) {
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
        };
        progress.send(Ok(scored));
    }

    fn fail(&self, error: BatchError) {
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
