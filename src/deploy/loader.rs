//! From a source to a model that may be served: FETCH, VERIFY, LOAD. And what a server starts with.

use crate::artifact::{ArtifactError, Model, TrustPolicy, WEIGHTS};
use crate::batch::BatchError;
use crate::fetch::{FetchError, Hub, ModelSource};
use crate::model::EngineOptions;
use crate::policy::{OperatingPoint, Policy};

use super::record::{Record, RecordedModel, StateFolder};

/// A stage that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The files are brought here.
    Fetch,
    /// The signature is held against the files.
    Verify,
    /// The files are checked, parsed and packed, and the golden inputs scored.
    Load {
        /// The size of the weights' file.
        weights_bytes: u64,
    },
}

/// Brings a model from a source into memory. It blocks for as long as that takes.
pub trait ModelLoader: Send + Sync {
    /// Loads the model; tells of each step before it begins, and stops with the error if that is refused.
    ///
    /// # Errors
    /// The first reason for which the model must not be served.
    fn load(&self, source: &ModelSource, on_step: &dyn Fn(Step) -> Result<(), LoadError>) -> Result<Model, LoadError>;
}

/// Why a model was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be brought here.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not what it says, nobody who is trusted has signed it, or it does not answer as recorded.
    #[error("the model is refused: {0}")]
    Artifact(#[from] ArtifactError),
    /// It lacks the operating points that are configured.
    #[error("the configured operating points cannot be kept: {0}")]
    Policy(String),
    /// There is no room.
    #[error("loading needs {needed} bytes of memory; {available} are available")]
    Memory {
        /// Bytes, at most.
        needed: u64,
        /// Bytes that there are, or that are allowed.
        available: u64,
    },
    /// Another model is being validated.
    #[error("another model is being validated")]
    Busy,
    /// Nobody waits for it any more.
    #[error("the load was cancelled")]
    Cancelled,
    /// Its device thread does not start.
    #[error("starting the device thread: {0}")]
    Device(#[from] std::io::Error),
    /// It fails on its device.
    #[error("the first batch: {0}")]
    Batch(#[from] BatchError),
    /// On its device it answers otherwise than recorded.
    #[error("golden inputs are off by {drift} on the device, {tolerance} at most is accepted")]
    SelfTest {
        /// The largest difference of a logit.
        drift: f32,
        /// The largest accepted.
        tolerance: f32,
    },
    /// The loader panicked.
    #[error("the loader failed; see the log")]
    Failed,
    /// The files are no longer those of the recorded model.
    #[error("its digest is not the one that was recorded")]
    Exchanged,
}

/// Loads what a policy trusts.
#[derive(Clone, Debug)]
pub struct TrustedLoader {
    /// Whose models are served.
    pub trust: TrustPolicy,
    /// Where models that are no folders come from.
    pub hub: Hub,
    /// How they compute.
    pub engine: EngineOptions,
    /// Where to review, in place of the model's own choice.
    pub review_at: Option<OperatingPoint>,
    /// Where to block, in place of the model's own choice.
    pub block_at: Option<OperatingPoint>,
}

impl Default for TrustedLoader {
    /// Trusts the embedded model alone.
    fn default() -> Self {
        Self {
            trust: TrustPolicy::EmbeddedOrSignedBy(Vec::new()),
            hub: Hub::default(),
            engine: EngineOptions::default(),
            review_at: None,
            block_at: None,
        }
    }
}

impl ModelLoader for TrustedLoader {
    fn load(&self, source: &ModelSource, on_step: &dyn Fn(Step) -> Result<(), LoadError>) -> Result<Model, LoadError> {
        on_step(Step::Fetch)?;
        let files = source.files(&self.hub)?;
        on_step(Step::Verify)?;
        if self.trust == TrustPolicy::Anyone {
            tracing::warn!(model = %files, "unsigned models are allowed: nobody vouches for what this one says");
        }
        let verified = self.trust.verify(&files)?;
        on_step(Step::Load { weights_bytes: files.size(WEIGHTS)? })?;
        let mut model = verified.load(self.engine)?;
        let policy = model.policy.map(|own| Policy {
            review: self.review_at.unwrap_or(own.review),
            block: self.block_at.unwrap_or(own.block),
        });
        model.set_policy(policy).map_err(LoadError::Policy)?;
        Ok(model)
    }
}

/// The model that a server starts with, and its source: the one that was active, the one before it, or the configured one. A
/// record that cannot be kept is an error in the log, never a reason to serve what is not trusted.
///
/// # Errors
/// Not even the configured one can be loaded.
pub fn load_first(
    loader: &dyn ModelLoader,
    configured: &ModelSource,
    state: Option<&StateFolder>,
) -> Result<(Model, ModelSource), LoadError> {
    let record = state.and_then(|state| {
        state.read().unwrap_or_else(|error| {
            tracing::error!(%error, "the record of the active model cannot be read; the configured one is loaded");
            None
        })
    });
    let record = record.filter(|record| is_of(record, configured)).map(Record::at_start);
    if let Some((record, state)) = record.as_ref().zip(state) {
        if let Some(digest) = &record.withdrawn {
            tracing::error!(
                digest,
                "a new model has brought the server down again and again; the one before it is loaded"
            );
        }
        // Written before anything is loaded: it may be the last thing that this process does.
        if let Err(error) = state.write(record) {
            tracing::error!(%error, "a start cannot be recorded; a model that crashes would be started again");
        }
    }
    for recorded in record.into_iter().flat_map(|record| [record.active].into_iter().chain(record.previous)) {
        match load_recorded(loader, &recorded) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => {
                let RecordedModel { source, version, digest, .. } = recorded;
                tracing::error!(%error, source, version, digest, "a model that was active cannot be loaded");
            }
        }
    }
    Ok((loader.load(configured, &|_| Ok(()))?, configured.clone()))
}

/// Whether no other model was configured since.
fn is_of(record: &Record, configured: &ModelSource) -> bool {
    let is_same = record.configured == configured.to_string();
    if !is_same {
        tracing::warn!(was = record.configured, %configured, "another model is configured than when the active one was recorded");
    }
    is_same
}

fn load_recorded(loader: &dyn ModelLoader, recorded: &RecordedModel) -> Result<(Model, ModelSource), LoadError> {
    let source: ModelSource = recorded.source.parse().map_err(|_| LoadError::Exchanged)?;
    let model = loader.load(&source, &|_| Ok(()))?;
    if model.id.digest == recorded.digest { Ok((model, source)) } else { Err(LoadError::Exchanged) }
}
