//! Which model reads a request: one, from its first byte to its answer. And whether another one reads it too, afterwards.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::OwnedSemaphorePermit;

use super::Deployment;
use super::served::{Served, Trial};
use super::statistics::Opinion;
use crate::admission::Admission;
use crate::caller::Tenant;
use crate::pipeline::{Analysis, AnalyzeError, Options, Pipeline, Segment};

/// The models among which requests are shared out, at one moment.
pub(super) struct Routing {
    pub(super) active: Arc<Served>,
    /// The candidate and its share of callers.
    pub(super) canary: Option<(Arc<Served>, f64)>,
    /// The model that is compared with the active one, and the share of requests.
    pub(super) shadow: Option<(Arc<Served>, f64)>,
    pub(super) trial: Option<Arc<Trial>>,
}

/// Draws shares: the same for the same key as long as the process lives.
#[derive(Default)]
pub(super) struct Draws {
    key: RandomState,
    n_drawn: AtomicU64,
}

impl Draws {
    /// A number in [0, 1) by a key; at random without one.
    fn draw(&self, key: Option<Tenant>, salt: &str) -> f64 {
        let hash = match key {
            Some(key) => self.key.hash_one((key, salt)),
            None => self.key.hash_one(self.n_drawn.fetch_add(1, Ordering::Relaxed)),
        };
        // The 53 bits that a double holds exactly.
        (hash >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Routing {
    /// The caller's model: the same for the same key while the shares grow.
    pub(super) fn model_of(&self, key: Option<Tenant>, draws: &Draws) -> &Arc<Served> {
        match &self.canary {
            Some((canary, share)) if draws.draw(key, &canary.id().digest) < *share => canary,
            _ => &self.active,
        }
    }

    /// The model that reads a request after it was answered by `served`, if it is the turn of one.
    fn partner_of(&self, served: &Arc<Served>, draws: &Draws) -> Option<&Arc<Served>> {
        let (shadow, share) = self.shadow.as_ref()?;
        if draws.draw(None, "") >= *share {
            return None;
        }
        if Arc::ptr_eq(served, &self.active) {
            Some(shadow)
        } else {
            Some(&self.active).filter(|_| Arc::ptr_eq(served, shadow))
        }
    }
}

/// A model for a request, or for all of a stream. It holds that model alone: others may come and go meanwhile.
#[derive(Clone)]
pub struct Route {
    pub(super) served: Arc<Served>,
    pub(super) deployment: Deployment,
}

impl Route {
    /// The pipeline that answers.
    pub fn pipeline(&self) -> &Pipeline {
        self.served.pipeline()
    }

    /// Counts an answer, and takes back a new model that does badly.
    pub fn answered(&self, analysis: &Analysis) {
        self.served.answered(analysis);
        self.guard();
    }

    /// Counts a failure, if it is the model's own.
    pub fn failed(&self, error: &AnalyzeError) {
        if is_fault(error) {
            self.served.failed();
            self.guard();
        }
    }

    fn guard(&self) {
        if let Some(trial) = &self.deployment.routing().trial {
            self.deployment.guard(trial);
        }
    }

    /// A copy of a request that another model shall read too; none if it is not compared, or too many are.
    pub fn shadow(&self, segments: &[Segment], options: &Options) -> Option<Shadow> {
        let routing = self.deployment.routing();
        let partner = routing.partner_of(&self.served, &self.deployment.inner.draws)?;
        let trial = routing.trial.clone()?;
        let Ok(turn) = self.deployment.inner.shadows.clone().try_acquire_owned() else {
            self.deployment.metrics().not_compared();
            return None;
        };
        let options = Options { spans: false, sanitize: None, ..options.clone() };
        Some(Shadow { partner: partner.clone(), trial, segments: segments.to_vec(), options, _turn: turn })
    }
}

/// A request that waits to be read by another model. Its text goes with it.
pub struct Shadow {
    partner: Arc<Served>,
    trial: Arc<Trial>,
    segments: Vec<Segment>,
    options: Options,
    _turn: OwnedSemaphorePermit,
}

impl Shadow {
    /// Reads the request as patiently as can be, and counts what came out beside what was answered.
    pub async fn compare(self, route: Route, admission: Arc<Admission>, answered: Opinion) {
        let metrics = route.deployment.metrics();
        let sources: Vec<_> = self.segments.iter().map(|segment| segment.source).collect();
        let n_bytes = self.segments.iter().map(|segment| segment.content.len()).sum();
        let Ok(admitted) = admission.admit_own(n_bytes) else { return metrics.not_compared() };
        match self.partner.pipeline().analyze_uncounted(&admitted, self.segments.into(), self.options).await {
            Ok(analysis) => {
                self.partner.answered(&analysis);
                let other = Opinion::of(&analysis, &sources);
                let of_challenger = Arc::ptr_eq(&route.served, &self.trial.challenger);
                let comparison = self.trial.compare(of_challenger, &answered, &other);
                route.deployment.compared(&comparison, &sources, of_challenger, &answered, &other);
            }
            Err(error) => {
                metrics.not_compared();
                if is_fault(&error) {
                    self.partner.failed();
                }
            }
        }
        route.deployment.guard(&self.trial);
    }
}

impl Opinion {
    /// What an analysis of segments from these sources says.
    pub fn of(analysis: &Analysis, sources: &[crate::threat::Source]) -> Self {
        let verdicts = analysis.segment_verdicts(sources.len());
        Self {
            verdict: analysis.verdict,
            risk: analysis.risk,
            segments: sources.iter().copied().zip(verdicts).collect(),
        }
    }
}

/// Whether the model is to blame, rather than the load or the caller.
fn is_fault(error: &AnalyzeError) -> bool {
    use crate::batch::BatchError::{DeviceFailed, Score};
    matches!(error, AnalyzeError::Batch(DeviceFailed | Score(_)) | AnalyzeError::ReaderFailed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_sticky_and_grow_by_adding() {
        let draws = Draws::default();
        let tenants: Vec<_> = (0..2000).map(|n| Some(Tenant::named(&n.to_string()))).collect();
        let below = |share: f64, salt: &str| -> Vec<bool> {
            tenants.iter().map(|tenant| draws.draw(*tenant, salt) < share).collect()
        };
        let (small, large) = (below(0.1, "digest"), below(0.3, "digest"));
        assert_eq!(small, below(0.1, "digest"));
        assert!(small.iter().zip(&large).all(|(small, large)| !small || *large));
        let n = small.iter().filter(|&&is_below| is_below).count();
        // Six standard deviations around 200.
        assert!((120..=280).contains(&n), "{n}");
        assert_ne!(small, below(0.1, "another digest"));
        assert!(below(1.0, "digest").iter().all(|&is_below| is_below));
        assert!(!below(0.0, "digest").iter().any(|&is_below| is_below));
    }
}
