//! What waits for the device: requests with their windows, from which the worker takes batches. What waits is bounded by
//! admission (tokens in flight), not here.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::form::{Choice, Entry, Limits, form, tokens_ahead};
use super::ticket::{BatchTimes, Ticket};
use super::worker;
use super::{BatchError, Scored, Window, WorkerState};
use crate::caller::Caller;
use crate::model::{Detail, ScoreError, Scorer, WindowScore};
use crate::telemetry::Metrics;

/// What one batch weighs in the estimate of the device's speed.
const SPEED_SMOOTHING: f64 = 0.1;
/// How long a batch may take, by estimate: nothing urgent can pass what is on the device already.
const LONGEST_BATCH: Duration = Duration::from_millis(50);
/// Tokens that a batch may have however slow the device is: two full windows. Smaller batches cost throughput.
const LEAST_BATCH_TOKENS: usize = 256;

/// The queue in front of one device, and the thread that drives it. Dropping it ends the thread.
pub struct BatchQueue {
    shared: Arc<Shared>,
    state: watch::Receiver<WorkerState>,
}

/// What waits, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Windows.
    pub windows: usize,
    /// Their tokens.
    pub tokens: usize,
    /// How long the oldest request has waited.
    pub oldest: Duration,
}

impl BatchQueue {
    /// Starts the device thread.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start(scorer: Arc<dyn Scorer>, limits: Limits, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (report, state) = watch::channel(WorkerState::Running);
        worker::spawn(shared.clone(), scorer, limits, metrics, report)?;
        Ok(Self { shared, state })
    }

    /// Whether the device still answers, now and later.
    pub fn state(&self) -> watch::Receiver<WorkerState> {
        self.state.clone()
    }

    /// Scores windows together with whatever else waits. Dropping the future cancels those that have not reached the
    /// device.
    ///
    /// # Errors
    /// See [`BatchError`].
    pub async fn score(&self, windows: Vec<Window>, detail: Detail, caller: &Caller) -> Result<Scored, BatchError> {
        if windows.is_empty() {
            return Ok(Scored::default());
        }
        let (reply, answer) = oneshot::channel();
        let ticket = Arc::new(Ticket::new(windows.len(), reply));
        let request = WaitingRequest::new(ticket, windows, detail, *caller, Instant::now());
        {
            let mut waiting = self.shared.lock();
            if waiting.is_closed {
                return Err(BatchError::DeviceFailed);
            }
            waiting.requests.push(request);
        }
        self.shared.arrived.notify_one();
        answer.await.unwrap_or(Err(BatchError::DeviceFailed))
    }

    /// How long a request of about this many tokens would wait for others if it came now, judged by the speed of late.
    pub fn estimated_wait(&self, caller: &Caller, tokens: usize) -> Duration {
        let now = Instant::now();
        let waiting = self.shared.lock();
        if waiting.seconds_per_token <= 0.0 {
            return Duration::ZERO;
        }
        let entries: Vec<_> = waiting.requests.iter().map(WaitingRequest::entry).collect();
        let ahead = waiting.tokens_on_device + tokens_ahead(&entries, caller, tokens, now);
        Duration::try_from_secs_f64(ahead as f64 * waiting.seconds_per_token).unwrap_or(Duration::MAX)
    }

    /// What waits now.
    pub fn depth(&self) -> QueueDepth {
        let now = Instant::now();
        let waiting = self.shared.lock();
        let lengths = || waiting.requests.iter().map(WaitingRequest::rest);
        QueueDepth {
            windows: lengths().map(<[usize]>::len).sum(),
            tokens: lengths().flatten().sum(),
            oldest: waiting
                .requests
                .iter()
                .map(|request| now.saturating_duration_since(request.since))
                .max()
                .unwrap_or_default(),
        }
    }
}

impl Drop for BatchQueue {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.arrived.notify_all();
    }
}

/// What the queue and its worker share.
#[derive(Default)]
pub(super) struct Shared {
    waiting: Mutex<WaitingRequests>,
    arrived: Condvar,
}

#[derive(Default)]
struct WaitingRequests {
    requests: Vec<WaitingRequest>,
    tokens_on_device: usize,
    /// Smoothed over the last batches; 0 before the first.
    seconds_per_token: f64,
    is_closed: bool,
}

/// A request with its windows that have not gone to the device.
struct WaitingRequest {
    ticket: Arc<Ticket>,
    caller: Caller,
    detail: Detail,
    since: Instant,
    /// When a window of it last went to the device; until then, when it came.
    served: Instant,
    lengths: Vec<usize>,
    n_taken: usize,
    windows: std::vec::IntoIter<Window>,
}

/// A window on its way to the device.
pub(super) struct Taken {
    pub(super) window: Window,
    pub(super) detail: Detail,
    index: usize,
    since: Instant,
    ticket: Arc<Ticket>,
}

impl Shared {
    /// A panic while the lock is held can leave only counters off; the worker's own panics never hold it.
    fn lock(&self) -> MutexGuard<'_, WaitingRequests> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes the next batch, shortest windows first; none once the queue is closed.
    pub(super) fn next_batch(&self, limits: Limits) -> Option<Vec<Taken>> {
        let mut waiting = self.lock();
        waiting.tokens_on_device = 0;
        loop {
            if waiting.is_closed {
                return None;
            }
            let (now, limits) = (Instant::now(), waiting.paced(limits));
            if let Some(pause) = waiting.pause(limits, now) {
                waiting = self.arrived.wait_timeout(waiting, pause).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let (mut batch, gone) = waiting.take_batch(limits, now);
            if !gone.is_empty() {
                // What hangs on a window may take other locks when it is dropped.
                drop(waiting);
                gone.into_iter().for_each(Gone::finish);
                waiting = self.lock();
            }
            if !batch.is_empty() {
                waiting.tokens_on_device = batch.iter().map(|taken| taken.window.ids.len()).sum();
                batch.sort_by_key(|taken| taken.window.ids.len());
                return Some(batch);
            }
            if waiting.requests.is_empty() {
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Learns how long a batch took. Small batches are slow by the token, and nobody waits long for them.
    pub(super) fn record(&self, tokens: usize, compute: Duration, limits: Limits) {
        let seconds_per_token = compute.as_secs_f64() / tokens.max(1) as f64;
        let mut waiting = self.lock();
        if tokens < waiting.paced(limits).batch_tokens / 2 {
            return;
        }
        waiting.seconds_per_token = if waiting.seconds_per_token > 0.0 {
            waiting.seconds_per_token + SPEED_SMOOTHING * (seconds_per_token - waiting.seconds_per_token)
        } else {
            seconds_per_token
        };
    }

    /// Refuses what waits and what comes.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        let requests = std::mem::take(&mut waiting.requests);
        drop(waiting);
        drop(requests);
    }
}

/// A request that leaves the queue without going to the device.
struct Gone {
    request: WaitingRequest,
    is_expired: bool,
}

impl Gone {
    fn finish(self) {
        if self.is_expired {
            self.request.ticket.fail(BatchError::DeadlineExceeded);
        }
    }
}

impl WaitingRequests {
    /// How long a batch that is not full should still wait for more.
    fn pause(&self, limits: Limits, now: Instant) -> Option<Duration> {
        if limits.delay.is_zero() {
            return None;
        }
        let oldest = self.requests.iter().map(|request| request.since).min()?;
        let tokens: usize = self.requests.iter().flat_map(WaitingRequest::rest).sum();
        let left = (oldest + limits.delay).saturating_duration_since(now);
        (tokens < limits.batch_tokens && !left.is_zero()).then_some(left)
    }

    /// The limits at the device's speed of late.
    fn paced(&self, limits: Limits) -> Limits {
        if self.seconds_per_token <= 0.0 {
            return limits;
        }
        let tokens = (LONGEST_BATCH.as_secs_f64() / self.seconds_per_token) as usize;
        Limits { batch_tokens: limits.batch_tokens.min(tokens.max(LEAST_BATCH_TOKENS)), ..limits }
    }

    fn take_batch(&mut self, limits: Limits, now: Instant) -> (Vec<Taken>, Vec<Gone>) {
        let entries: Vec<_> = self.requests.iter().map(WaitingRequest::entry).collect();
        let choices = form(&entries, limits, now);
        let (mut batch, mut gone) = (Vec::new(), Vec::new());
        let requests = Vec::with_capacity(self.requests.len());
        for (mut request, choice) in std::mem::replace(&mut self.requests, requests).into_iter().zip(choices) {
            match choice {
                Choice::Score(n_windows) => {
                    request.take(n_windows, now, &mut batch);
                    if !request.rest().is_empty() {
                        self.requests.push(request);
                    }
                }
                Choice::Expire => gone.push(Gone { request, is_expired: true }),
                Choice::Drop => gone.push(Gone { request, is_expired: false }),
            }
        }
        (batch, gone)
    }
}

impl WaitingRequest {
    fn new(ticket: Arc<Ticket>, windows: Vec<Window>, detail: Detail, caller: Caller, now: Instant) -> Self {
        let lengths = windows.iter().map(|window| window.ids.len()).collect();
        let windows = windows.into_iter();
        Self { ticket, caller, detail, since: now, served: now, lengths, n_taken: 0, windows }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            caller: self.caller,
            detail: self.detail,
            since: self.served,
            is_cancelled: self.ticket.is_cancelled(),
            lengths: self.rest(),
        }
    }

    /// Tokens of each window that waits.
    fn rest(&self) -> &[usize] {
        self.lengths.get(self.n_taken..).unwrap_or_default()
    }

    fn take(&mut self, n_windows: usize, now: Instant, batch: &mut Vec<Taken>) {
        if n_windows > 0 {
            self.served = now;
        }
        for window in self.windows.by_ref().take(n_windows) {
            let (index, ticket) = (self.n_taken, self.ticket.clone());
            batch.push(Taken { window, detail: self.detail, index, since: self.since, ticket });
            self.n_taken += 1;
        }
    }
}

impl Taken {
    /// Hands the window's score to who asked for it.
    pub(super) fn complete(self, score: WindowScore, batch: &BatchTimes) {
        if let Some(on_score) = self.window.on_score {
            on_score(&score);
        }
        self.ticket.complete(self.index, score, batch.started.saturating_duration_since(self.since), batch);
    }

    /// Fails the window's request.
    pub(super) fn fail(self, error: &Arc<ScoreError>) {
        self.ticket.fail(BatchError::Score(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::caller::Priority;
    use crate::model::TokenBatch;
    use crate::threat::Channel;

    /// A device that answers when it is told to, and remembers what it was given.
    struct Gated {
        gate: Mutex<std::sync::mpsc::Receiver<()>>,
        seen: Mutex<Vec<Vec<u32>>>,
    }

    impl Scorer for Gated {
        fn score(&self, batch: &TokenBatch, _: Detail) -> Result<Vec<WindowScore>, ScoreError> {
            self.gate.lock().unwrap().recv().unwrap();
            self.seen.lock().unwrap().push(batch.windows().map(|(ids, _)| ids[0]).collect());
            Ok(vec![WindowScore::default(); batch.len()])
        }

        fn device(&self) -> &str {
            "gated"
        }
    }

    fn windows(first: u32, n_windows: usize) -> Vec<Window> {
        (0..n_windows).map(|_| Window::new(Arc::from([first, 0]), Channel::Data)).collect()
    }

    #[test]
    fn batches_are_as_large_as_the_device_is_fast() {
        for (seconds_per_token, expected) in [(0.0, 2048), (1e-6, 2048), (1e-4, 500), (1e-2, 256), (f64::MAX, 256)] {
            let waiting = WaitingRequests { seconds_per_token, ..WaitingRequests::default() };
            assert_eq!(waiting.paced(Limits::tokens(2048)).batch_tokens, expected, "{seconds_per_token}");
            assert_eq!(waiting.paced(Limits::tokens(100)).batch_tokens, 100);
        }
    }

    /// A long document that is under way for a minute is served all the time, and so gets no older: a prompt that comes is in
    /// the next batch. What is not served at all gets older.
    #[test]
    fn what_is_served_does_not_get_older() {
        let start = Instant::now();
        let mut answers = Vec::new();
        let mut request = |name, n_windows, priority, now| {
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            let ticket = Arc::new(Ticket::new(n_windows, reply));
            let caller = Caller { priority, ..Caller::default() };
            WaitingRequest::new(ticket, windows(name, n_windows), Detail::Categories, caller, now)
        };
        let mut waiting = WaitingRequests::default();
        waiting.requests.push(request(1, 1000, Priority::Default, start));
        waiting.requests.push(request(2, 1, Priority::Bulk, start));
        let mut bulk_at = None;
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            waiting.requests.push(request(3, 1, Priority::Default, now));
            let (batch, _) = waiting.take_batch(Limits::tokens(8), now);
            let count = |name: u32| batch.iter().filter(|taken| taken.window.ids.first() == Some(&name)).count();
            assert_eq!(count(3), 1, "after {second} s");
            bulk_at = bulk_at.or((count(2) > 0).then_some(second));
        }
        assert!(bulk_at.is_some_and(|second| (1..=10).contains(&second)), "{bulk_at:?}");
    }

    /// While the device is busy a request is cancelled and another expires: neither reaches the device, and a long document
    /// that came first does not keep a short prompt from the next batch.
    #[tokio::test]
    async fn what_nobody_waits_for_never_reaches_the_device() {
        let (open, gate) = std::sync::mpsc::channel();
        let device = Arc::new(Gated { gate: Mutex::new(gate), seen: Mutex::default() });
        let queue = BatchQueue::start(device.clone(), Limits::tokens(8), Arc::default()).unwrap();
        let soon = Caller { deadline: Some(Instant::now() + Duration::from_millis(50)), ..Caller::default() };
        let anyone = Caller::default();
        let mut first = Box::pin(queue.score(windows(1, 1), Detail::Categories, &anyone));
        assert!(futures::poll!(&mut first).is_pending());
        while queue.depth().windows > 0 {
            tokio::task::yield_now().await;
        }
        let mut cancelled = Box::pin(queue.score(windows(2, 1), Detail::Categories, &anyone));
        let mut expired = Box::pin(queue.score(windows(3, 1), Detail::Categories, &soon));
        let mut long = Box::pin(queue.score(windows(4, 6), Detail::Categories, &anyone));
        let mut short = Box::pin(queue.score(windows(5, 1), Detail::Categories, &anyone));
        for call in [&mut cancelled, &mut expired, &mut long, &mut short] {
            assert!(futures::poll!(call).is_pending());
        }
        assert_eq!((queue.depth().windows, queue.depth().tokens), (9, 18));
        drop(cancelled);
        tokio::time::sleep(Duration::from_millis(60)).await;
        (0..3).for_each(|_| open.send(()).unwrap());
        assert!(matches!(expired.await, Err(BatchError::DeadlineExceeded)));
        assert_eq!(short.await.unwrap().windows.len(), 1);
        assert_eq!((first.await.unwrap().windows.len(), long.await.unwrap().windows.len()), (1, 6));
        let mut seen = device.seen.lock().unwrap().clone();
        seen.iter_mut().for_each(|batch| batch.sort_unstable());
        assert_eq!(seen, [vec![1], vec![4, 4, 4, 5], vec![4, 4, 4]]);
        assert_eq!(queue.depth(), QueueDepth::default());
    }
}
