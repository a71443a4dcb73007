//! What waits for the device: requests with their windows, from which the worker takes batches. What waits is bounded by
//! admission (tokens in flight), not here.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::form::{Budget, Choice, Entry, Limits, PATIENCE, form, tokens_ahead};
use super::pace::{Pace, Served};
use super::ticket::{BatchTimes, Ticket};
use super::worker;
use super::{BatchError, Scored, Window, WorkerState};
use crate::caller::{Caller, Priority};
use crate::model::{Detail, ScoreError, Scorer, WindowScore};
use crate::telemetry::Metrics;

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
    /// Starts the device's threads.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start(scorer: Arc<dyn Scorer>, limits: Limits, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(scorer.lanes()));
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
        let entries: Vec<_> = waiting.requests.iter().map(WaitingRequest::entry).collect();
        let ahead = waiting.tokens_on_device + tokens_ahead(&entries, caller, tokens, now);
        waiting.pace.wait(ahead, caller.priority, now)
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
pub(super) struct Shared {
    waiting: Mutex<WaitingRequests>,
    arrived: Condvar,
}

#[derive(Default)]
struct WaitingRequests {
    requests: Vec<WaitingRequest>,
    tokens_on_device: usize,
    pace: Pace,
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

/// Windows that go to the device together.
pub(super) struct Batch {
    /// The shortest first.
    pub(super) windows: Vec<Taken>,
    pub(super) detail: Detail,
    /// Of the most urgent among them.
    pub(super) priority: Priority,
    /// True if somebody had starved for them.
    pub(super) is_starved: bool,
}

/// A window on its way to the device.
pub(super) struct Taken {
    pub(super) window: Window,
    index: usize,
    since: Instant,
    ticket: Arc<Ticket>,
}

impl Shared {
    fn new(lanes: usize) -> Self {
        let waiting = WaitingRequests { pace: Pace::new(lanes), ..WaitingRequests::default() };
        Self { waiting: Mutex::new(waiting), arrived: Condvar::new() }
    }

    /// A panic while the lock is held can leave only counters off; the worker's own panics never hold it.
    fn lock(&self) -> MutexGuard<'_, WaitingRequests> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes the next batch, when the lane's last one with so many tokens is done; none once the queue is
    /// closed.
    pub(super) fn next_batch(&self, done_tokens: usize, limits: Limits) -> Option<Batch> {
        let mut waiting = self.lock();
        waiting.tokens_on_device = waiting.tokens_on_device.saturating_sub(done_tokens);
        loop {
            if waiting.is_closed {
                return None;
            }
            let (now, budget) = (Instant::now(), waiting.pace.budget(limits));
            if let Some(pause) = waiting.pause(limits.delay, &budget, now) {
                waiting = self.arrived.wait_timeout(waiting, pause).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let (batch, gone) = waiting.take_batch(&budget, now);
            if !gone.is_empty() {
                // What hangs on a window may take other locks when it is dropped.
                drop(waiting);
                gone.into_iter().for_each(Gone::finish);
                waiting = self.lock();
            }
            if let Some(batch) = batch {
                waiting.tokens_on_device += batch.lengths().sum::<usize>();
                if !waiting.requests.is_empty() {
                    // There is work for another lane.
                    self.arrived.notify_one();
                }
                return Some(batch);
            }
            if waiting.requests.is_empty() {
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// What goes before a batch of this priority that is on the device already, if anything does.
    pub(super) fn next_above(&self, priority: Priority, limits: Limits) -> Option<Batch> {
        let mut waiting = self.lock();
        if waiting.is_closed || waiting.requests.iter().all(|request| request.caller.priority >= priority) {
            return None;
        }
        let budget = waiting.pace.budget_above(priority, limits);
        let (batch, gone) = waiting.take_batch(&budget, Instant::now());
        drop(waiting);
        gone.into_iter().for_each(Gone::finish);
        batch
    }

    /// Learns from a batch.
    pub(super) fn learn(&self, served: Served, limits: Limits) {
        self.lock().pace.learn(served, limits, Instant::now());
    }

    /// Refuses what waits and what comes.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        let requests = std::mem::take(&mut waiting.requests);
        drop(waiting);
        self.arrived.notify_all();
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
    fn pause(&self, delay: Duration, budget: &Budget, now: Instant) -> Option<Duration> {
        if delay.is_zero() {
            return None;
        }
        let oldest = self.requests.iter().map(|request| request.since).min()?;
        let tokens: usize = self.requests.iter().flat_map(WaitingRequest::rest).sum();
        let left = (oldest + delay).saturating_duration_since(now);
        (tokens < budget.tokens && !left.is_zero()).then_some(left)
    }

    /// The next batch, if there is one, and what leaves without being scored.
    fn take_batch(&mut self, budget: &Budget, now: Instant) -> (Option<Batch>, Vec<Gone>) {
        let entries: Vec<_> = self.requests.iter().map(WaitingRequest::entry).collect();
        let choices = form(&entries, budget, now);
        let (mut batch, mut gone): (Option<Batch>, _) = (None, Vec::new());
        let requests = Vec::with_capacity(self.requests.len());
        for (mut request, choice) in std::mem::replace(&mut self.requests, requests).into_iter().zip(choices) {
            match choice {
                Choice::Score(n_windows) => {
                    if n_windows > 0 {
                        request.take(n_windows, now, &mut batch);
                    }
                    if !request.rest().is_empty() {
                        self.requests.push(request);
                    }
                }
                Choice::Expire => gone.push(Gone { request, is_expired: true }),
                Choice::Drop => gone.push(Gone { request, is_expired: false }),
            }
        }
        if let Some(batch) = &mut batch {
            batch.windows.sort_by_key(|taken| taken.window.ids.len());
        }
        (batch, gone)
    }
}

impl Batch {
    /// Tokens of each window.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.windows.iter().map(|taken| taken.window.ids.len())
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

    /// Moves the first windows that wait to a batch, or begins one with them.
    fn take(&mut self, n_windows: usize, now: Instant, batch: &mut Option<Batch>) {
        let (detail, priority) = (self.detail, self.caller.priority);
        let batch = batch.get_or_insert(Batch { windows: Vec::new(), detail, priority, is_starved: false });
        batch.priority = batch.priority.min(priority);
        batch.is_starved |= now.saturating_duration_since(self.served) >= PATIENCE;
        self.served = now;
        for window in self.windows.by_ref().take(n_windows) {
            let (index, ticket) = (self.n_taken, self.ticket.clone());
            batch.windows.push(Taken { window, index, since: self.since, ticket });
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
    use crate::model::{ScoreFn, TokenBatch};
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

    /// A long document that is under way for a minute is served all the time, and so never starves: a prompt that comes is in
    /// the next batch. What is not served at all starves, and then is.
    #[test]
    fn what_is_served_does_not_starve() {
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
            let budget = Budget { tokens: 8, filled_tokens: 8, starved_tokens: 2, above: None };
            let mut windows = waiting.take_batch(&budget, now).0.unwrap().windows;
            if windows.len() == 1 {
                // It was the turn of who starved.
                bulk_at = Some(second);
                windows.extend(waiting.take_batch(&budget, now).0.unwrap().windows);
            }
            let count = |name: u32| windows.iter().filter(|taken| taken.window.ids.first() == Some(&name)).count();
            assert_eq!(count(3), 1, "after {second} s");
            assert_eq!(count(2) > 0, bulk_at == Some(second));
        }
        assert_eq!(bulk_at, Some(10));
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
    /// A device that stops twice in each batch that can wait, and remembers what it was given in which order it was done.
    struct Stopping {
        gate: Mutex<std::sync::mpsc::Receiver<()>>,
        done: Mutex<Vec<Vec<u32>>>,
    }

    impl Scorer for Stopping {
        fn score(&self, batch: &TokenBatch, _: Detail) -> Result<Vec<WindowScore>, ScoreError> {
            self.done.lock().unwrap().push(batch.windows().map(|(ids, _)| ids[0]).collect());
            Ok(vec![WindowScore::default(); batch.len()])
        }

        fn score_interruptibly(
            &self,
            batch: &TokenBatch,
            detail: Detail,
            between: &mut dyn FnMut(&mut ScoreFn<'_>),
        ) -> Result<Vec<WindowScore>, ScoreError> {
            for _ in 0..2 {
                self.gate.lock().unwrap().recv().unwrap();
                between(&mut |urgent, detail| self.score(urgent, detail));
            }
            self.score(batch, detail)
        }

        fn device(&self) -> &str {
            "stopping"
        }
    }

    /// While a bulk batch is on the device, interactive requests come: they are answered before it is, one batch at each
    /// stop, and what is no more urgent waits.
    #[tokio::test]
    async fn the_urgent_goes_before_the_rest_of_a_batch() {
        let (open, gate) = std::sync::mpsc::channel();
        let device = Arc::new(Stopping { gate: Mutex::new(gate), done: Mutex::default() });
        let queue = BatchQueue::start(device.clone(), Limits::tokens(2), Arc::default()).unwrap();
        let of = |priority| Caller { priority, ..Caller::default() };
        let (bulk, urgent) = (of(Priority::Bulk), of(Priority::Interactive));
        let mut first = Box::pin(queue.score(windows(1, 1), Detail::Categories, &bulk));
        assert!(futures::poll!(&mut first).is_pending());
        while queue.depth().windows > 0 {
            tokio::task::yield_now().await;
        }
        let mut second = Box::pin(queue.score(windows(2, 1), Detail::Categories, &bulk));
        let mut prompts: Vec<_> =
            (3..6).map(|name| Box::pin(queue.score(windows(name, 1), Detail::Categories, &urgent))).collect();
        assert!(futures::poll!(&mut second).is_pending());
        for prompt in &mut prompts {
            assert!(futures::poll!(prompt).is_pending());
        }
        open.send(()).unwrap();
        assert_eq!(prompts.remove(0).await.unwrap().windows.len(), 1);
        assert!(futures::poll!(&mut first).is_pending());
        (0..3).for_each(|_| open.send(()).unwrap());
        for prompt in prompts {
            assert_eq!(prompt.await.unwrap().windows.len(), 1);
        }
        assert_eq!((first.await.unwrap().windows.len(), second.await.unwrap().windows.len()), (1, 1));
        assert_eq!(*device.done.lock().unwrap(), [3, 4, 1, 5, 2].map(|name| vec![name]));
    }
}
