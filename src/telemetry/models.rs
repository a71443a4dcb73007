//! Metrics of the models that a server holds beside each other.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::metrics::{Counters, Labels, Seconds};

/// What is counted of changes, and of two models that are compared.
#[derive(Default)]
pub struct ModelMetrics {
    swaps: Counters<1>,
    rollbacks: Counters<1>,
    loads: Counters<1>,
    canary_requests: Counter,
    compared: Counters<2>,
    not_compared: Counter,
    drift: Family<Labels<1>, Seconds>,
    loaded: Gauge,
}

impl ModelMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Exchanges of the active model, by kind: promote or rollback";
        registry.register("model_swaps", help, self.swaps.clone());
        let help = "New models that were taken back without being asked, by reason";
        registry.register("model_automatic_rollbacks", help, self.rollbacks.clone());
        registry.register("model_loads", "Models that were to be loaded, by outcome", self.loads.clone());
        registry.register("canary_requests", "Requests that went to the canary", self.canary_requests.clone());
        let help = "Segments that two models judged, by source and outcome: agree, stricter or laxer";
        registry.register("shadow_segments", help, self.compared.clone());
        let help = "Requests that were to be compared and were not, for want of room or by a fault";
        registry.register("shadow_skipped", help, self.not_compared.clone());
        let help = "Drift of the risk between the compared models, by statistic: psi or ks; and the flip rate";
        registry.register("shadow_drift", help, self.drift.clone());
        registry.register("models_loaded", "Models in memory, those that drain too", self.loaded.clone());
    }

    /// Counts an exchange of the active model.
    pub fn swapped(&self, kind: &'static str) {
        self.swaps.get_or_create(&[("kind", kind)]).inc();
    }

    /// Counts a model that was taken back by itself.
    pub fn rolled_back(&self, reason: &'static str) {
        self.rollbacks.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts a load.
    pub fn load(&self, outcome: &'static str) {
        self.loads.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a request of the canary.
    pub fn canary(&self) {
        self.canary_requests.inc();
    }

    /// Counts a segment that two models judged.
    pub fn compared(&self, source: &'static str, outcome: &'static str) {
        self.compared.get_or_create(&[("source", source), ("outcome", outcome)]).inc();
    }

    /// Counts a request that was not compared.
    pub fn not_compared(&self) {
        self.not_compared.inc();
    }

    /// Notes how far two models are apart.
    pub fn drift(&self, statistic: &'static str, value: f64) {
        self.drift.get_or_create(&[("statistic", statistic)]).set(value);
    }

    /// Notes how many models there are.
    pub fn loaded(&self, n_models: usize) {
        self.loaded.set(i64::try_from(n_models).unwrap_or(i64::MAX));
    }
}
