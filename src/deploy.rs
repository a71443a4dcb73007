//! The models of a server beside each other, and how one takes another's place without a caller noticing.
//!
//! There is an active model, and there may be a candidate, which is loaded, warmed and tested beside it, and a standby, the
//! model that was active before. [`Deployment::route`] gives each request one of them, which it keeps to its end; exchanging
//! the active model is the exchange of one pointer. A model that nobody uses any more is freed by whoever used it last.
//!
//! Nothing that the loader does not trust is ever loaded, no model serves before its golden inputs came out right on its
//! device, and no text is kept: what is compared is counted, and the counts are of fixed size.

mod candidate;
mod folder;
mod guard;
mod lineup;
mod loader;
mod memory;
mod probation;
mod record;
mod route;
mod served;
mod snapshot;
mod statistics;
mod traffic;

pub use folder::FolderWatch;
pub use guard::{Breach, GuardLimits};
pub use loader::{LoadError, ModelLoader, Step, TrustedLoader, load_first};
pub use record::{Record, RecordedModel, StateFolder};
pub use route::{Route, Shadow};
pub use served::{ModelInfo, Served, Trial};
pub use snapshot::{ModelStatus, Rollback, Snapshot, Stage};
pub use statistics::{Agreement, Comparison, LiveStatistics, Opinion};
pub use traffic::{Share, TrafficChange};

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::artifact::Model;
use crate::batch::{Limits, QueueDepth};
use crate::cache::CacheLimits;
use crate::caller::Tenant;
use crate::fetch::ModelSource;
use crate::pipeline::{Pipeline, Shared};
use crate::telemetry::{Metrics, ModelMetrics};
use crate::threat::{Source, Verdict};
use lineup::Lineup;
use route::{Draws, Routing};
use served::Freed;

/// Models in memory at the same time: the active one, a candidate, a standby, and one that drains.
pub const MAX_MODELS: usize = 4;
/// Requests that are compared at the same time; what comes beyond is not compared.
pub const SHADOWS_AT_A_TIME: usize = 4;

/// How models take each other's place.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployLimits {
    /// How long a model stays in memory after another took its place, for a quick way back.
    pub keep_previous: Duration,
    /// Bytes that a candidate may take while it is loaded.
    pub model_bytes: u64,
    /// When a new model is taken back.
    pub guard: GuardLimits,
    /// How often a new model's golden inputs are scored again.
    pub golden_interval: Duration,
}

/// What all models of a server are started with.
pub struct Parts {
    /// How batches are formed.
    pub batches: Limits,
    /// What each model's cache may hold.
    pub cache: CacheLimits,
    /// What their pipelines share.
    pub shared: Shared,
}

/// Where models come from, and where it is written down which one is active.
pub struct Origin {
    /// Brings them into memory.
    pub loader: Arc<dyn ModelLoader>,
    /// Where the first one came from.
    pub first: ModelSource,
    /// The one that is configured.
    pub configured: ModelSource,
    /// What survives a restart; none for nothing.
    pub state: Option<StateFolder>,
}

impl Default for Origin {
    /// The embedded model, and no other.
    fn default() -> Self {
        Self {
            loader: Arc::new(TrustedLoader::default()),
            first: ModelSource::Embedded,
            configured: ModelSource::Embedded,
            state: None,
        }
    }
}

/// Who asks for a change.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Someone on the admin listener.
    Peer {
        /// The subject of the certificate that was shown; none where none is asked for.
        subject: Option<String>,
        /// Where it was asked from.
        address: Option<SocketAddr>,
    },
    /// The guard, by itself.
    Guard,
    /// The folder that is watched.
    Folder,
    /// The time that a standby is kept for has passed.
    Clock,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer { subject, address } => {
                f.write_str("peer")?;
                subject.iter().try_for_each(|subject| write!(f, " {subject}"))?;
                address.iter().try_for_each(|address| write!(f, " {address}"))
            }
            Self::Guard => f.write_str("guard"),
            Self::Folder => f.write_str("folder"),
            Self::Clock => f.write_str("clock"),
        }
    }
}

/// Why a change was refused. Then nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// Something else changed since.
    #[error("the models have changed since; their etag is {0}")]
    Changed(String),
    /// No model of this name, or more than one.
    #[error("{n_found} models are named {name:?}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// How many there are.
        n_found: usize,
    },
    /// There is a candidate already.
    #[error("there is a candidate; unload it first")]
    Occupied,
    /// Too many models are in memory, some of them only until their last request ends.
    #[error("{MAX_MODELS} models are in memory; try again when one has drained")]
    Full,
    /// The active model cannot be unloaded.
    #[error("the active model cannot be unloaded; promote another one first")]
    Active,
    /// Only a candidate that is ready gets traffic.
    #[error("{0}")]
    NotReady(&'static str),
    /// A share is not in [0, 1].
    #[error("{0} is no share: it must be from 0 to 1")]
    Share(f64),
    /// There is nothing to go back to.
    #[error("no model was promoted or has traffic that could be taken back")]
    NothingToRollBack,
    /// The record could not be written.
    #[error("the change could not be recorded: {0}")]
    Record(#[from] std::io::Error),
}

/// The models of a server.
#[derive(Clone)]
pub struct Deployment {
    pub(self) inner: Arc<Inner>,
}

struct Inner {
    /// What each request reads, and a change replaces.
    routing: RwLock<Arc<Routing>>,
    /// What changes work on, one at a time.
    lineup: Mutex<Lineup>,
    changes: watch::Sender<()>,
    parts: Parts,
    origin: Origin,
    limits: DeployLimits,
    draws: Draws,
    shadows: Arc<Semaphore>,
    validations: Semaphore,
}

impl Deployment {
    /// Begins with one active model.
    ///
    /// # Errors
    /// The system starts no thread, or gives no random key.
    pub fn start(model: Model, parts: Parts, origin: Origin, limits: DeployLimits) -> std::io::Result<Self> {
        let pipeline = Pipeline::start_beside(model, parts.batches, parts.cache, parts.shared.clone())?;
        let changes = watch::Sender::new(());
        let active = Arc::new(Served::new(pipeline, origin.first.clone(), Freed(changes.clone())));
        let mut boot = [0; 8];
        getrandom::fill(&mut boot).map_err(std::io::Error::other)?;
        let lineup = Lineup::new(active, u64::from_le_bytes(boot));
        let inner = Inner {
            routing: RwLock::new(Arc::new(lineup.routing())),
            lineup: Mutex::new(lineup),
            changes,
            parts,
            origin,
            limits,
            draws: Draws::default(),
            shadows: Arc::new(Semaphore::new(SHADOWS_AT_A_TIME)),
            validations: Semaphore::new(1),
        };
        let deployment = Self { inner: Arc::new(inner) };
        deployment.watch_probation();
        Ok(deployment)
    }

    /// The model for a request or stream; the same for the same key while shares do not shrink, by chance without a key.
    pub fn route(&self, key: Option<Tenant>) -> Route {
        let routing = self.routing();
        let served = routing.model_of(key, &self.inner.draws).clone();
        if !Arc::ptr_eq(&served, &routing.active) {
            self.metrics().canary();
        }
        Route { served, deployment: self.clone() }
    }

    /// The active model.
    pub fn active(&self) -> Arc<Served> {
        self.routing().active.clone()
    }

    /// Told when something changes: a stage, the traffic, a count of what is compared.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.inner.changes.subscribe()
    }

    /// What all models count.
    pub fn shared_metrics(&self) -> Arc<Metrics> {
        self.active().pipeline().metrics().clone()
    }

    /// What waits for the devices of all models that take requests.
    pub fn queue_depth(&self) -> QueueDepth {
        let depths = self.serving().into_iter().map(|served| served.pipeline().queue_depth());
        depths.fold(QueueDepth::default(), |sum, depth| QueueDepth {
            windows: sum.windows + depth.windows,
            tokens: sum.tokens + depth.tokens,
            oldest: sum.oldest.max(depth.oldest),
        })
    }

    /// Bytes of scores in the caches of all models that take requests.
    pub fn cache_bytes(&self) -> usize {
        self.serving().into_iter().map(|served| served.pipeline().cache_bytes()).sum()
    }

    fn serving(&self) -> Vec<Arc<Served>> {
        let routing = self.routing();
        let others = routing.canary.iter().chain(&routing.shadow).map(|(served, _)| served);
        let mut serving: Vec<Arc<Served>> = std::iter::once(&routing.active).chain(others).cloned().collect();
        serving.dedup_by(|a, b| Arc::ptr_eq(a, b));
        serving
    }

    fn routing(&self) -> Arc<Routing> {
        self.inner.routing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn metrics(&self) -> Arc<ModelMetrics> {
        self.active().pipeline().metrics().models.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Lineup> {
        self.inner.lineup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a changed line-up that of the requests to come, by the exchange of one pointer.
    fn publish(&self, mut lineup: MutexGuard<'_, Lineup>) {
        lineup.changed();
        let routing = Arc::new(lineup.routing());
        self.metrics().loaded(lineup.n_in_memory());
        let former =
            std::mem::replace(&mut *self.inner.routing.write().unwrap_or_else(PoisonError::into_inner), routing);
        drop(lineup);
        // It may hold a model that nobody else does; freeing it takes a while.
        drop(former);
        self.inner.changes.send_replace(());
    }

    /// Counts a request that two models have read.
    fn compared(
        &self,
        comparison: &Comparison,
        sources: &[Source],
        of_challenger: bool,
        answered: &Opinion,
        other: &Opinion,
    ) {
        let metrics = self.metrics();
        let (challenger, baseline) = if of_challenger { (answered, other) } else { (other, answered) };
        let verdicts =
            |opinion: &Opinion| -> Vec<Verdict> { opinion.segments.iter().map(|(_, verdict)| *verdict).collect() };
        for ((source, new), old) in sources.iter().zip(verdicts(challenger)).zip(verdicts(baseline)) {
            let outcome = match new.cmp(&old) {
                std::cmp::Ordering::Equal => "agree",
                std::cmp::Ordering::Greater => "stricter",
                std::cmp::Ordering::Less => "laxer",
            };
            metrics.compared(source.name(), outcome);
        }
        metrics.drift("psi", comparison.stability_index());
        metrics.drift("ks", comparison.largest_difference());
        metrics.drift("flip_rate", comparison.flip_rate());
        self.inner.changes.send_replace(());
    }
}

/// The one place where changes are written down for those who audit: who did what, to which model.
fn audit(by: &Actor, action: &'static str, source: &ModelSource, id: Option<&crate::artifact::ModelId>, reason: &str) {
    let (name, version, digest) =
        id.map(|id| (id.name.as_str(), id.version.as_str(), id.digest.as_str())).unwrap_or_default();
    tracing::info!(target: "portcullis::audit", %by, action, %source, name, version, digest, reason, "models changed");
}
