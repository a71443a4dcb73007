//! Who answers: shares, promotion, the way back, and models that leave.

use std::sync::Arc;

use super::guard::Breach;
use super::lineup::{Candidate, Lineup, Named};
use super::record::{Record, RecordedModel};
use super::served::{Served, Trial};
use super::snapshot::{Rollback, Snapshot};
use super::{Actor, DeployError, Deployment, audit};

/// A model's share of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The model, by name, version or digest.
    pub model: String,
    /// From 0 to 1.
    pub share: f64,
}

/// How requests are to be shared out from now on. What is left out has no share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrafficChange {
    /// The model that answers; as it is if empty. The candidate is promoted by being named here, the standby called back.
    pub active: String,
    /// Who reads requests after they were answered.
    pub shadow: Option<Share>,
    /// The candidate that answers some callers.
    pub canary: Option<Share>,
}

impl Deployment {
    /// All models at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// Shares requests out anew. Once this returns, each request that comes is read by the model that it says.
    ///
    /// # Errors
    /// A model is not there, not ready or may have no such share; the change cannot be recorded; or the etag is not that of
    /// the state.
    pub fn set_traffic(&self, change: &TrafficChange, etag: &str, by: &Actor) -> Result<Snapshot, DeployError> {
        let mut lineup = self.lock();
        lineup.check_etag(etag)?;
        let (canary, shadow) = (share(change.canary.as_ref())?, share(change.shadow.as_ref())?);
        let active = if change.active.is_empty() { Named::Active } else { lineup.find(&change.active)? };
        check_shares(&lineup, &active, change)?;
        match &active {
            Named::Active => {}
            Named::Candidate => self.promote(&mut lineup, by)?,
            Named::Standby => self.call_back(&mut lineup, "manual", "asked for", by)?,
        }
        (lineup.canary_share, lineup.shadow_share) = (canary, shadow);
        if let (Some(ready), true) = (lineup.ready(), canary > 0.0 || shadow > 0.0) {
            audit(by, "traffic", ready.source(), Some(ready.id()), &format!("canary {canary}, shadow {shadow}"));
        }
        let is_promotion = matches!(active, Named::Candidate);
        self.publish(lineup);
        self.watch_golden();
        if is_promotion {
            self.watch_probation();
        }
        Ok(self.snapshot())
    }

    /// Takes the last step back: the model that was promoted gives way to the one before it, or else the candidate loses its
    /// share.
    ///
    /// # Errors
    /// There is neither, the change cannot be recorded, or the etag is not that of the state.
    pub fn roll_back(&self, reason: &str, etag: &str, by: &Actor) -> Result<Snapshot, DeployError> {
        let mut lineup = self.lock();
        lineup.check_etag(etag)?;
        let has_traffic = lineup.canary_share > 0.0 || lineup.shadow_share > 0.0;
        match lineup.ready().filter(|_| has_traffic).cloned() {
            Some(ready) => {
                lineup.last_rollback = Some(rollback(&ready, &lineup.active, "manual", reason));
                audit(by, "rollback", ready.source(), Some(ready.id()), reason);
            }
            None => self.call_back(&mut lineup, "manual", reason, by)?,
        }
        (lineup.canary_share, lineup.shadow_share) = (0.0, 0.0);
        self.publish(lineup);
        Ok(self.snapshot())
    }

    /// Lets go of a candidate or standby. Its memory is free once its last request has ended.
    ///
    /// # Errors
    /// It is not there, it is the active one, or the etag is not that of the state.
    pub fn unload(&self, name: &str, etag: &str, by: &Actor) -> Result<Snapshot, DeployError> {
        let mut lineup = self.lock();
        lineup.check_etag(etag)?;
        let named = match lineup.find(name) {
            Err(_) if is_source_of_candidate(&lineup, name) => Named::Candidate,
            named => named?,
        };
        let leaving = match named {
            Named::Active => return Err(DeployError::Active),
            Named::Standby => lineup.standby.take(),
            Named::Candidate => {
                (lineup.canary_share, lineup.shadow_share) = (0.0, 0.0);
                match lineup.candidate.take() {
                    Some(Candidate::Ready(served)) => Some(served),
                    _ => None,
                }
            }
        };
        if let Some(served) = leaving {
            audit(by, "unload", served.source(), Some(served.id()), "");
            lineup.release(&served);
        }
        self.publish(lineup);
        Ok(self.snapshot())
    }

    /// Takes a challenger back that has broken a limit.
    pub(super) fn guard(&self, trial: &Arc<Trial>) {
        if let Some(breach) = trial.breach(&self.inner.limits.guard) {
            let (deployment, trial) = (self.clone(), trial.clone());
            tokio::task::spawn_blocking(move || deployment.take_back(&trial, breach));
        }
    }

    fn take_back(&self, trial: &Arc<Trial>, breach: Breach) {
        let mut lineup = self.lock();
        if !lineup.trial.as_ref().is_some_and(|current| Arc::ptr_eq(current, trial)) {
            return;
        }
        let (challenger, reason) = (&trial.challenger, breach.to_string());
        tracing::error!(
            version = challenger.id().version,
            digest = challenger.id().digest,
            reason,
            "a model is taken back"
        );
        lineup.last_rollback = Some(rollback(challenger, &trial.baseline, breach.name(), &reason));
        if Arc::ptr_eq(challenger, &lineup.active) {
            lineup.active = trial.baseline.clone();
            lineup.standby = None;
            // The guard does not wait for a disk: the worst is that a restart begins with the model that was taken back.
            if let Err(error) = self.record(&lineup, false) {
                tracing::error!(%error, "the rollback could not be recorded");
            }
            self.metrics().swapped("rollback");
        } else {
            lineup.candidate = None;
        }
        (lineup.canary_share, lineup.shadow_share) = (0.0, 0.0);
        lineup.release(challenger);
        if lineup.candidate.is_none() {
            let (source, id) = (challenger.source().clone(), Some(challenger.id().clone()));
            lineup.candidate = Some(Candidate::Failed { source, id, reason: reason.clone() });
        }
        self.metrics().rolled_back(breach.name());
        audit(&Actor::Guard, "rollback", challenger.source(), Some(challenger.id()), &reason);
        self.publish(lineup);
    }

    /// Makes the candidate the active model, which becomes the standby.
    fn promote(&self, lineup: &mut Lineup, by: &Actor) -> Result<(), DeployError> {
        let Some(Candidate::Ready(next)) =
            lineup.candidate.take_if(|candidate| matches!(candidate, Candidate::Ready(_)))
        else {
            return Err(DeployError::NotReady("the candidate is not ready"));
        };
        let former = std::mem::replace(&mut lineup.active, next);
        let older = lineup.standby.replace(former.clone());
        if let Err(error) = self.record(lineup, true) {
            let next = std::mem::replace(&mut lineup.active, former);
            (lineup.candidate, lineup.standby) = (Some(Candidate::Ready(next)), older);
            return Err(error.into());
        }
        if let Some(older) = older {
            lineup.release(&older);
        }
        lineup.active.forget_statistics();
        self.metrics().swapped("promote");
        audit(by, "promote", lineup.active.source(), Some(lineup.active.id()), "");
        self.keep_for_a_while(lineup, &former);
        Ok(())
    }

    /// Makes the standby the active model again; that one becomes the candidate if there is none, or leaves.
    fn call_back(&self, lineup: &mut Lineup, guard: &'static str, reason: &str, by: &Actor) -> Result<(), DeployError> {
        let standby = lineup.standby.take().ok_or(DeployError::NothingToRollBack)?;
        let former = std::mem::replace(&mut lineup.active, standby.clone());
        if let Err(error) = self.record(lineup, false) {
            lineup.active = former;
            lineup.standby = Some(standby);
            return Err(error.into());
        }
        lineup.last_rollback = Some(rollback(&former, &lineup.active, guard, reason));
        self.metrics().swapped("rollback");
        audit(by, "rollback", former.source(), Some(former.id()), reason);
        match lineup.candidate {
            None | Some(Candidate::Failed { .. }) => lineup.candidate = Some(Candidate::Ready(former)),
            Some(_) => lineup.release(&former),
        }
        Ok(())
    }

    /// Writes down who is active, and whether it has yet to prove itself.
    fn record(&self, lineup: &Lineup, is_new: bool) -> std::io::Result<()> {
        let Some(state) = &self.inner.origin.state else { return Ok(()) };
        let model = |served: &Arc<Served>| RecordedModel::new(served.id(), served.source());
        let previous = lineup.standby.as_ref().map(model);
        let record = Record::new(&self.inner.origin.configured, model(&lineup.active), previous);
        state.write(&if is_new { record.on_probation() } else { record })
    }

    /// Lets go of a standby when the time for a quick way back has passed.
    fn keep_for_a_while(&self, lineup: &mut Lineup, standby: &Arc<Served>) {
        let keep = self.inner.limits.keep_previous;
        if keep.is_zero() {
            lineup.standby = None;
            return lineup.release(standby);
        }
        let (inner, standby) = (Arc::downgrade(&self.inner), Arc::downgrade(standby));
        tokio::spawn(async move {
            tokio::time::sleep(keep).await;
            let Some((inner, standby)) = inner.upgrade().zip(standby.upgrade()) else { return };
            let deployment = Self { inner };
            let mut lineup = deployment.lock();
            if lineup.standby.take_if(|current| Arc::ptr_eq(current, &standby)).is_some() {
                audit(&Actor::Clock, "unload", standby.source(), Some(standby.id()), "");
                lineup.release(&standby);
                deployment.publish(lineup);
            }
        });
    }

    /// Scores the challenger's golden inputs now and then, as long as it is on trial.
    fn watch_golden(&self) {
        let Some(trial) = &self.routing().trial else { return };
        if !trial.is_first_watch() {
            return;
        }
        let (inner, trial) = (Arc::downgrade(&self.inner), Arc::downgrade(trial));
        let interval = self.inner.limits.golden_interval;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some((inner, trial)) = inner.upgrade().zip(trial.upgrade()) else { return };
                if let Some(breach) = trial.golden_breach().await {
                    let deployment = Self { inner };
                    tokio::task::spawn_blocking(move || deployment.take_back(&trial, breach));
                    return;
                }
            }
        });
    }
}

fn rollback(from: &Served, to: &Served, guard: &'static str, reason: &str) -> Rollback {
    Rollback { from: from.id().clone(), to: to.id().clone(), guard, reason: reason.to_owned() }
}

fn share(share: Option<&Share>) -> Result<f64, DeployError> {
    match share.map_or(0.0, |share| share.share) {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        share => Err(DeployError::Share(share)),
    }
}

/// Only a candidate that is ready takes callers from the active model, and whoever is on trial is compared with it.
fn check_shares(lineup: &Lineup, active: &Named, change: &TrafficChange) -> Result<(), DeployError> {
    if matches!(active, Named::Candidate) && lineup.ready().is_none() {
        return Err(DeployError::NotReady("the candidate is not ready"));
    }
    if let Some(canary) = &change.canary {
        let is_candidate = matches!(lineup.find(&canary.model)?, Named::Candidate) && lineup.ready().is_some();
        if !is_candidate || matches!(active, Named::Candidate) {
            return Err(DeployError::NotReady("only a candidate that is ready can be the canary"));
        }
    }
    match &change.shadow {
        None => Ok(()),
        // Once the candidate is promoted, the model that is active now is the one to compare it with.
        Some(shadow) => match (lineup.find(&shadow.model)?, active) {
            (Named::Candidate, Named::Active) if lineup.ready().is_some() => Ok(()),
            (Named::Standby, Named::Active) if lineup.ready().is_none() => Ok(()),
            (Named::Active, Named::Candidate) => Ok(()),
            _ => Err(DeployError::NotReady("only the candidate, or without one the standby, can be the shadow")),
        },
    }
}

/// Whether a name is the source of a candidate that has no name of its own yet.
fn is_source_of_candidate(lineup: &Lineup, name: &str) -> bool {
    match &lineup.candidate {
        Some(Candidate::Loading { source, .. } | Candidate::Failed { source, .. }) => source.to_string() == name,
        _ => false,
    }
}
