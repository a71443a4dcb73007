//! What is told of the models: plain data that holds none of them in memory.

use super::served::ModelInfo;
use super::statistics::{Comparison, LiveStatistics};
use crate::artifact::ModelId;
use crate::fetch::ModelSource;

/// Where a model stands on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its files are brought here.
    Fetch,
    /// Its signature is held against the files.
    Verify,
    /// It is read and packed.
    Load,
    /// It scores its first batches.
    Warm,
    /// Its golden inputs are scored on its device.
    SelfTest,
    /// It could serve, and does not.
    Ready,
    /// It reads a share of the requests after others have answered them.
    Shadow,
    /// It answers a share of the requests.
    Canary,
    /// It answers.
    Active,
    /// It has answered until another took its place, and could again at once.
    Standby,
    /// It answers the requests that it has, and no others.
    Draining,
    /// It was refused, or taken back.
    Failed,
}

/// One model.
#[derive(Clone, Debug)]
pub struct ModelStatus {
    /// Who it is; none before it is loaded.
    pub id: Option<ModelId>,
    /// Where it came from.
    pub source: ModelSource,
    /// Where it stands.
    pub stage: Stage,
    /// What is told of it; none before it is loaded.
    pub info: Option<ModelInfo>,
    /// The share of requests that it answers, beside the active one.
    pub canary_share: f64,
    /// The share of requests that it reads after another's answer.
    pub shadow_share: f64,
    /// How it does.
    pub live: Option<LiveStatistics>,
    /// What it said of the requests that the model before it read too.
    pub comparison: Option<Comparison>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Digits of a digest that name a model, at least.
const SHORTEST_DIGEST: usize = 8;

/// Whether a model is meant by NAME@VERSION or by the first digits of its digest.
pub(super) fn is_exactly(id: &ModelId, name: &str) -> bool {
    let is_version = name.strip_prefix(&id.name).and_then(|rest| rest.strip_prefix('@')) == Some(&id.version);
    is_version || (name.len() >= SHORTEST_DIGEST && id.digest.starts_with(name))
}

impl ModelStatus {
    /// Whether this model is meant: by its name, NAME@VERSION or digest; by its source while it has none of these.
    pub fn is_named(&self, name: &str) -> bool {
        match &self.id {
            Some(id) => id.name == name || is_exactly(id, name),
            None => self.source.to_string() == name,
        }
    }

    pub(super) fn bare(source: ModelSource, stage: Stage) -> Self {
        Self {
            id: None,
            source,
            stage,
            info: None,
            canary_share: 0.0,
            shadow_share: 0.0,
            live: None,
            comparison: None,
            reason: None,
        }
    }
}

/// A model that was taken back.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// Which.
    pub from: ModelId,
    /// The one that answers since.
    pub to: ModelId,
    /// The guard that was broken; `manual` if someone asked for it.
    pub guard: &'static str,
    /// In words.
    pub reason: String,
}

/// All models at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What a change must name, to be made on this state and no other.
    pub etag: String,
    /// The active one first.
    pub models: Vec<ModelStatus>,
    /// The last that was taken back.
    pub last_rollback: Option<Rollback>,
}
