//! A model in memory with its device, and how it does; a trial of a new model against the one before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::guard::{Breach, GuardLimits};
use super::statistics::{Comparison, LiveStatistics, Opinion};
use crate::artifact::ModelId;
use crate::batch::WorkerState;
use crate::fetch::ModelSource;
use crate::pipeline::{Analysis, Pipeline};
use crate::policy::Thresholds;
use crate::threat::PerChannel;
use crate::tokenize::WindowLayout;

/// A model in memory. The last one to hold it frees it.
pub struct Served {
    pipeline: Pipeline,
    source: ModelSource,
    live: Mutex<LiveStatistics>,
    /// Declared last, so that it is dropped last: who waits for the memory is told once it is free.
    _freed: Freed,
}

/// Tells that a model is gone when it is dropped.
pub(super) struct Freed(pub(super) watch::Sender<()>);

impl Drop for Freed {
    fn drop(&mut self) {
        self.0.send_replace(());
    }
}

/// What is told of a model, without holding it.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Who it is.
    pub id: ModelId,
    /// Where it computes.
    pub device: String,
    /// How it cuts texts.
    pub layout: WindowLayout,
    /// What it judges by.
    pub thresholds: PerChannel<Thresholds>,
}

impl Served {
    pub(super) fn new(pipeline: Pipeline, source: ModelSource, freed: Freed) -> Self {
        Self { pipeline, source, live: Mutex::default(), _freed: freed }
    }

    /// Its pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Where it was loaded from.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// Who it is.
    pub fn id(&self) -> &ModelId {
        &self.pipeline.model().id
    }

    /// What is told of it.
    pub fn info(&self) -> ModelInfo {
        let model = self.pipeline.model();
        ModelInfo {
            id: model.id.clone(),
            device: model.scorer.device().to_owned(),
            layout: model.layout,
            thresholds: model.thresholds,
        }
    }

    /// How it has done since its share of the traffic changed.
    pub fn live(&self) -> LiveStatistics {
        self.lock().clone()
    }

    pub(super) fn has_failed(&self) -> bool {
        *self.pipeline.state().borrow() == WorkerState::Failed
    }

    pub(super) fn forget_statistics(&self) {
        *self.lock() = LiveStatistics::default();
    }

    /// Counts an answer.
    pub(super) fn answered(&self, analysis: &Analysis) {
        let timings = &analysis.timings;
        let mut live = self.lock();
        live.n_answered += 1;
        if timings.batch_windows > 0 && timings.compute > Duration::ZERO {
            live.per_window.add(timings.compute / u32::try_from(timings.batch_windows).unwrap_or(u32::MAX));
        }
    }

    /// Counts a fault.
    pub(super) fn failed(&self) {
        self.lock().n_faults += 1;
    }

    fn lock(&self) -> MutexGuard<'_, LiveStatistics> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new model, the challenger, and the one that it is held against.
pub struct Trial {
    pub(super) challenger: Arc<Served>,
    pub(super) baseline: Arc<Served>,
    comparison: Mutex<Comparison>,
    is_over: AtomicBool,
    is_watched: AtomicBool,
}

impl Trial {
    pub(super) fn new(challenger: Arc<Served>, baseline: Arc<Served>) -> Self {
        Self {
            challenger,
            baseline,
            comparison: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
        }
    }

    /// What both said of the same requests so far.
    pub fn comparison(&self) -> Comparison {
        self.lock().clone()
    }

    /// Counts a request that both have read; `of_challenger` says which of the two answered the caller.
    pub(super) fn compare(&self, of_challenger: bool, answered: &Opinion, other: &Opinion) -> Comparison {
        let (challenger, baseline) = if of_challenger { (answered, other) } else { (other, answered) };
        let mut comparison = self.lock();
        comparison.add(challenger, baseline);
        comparison.clone()
    }

    /// The limit that the challenger has broken; told once.
    pub(super) fn breach(&self, limits: &GuardLimits) -> Option<Breach> {
        let breach = if self.challenger.has_failed() {
            Some(Breach::Device)
        } else {
            limits.breach(&self.challenger.lock(), &self.baseline.live(), &self.lock())
        };
        breach.filter(|_| self.end())
    }

    /// Whether the challenger's golden inputs are still what they were.
    pub(super) async fn golden_breach(&self) -> Option<Breach> {
        let pipeline = self.challenger.pipeline();
        let breach = match pipeline.golden_drift().await {
            Ok(drift) if drift <= pipeline.model().golden.tolerance => return None,
            Ok(drift) => Breach::GoldenDrift(drift),
            Err(_) => Breach::Device,
        };
        Some(breach).filter(|_| self.end())
    }

    /// True for the first who is to watch its golden inputs.
    pub(super) fn is_first_watch(&self) -> bool {
        !self.is_watched.swap(true, Ordering::AcqRel)
    }

    /// True for the first who ends it.
    fn end(&self) -> bool {
        !self.is_over.swap(true, Ordering::AcqRel)
    }

    fn lock(&self) -> MutexGuard<'_, Comparison> {
        self.comparison.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
