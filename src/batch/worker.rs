//! The threads that drive a device, one a lane: each takes a batch, scores it, answers, and lets what is urgent go before the rest of a batch
//! that is not; catches panics and reports them, and lost devices.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::WorkerState;
use super::form::Limits;
use super::pace::Served;
use super::queue::{Batch, Shared, Taken};
use super::ticket::BatchTimes;
use crate::caller::Priority;
use crate::model::{Detail, ScoreError, ScoreFn, Scorer, TokenBatch, WindowScore};
use crate::telemetry::{BatchSize, Metrics};

/// Starts a thread for each lane of the device. They end when the queue closes, after a panic in any, or when the device is
/// lost.
pub(super) fn spawn(
    shared: Arc<Shared>,
    scorer: Arc<dyn Scorer>,
    limits: Limits,
    metrics: Arc<Metrics>,
    report: watch::Sender<WorkerState>,
) -> std::io::Result<()> {
    for _ in 0..scorer.lanes().max(1) {
        let worker = Worker { shared: shared.clone(), limits, metrics: metrics.clone() };
        let (scorer, report) = (scorer.clone(), report.clone());
        std::thread::Builder::new().name("portcullis-device".to_owned()).spawn(move || {
            let mut done_tokens = 0;
            while let Some(batch) = worker.shared.next_batch(done_tokens, limits) {
                done_tokens = batch.lengths().sum();
                if let Err(Lost(reason)) = worker.serve(&*scorer, batch) {
                    tracing::error!(reason, "nothing more is scored until the server is restarted");
                    worker.shared.close();
                    report.send_replace(WorkerState::Failed);
                    return;
                }
            }
        })?;
    }
    Ok(())
}

/// What a device thread needs beside the device.
struct Worker {
    shared: Arc<Shared>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

/// The device is of no use any more, and why.
struct Lost(&'static str);

impl Worker {
    /// Scores a batch. Where the device can stop on its way, what is more urgent goes before the rest of it: one batch each
    /// time, so that however much is urgent this one comes to its end.
    fn serve(&self, scorer: &dyn Scorer, batch: Batch) -> Result<(), Lost> {
        let (priority, interrupted) = (batch.priority, Cell::new(Duration::ZERO));
        let mut lost = None;
        let mut between = |score: &mut ScoreFn<'_>| {
            let started = Instant::now();
            if let Some(urgent) = self.shared.next_above(priority, self.limits) {
                self.metrics.interrupted();
                lost = self.run(score, urgent, &Cell::default()).err().or(lost.take());
                interrupted.set(interrupted.get() + started.elapsed());
            }
        };
        let mut score = |tokens: &TokenBatch, detail: Detail| match priority {
            Priority::Interactive => scorer.score(tokens, detail),
            Priority::Default | Priority::Bulk => scorer.score_interruptibly(tokens, detail, &mut between),
        };
        self.run(&mut score, batch, &interrupted)?;
        lost.map_or(Ok(()), Err)
    }

    /// Scores one batch, answers its requests, and counts it; what it was interrupted for is not its time. After a panic the
    /// batch is dropped, which fails its requests.
    fn run(&self, score: &mut ScoreFn<'_>, batch: Batch, interrupted: &Cell<Duration>) -> Result<(), Lost> {
        let Batch { detail, priority, is_starved, .. } = batch;
        let (started, size) = (Instant::now(), size(&batch, self.limits));
        let tokens: TokenBatch = batch.windows.iter().map(|taken| (&*taken.window.ids, taken.window.channel)).collect();
        let scored = catch_unwind(AssertUnwindSafe(|| score(&tokens, detail)))
            .map_err(|_| Lost("the device thread panicked"))?;
        let compute = started.elapsed().saturating_sub(interrupted.get());
        let answered = answer(batch.windows, scored, &BatchTimes { started, compute, n_windows: size.windows });
        self.shared.learn(Served { priority, tokens: size.tokens, compute, is_starved }, self.limits);
        self.metrics.batch(size, compute);
        answered
    }
}

fn size(batch: &Batch, limits: Limits) -> BatchSize {
    BatchSize {
        windows: batch.windows.len(),
        tokens: batch.lengths().sum(),
        longest: batch.lengths().max().unwrap_or(0),
        limit: limits.batch_tokens,
    }
}

/// Gives each window its score, or its request the error.
fn answer(windows: Vec<Taken>, scored: Result<Vec<WindowScore>, ScoreError>, times: &BatchTimes) -> Result<(), Lost> {
    match scored.and_then(|scores| checked(scores, windows.len())) {
        Ok(scores) => {
            for (taken, score) in windows.into_iter().zip(scores) {
                taken.complete(score, times);
            }
        }
        Err(error) => {
            tracing::error!(%error, n_windows = windows.len(), "a batch could not be scored");
            let is_lost = error.is_device_lost();
            let error = Arc::new(error);
            windows.into_iter().for_each(|taken| taken.fail(&error));
            if is_lost {
                return Err(Lost("the device is lost"));
            }
        }
    }
    Ok(())
}

/// One score a window, or an error: a short answer must not leave a request without its score.
fn checked(scores: Vec<WindowScore>, expected: usize) -> Result<Vec<WindowScore>, ScoreError> {
    if scores.len() == expected { Ok(scores) } else { Err(ScoreError::WrongShape { got: scores.len(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::super::{BatchError, BatchQueue, Window};
    use portcullis_kernels::device::DeviceError;

    use super::*;
    use crate::caller::Caller;
    use crate::threat::Channel;

    /// A device that breaks: it panics, answers too short, has no memory left, or is lost.
    enum Broken {
        Panics,
        ForgetsOne,
        IsFull,
        IsLost,
    }

    impl Scorer for Broken {
        #[allow(clippy::panic, reason = "the fault that is under test")]
        fn score(&self, batch: &TokenBatch, _: Detail) -> Result<Vec<WindowScore>, ScoreError> {
            match self {
                Self::Panics => panic!("device lost"),
                Self::ForgetsOne => Ok(vec![WindowScore::default(); batch.len() - 1]),
                Self::IsFull => Err(DeviceError::OutOfMemory.into()),
                Self::IsLost => Err(DeviceError::Failed("fell off the bus".to_owned()).into()),
            }
        }

        fn device(&self) -> &str {
            "broken"
        }
    }

    fn queue(scorer: Broken) -> BatchQueue {
        BatchQueue::start(Arc::new(scorer), Limits::tokens(1024), Arc::default()).unwrap()
    }

    fn window() -> Vec<Window> {
        vec![Window::new(Arc::from([1, 2, 3]), Channel::Data)]
    }

    #[tokio::test]
    async fn a_panic_fails_the_batch_and_closes_the_queue() {
        let queue = queue(Broken::Panics);
        let mut state = queue.state();
        let first = queue.score(window(), Detail::Categories, &Caller::default()).await;
        assert!(matches!(first, Err(BatchError::DeviceFailed)), "{first:?}");
        state.wait_for(|state| *state == WorkerState::Failed).await.unwrap();
        let second = queue.score(window(), Detail::Categories, &Caller::default()).await;
        assert!(matches!(second, Err(BatchError::DeviceFailed)), "{second:?}");
    }

    #[tokio::test]
    async fn a_lost_device_fails_the_batch_and_closes_the_queue() {
        let queue = queue(Broken::IsLost);
        let mut state = queue.state();
        let first = queue.score(window(), Detail::Categories, &Caller::default()).await;
        assert!(matches!(first, Err(BatchError::Score(_))), "{first:?}");
        state.wait_for(|state| *state == WorkerState::Failed).await.unwrap();
        let second = queue.score(window(), Detail::Categories, &Caller::default()).await;
        assert!(matches!(second, Err(BatchError::DeviceFailed)), "{second:?}");
    }

    #[tokio::test]
    async fn after_a_short_answer_or_without_memory_the_device_goes_on() {
        for broken in [Broken::ForgetsOne, Broken::IsFull] {
            let queue = queue(broken);
            for _ in 0..2 {
                let result = queue.score(window(), Detail::Categories, &Caller::default()).await;
                assert!(matches!(result, Err(BatchError::Score(_))), "{result:?}");
            }
            assert_eq!(*queue.state().borrow(), WorkerState::Running);
        }
    }
}
