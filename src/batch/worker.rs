//! The thread that drives a device: takes a batch, scores it, answers; catches panics and reports them, and lost devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::WorkerState;
use super::form::Limits;
use super::queue::{Shared, Taken};
use super::ticket::BatchTimes;
use crate::model::{ScoreError, Scorer, TokenBatch, WindowScore};
use crate::telemetry::{BatchSize, Metrics};

/// Starts the thread. It ends when the queue closes, after a panic, or when the device is lost.
pub(super) fn spawn(
    shared: Arc<Shared>,
    scorer: Arc<dyn Scorer>,
    limits: Limits,
    metrics: Arc<Metrics>,
    report: watch::Sender<WorkerState>,
) -> std::io::Result<()> {
    std::thread::Builder::new().name("portcullis-device".to_owned()).spawn(move || {
        while let Some(batch) = shared.next_batch(limits) {
            let size = size(&batch, limits);
            let started = Instant::now();
            let result = run(&*scorer, batch);
            let elapsed = started.elapsed();
            shared.record(size.tokens, elapsed, limits);
            metrics.batch(size, elapsed);
            if let Err(Lost(reason)) = result {
                tracing::error!(reason, "nothing more is scored until the server is restarted");
                shared.close();
                report.send_replace(WorkerState::Failed);
                return;
            }
        }
    })?;
    Ok(())
}

fn size(batch: &[Taken], limits: Limits) -> BatchSize {
    let lengths = || batch.iter().map(|taken| taken.window.ids.len());
    BatchSize {
        windows: batch.len(),
        tokens: lengths().sum(),
        longest: lengths().max().unwrap_or(0),
        limit: limits.batch_tokens,
    }
}

/// The device is of no use any more, and why.
struct Lost(&'static str);

/// Scores one batch and answers its requests. After a panic the batch is dropped, which fails its requests.
fn run(scorer: &dyn Scorer, batch: Vec<Taken>) -> Result<(), Lost> {
    let started = Instant::now();
    let tokens: TokenBatch = batch.iter().map(|taken| (&*taken.window.ids, taken.window.channel)).collect();
    let detail = batch.first().map(|taken| taken.detail).unwrap_or_default();
    let scored = catch_unwind(AssertUnwindSafe(|| scorer.score(&tokens, detail)))
        .map_err(|_| Lost("the device thread panicked"))?;
    match scored.and_then(|scores| checked(scores, batch.len())) {
        Ok(scores) => {
            let times = BatchTimes { started, compute: started.elapsed(), n_windows: batch.len() };
            for (taken, score) in batch.into_iter().zip(scores) {
                taken.complete(score, &times);
            }
        }
        Err(error) => {
            tracing::error!(%error, n_windows = batch.len(), "a batch could not be scored");
            let is_lost = error.is_device_lost();
            let error = Arc::new(error);
            batch.into_iter().for_each(|taken| taken.fail(&error));
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
    use crate::model::Detail;
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
