//! Who stands where: the state that changes work on, under one lock.

use std::sync::{Arc, Weak};

use super::route::Routing;
use super::served::{ModelInfo, Served, Trial};
use super::snapshot::{ModelStatus, Rollback, Snapshot, Stage, is_exactly};
use super::{DeployError, MAX_MODELS};
use crate::artifact::ModelId;
use crate::fetch::ModelSource;

/// The models, and their shares.
pub(super) struct Lineup {
    pub(super) active: Arc<Served>,
    pub(super) candidate: Option<Candidate>,
    /// The one that was active before.
    pub(super) standby: Option<Arc<Served>>,
    pub(super) canary_share: f64,
    pub(super) shadow_share: f64,
    pub(super) trial: Option<Arc<Trial>>,
    pub(super) last_rollback: Option<Rollback>,
    leaving: Vec<Leaving>,
    /// Told apart from the changes of another process.
    boot: u64,
    n_changes: u64,
    n_loads: u64,
}

/// The model that is to be the next.
pub(super) enum Candidate {
    /// On its way.
    Loading { number: u64, source: ModelSource, stage: Stage },
    /// In memory, tested.
    Ready(Arc<Served>),
    /// Refused, or taken back.
    Failed { source: ModelSource, id: Option<ModelId>, reason: String },
}

/// A model that is only held by its last requests.
struct Leaving {
    source: ModelSource,
    info: ModelInfo,
    served: Weak<Served>,
}

/// A model that was asked for by name.
pub(super) enum Named {
    Active,
    Candidate,
    Standby,
}

impl Lineup {
    pub(super) fn new(active: Arc<Served>, boot: u64) -> Self {
        Self {
            active,
            candidate: None,
            standby: None,
            canary_share: 0.0,
            shadow_share: 0.0,
            trial: None,
            last_rollback: None,
            leaving: Vec::new(),
            boot,
            n_changes: 0,
            n_loads: 0,
        }
    }

    pub(super) fn etag(&self) -> String {
        format!("{:016x}-{}", self.boot, self.n_changes)
    }

    /// Refuses a change that was decided on what is no longer so. An empty etag is no condition.
    pub(super) fn check_etag(&self, etag: &str) -> Result<(), DeployError> {
        if etag.is_empty() || etag == self.etag() { Ok(()) } else { Err(DeployError::Changed(self.etag())) }
    }

    /// A candidate that is in memory.
    pub(super) fn ready(&self) -> Option<&Arc<Served>> {
        match &self.candidate {
            Some(Candidate::Ready(served)) => Some(served),
            _ => None,
        }
    }

    /// Makes a source the candidate, if there is room.
    pub(super) fn begin_load(&mut self, source: ModelSource) -> Result<u64, DeployError> {
        match self.candidate {
            None | Some(Candidate::Failed { .. }) => {}
            Some(_) => return Err(DeployError::Occupied),
        }
        if self.n_in_memory() >= MAX_MODELS {
            return Err(DeployError::Full);
        }
        self.n_loads += 1;
        self.candidate = Some(Candidate::Loading { number: self.n_loads, source, stage: Stage::Fetch });
        Ok(self.n_loads)
    }

    /// Whether this load is still waited for.
    pub(super) fn is_loading(&self, load: u64) -> bool {
        matches!(&self.candidate, Some(Candidate::Loading { number, .. }) if *number == load)
    }

    /// Lets go of a model. It is told of until its last request has ended.
    pub(super) fn release(&mut self, served: &Arc<Served>) {
        let leaving = Leaving { source: served.source().clone(), info: served.info(), served: Arc::downgrade(served) };
        self.leaving.push(leaving);
    }

    /// Forgets what is freed, notes that something changed, and who is held against whom: a candidate with traffic against
    /// the active model, else the active one against that before it.
    pub(super) fn changed(&mut self) {
        self.n_changes += 1;
        self.leaving.retain(|leaving| leaving.served.strong_count() > 0);
        let has_traffic = self.canary_share > 0.0 || self.shadow_share > 0.0;
        let pair = match (self.ready().filter(|_| has_traffic), &self.standby) {
            (Some(candidate), _) => Some((candidate.clone(), self.active.clone())),
            (None, Some(standby)) => Some((self.active.clone(), standby.clone())),
            (None, None) => None,
        };
        let is_same = |trial: &Trial| {
            pair.as_ref().is_some_and(|(challenger, baseline)| {
                Arc::ptr_eq(&trial.challenger, challenger) && Arc::ptr_eq(&trial.baseline, baseline)
            })
        };
        if !self.trial.as_deref().is_some_and(is_same) {
            self.trial = pair.map(|(challenger, baseline)| Arc::new(Trial::new(challenger, baseline)));
        }
    }

    /// What requests read of it.
    pub(super) fn routing(&self) -> Routing {
        let other = |trial: &Trial| {
            let is_active = Arc::ptr_eq(&trial.challenger, &self.active);
            if is_active { trial.baseline.clone() } else { trial.challenger.clone() }
        };
        let shadow = self.trial.as_deref().filter(|_| self.shadow_share > 0.0).map(other);
        Routing {
            active: self.active.clone(),
            canary: self.ready().filter(|_| self.canary_share > 0.0).map(|ready| (ready.clone(), self.canary_share)),
            shadow: shadow.map(|served| (served, self.shadow_share)),
            trial: self.trial.clone(),
        }
    }

    pub(super) fn n_in_memory(&self) -> usize {
        let draining = self.leaving.iter().filter(|leaving| leaving.served.strong_count() > 0).count();
        let is_candidate = !matches!(self.candidate, None | Some(Candidate::Failed { .. }));
        1 + usize::from(is_candidate) + usize::from(self.standby.is_some()) + draining
    }

    /// The one model of this name: NAME, NAME@VERSION, or the first digits of a digest. A bare name that several have is the
    /// active one's.
    pub(super) fn find(&self, name: &str) -> Result<Named, DeployError> {
        let is_named = |id: &ModelId| is_exactly(id, name);
        if name == self.active.id().name {
            return Ok(Named::Active);
        }
        let candidate = match &self.candidate {
            Some(Candidate::Ready(served)) => is_named(served.id()) || served.id().name == name,
            Some(Candidate::Failed { id: Some(id), .. }) => is_named(id),
            _ => false,
        };
        let standby = self.standby.as_ref().is_some_and(|served| is_named(served.id()));
        match (is_named(self.active.id()), candidate, standby) {
            (true, false, false) => Ok(Named::Active),
            (false, true, false) => Ok(Named::Candidate),
            (false, false, true) => Ok(Named::Standby),
            (active, candidate, standby) => Err(DeployError::Unknown {
                name: name.to_owned(),
                n_found: [active, candidate, standby].into_iter().filter(|is_found| *is_found).count(),
            }),
        }
    }

    /// All of it, for those who ask.
    pub(super) fn snapshot(&self) -> Snapshot {
        let (canary, shadow) = (self.canary_share, self.shadow_share);
        let mut models = vec![self.status(&self.active, Stage::Active)];
        match &self.candidate {
            None => {}
            Some(Candidate::Loading { source, stage, .. }) => models.push(ModelStatus::bare(source.clone(), *stage)),
            Some(Candidate::Ready(served)) => {
                let stage = match (canary > 0.0, shadow > 0.0) {
                    (true, _) => Stage::Canary,
                    (false, true) => Stage::Shadow,
                    (false, false) => Stage::Ready,
                };
                let shares = ModelStatus { canary_share: canary, shadow_share: shadow, ..self.status(served, stage) };
                models.push(shares);
            }
            Some(Candidate::Failed { source, id, reason }) => models.push(ModelStatus {
                id: id.clone(),
                reason: Some(reason.clone()),
                ..ModelStatus::bare(source.clone(), Stage::Failed)
            }),
        }
        if let Some(standby) = &self.standby {
            let share = if self.ready().is_some() { 0.0 } else { shadow };
            models.push(ModelStatus { shadow_share: share, ..self.status(standby, Stage::Standby) });
        }
        let draining = self.leaving.iter().filter(|leaving| leaving.served.strong_count() > 0);
        models.extend(draining.map(|leaving| ModelStatus {
            id: Some(leaving.info.id.clone()),
            info: Some(leaving.info.clone()),
            ..ModelStatus::bare(leaving.source.clone(), Stage::Draining)
        }));
        Snapshot { etag: self.etag(), models, last_rollback: self.last_rollback.clone() }
    }

    fn status(&self, served: &Arc<Served>, stage: Stage) -> ModelStatus {
        let trial = self.trial.as_ref().filter(|trial| Arc::ptr_eq(&trial.challenger, served));
        ModelStatus {
            id: Some(served.id().clone()),
            info: Some(served.info()),
            live: Some(served.live()),
            comparison: trial.map(|trial| trial.comparison()),
            ..ModelStatus::bare(served.source().clone(), stage)
        }
    }
}
