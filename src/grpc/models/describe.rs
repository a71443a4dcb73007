//! The state of the models as messages: all of it for those who rule, what is loaded for everyone.

use crate::deploy::{Comparison, LiveStatistics, ModelInfo, ModelStatus, Rollback, Snapshot, Stage};
use crate::grpc::{convert, v1};
use crate::policy::Thresholds;
use crate::threat::{Category, Channel};

/// Whom something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Public,
    Admin,
}

pub(super) fn list(snapshot: Snapshot, audience: Audience) -> v1::ListModelsResponse {
    let models = snapshot.models.into_iter().filter_map(|status| one(status, audience)).collect();
    match audience {
        Audience::Public => v1::ListModelsResponse { models, ..v1::ListModelsResponse::default() },
        Audience::Admin => {
            v1::ListModelsResponse { models, etag: snapshot.etag, last_rollback: snapshot.last_rollback.map(rollback) }
        }
    }
}

/// One model; for everyone none if it is not loaded.
pub(super) fn one(status: ModelStatus, audience: Audience) -> Option<v1::Model> {
    let stage = stage(status.stage).into();
    match audience {
        Audience::Public => status.info.map(|info| v1::Model { stage, ..described(&info) }),
        Audience::Admin => Some(v1::Model { stage, ..model(status) }),
    }
}

fn model(status: ModelStatus) -> v1::Model {
    let described = status.info.as_ref().map(described).unwrap_or_default();
    v1::Model {
        r#ref: status.id.as_ref().map(convert::model_ref),
        source: status.source.to_string(),
        reason: status.reason.unwrap_or_default(),
        canary_share: status.canary_share,
        shadow_share: status.shadow_share,
        live: status.live.as_ref().map(live),
        comparison: status.comparison.as_ref().map(comparison),
        ..described
    }
}

fn described(info: &ModelInfo) -> v1::Model {
    let threshold = |(channel, thresholds): (Channel, &Thresholds)| v1::ModelThreshold {
        channel: channel.name().to_owned(),
        review: thresholds.review,
        block: thresholds.block,
    };
    v1::Model {
        r#ref: Some(convert::model_ref(&info.id)),
        device: info.device.clone(),
        labels: Category::ALL.map(|category| category.name().to_owned()).to_vec(),
        window_tokens: u32::try_from(info.layout.tokens).unwrap_or(u32::MAX),
        window_overlap: u32::try_from(info.layout.overlap).unwrap_or(u32::MAX),
        thresholds: info.thresholds.iter().map(threshold).collect(),
        ..v1::Model::default()
    }
}

fn live(live: &LiveStatistics) -> v1::LiveStatistics {
    let median = live.per_window.median().unwrap_or_default();
    v1::LiveStatistics {
        answered: live.n_answered,
        faults: live.n_faults,
        median_window_us: u64::try_from(median.as_micros()).unwrap_or(u64::MAX),
    }
}

fn comparison(comparison: &Comparison) -> v1::ModelComparison {
    let sources = comparison.by_source().filter(|(_, agreement)| agreement.n_segments > 0);
    v1::ModelComparison {
        requests: comparison.n_requests,
        flips: comparison.n_flips,
        population_stability_index: comparison.stability_index(),
        kolmogorov_smirnov: comparison.largest_difference(),
        sources: sources
            .map(|(source, agreement)| v1::SourceAgreement {
                source: source.name().to_owned(),
                segments: agreement.n_segments,
                stricter: agreement.n_stricter,
                laxer: agreement.n_laxer,
            })
            .collect(),
    }
}

fn rollback(rollback: Rollback) -> v1::ModelRollback {
    v1::ModelRollback {
        from: Some(convert::model_ref(&rollback.from)),
        to: Some(convert::model_ref(&rollback.to)),
        guard: rollback.guard.to_owned(),
        reason: rollback.reason,
    }
}

fn stage(stage: Stage) -> v1::ModelStage {
    match stage {
        Stage::Fetch => v1::ModelStage::Fetch,
        Stage::Verify => v1::ModelStage::Verify,
        Stage::Load => v1::ModelStage::Load,
        Stage::Warm => v1::ModelStage::Warm,
        Stage::SelfTest => v1::ModelStage::SelfTest,
        Stage::Ready => v1::ModelStage::Ready,
        Stage::Shadow => v1::ModelStage::Shadow,
        Stage::Canary => v1::ModelStage::Canary,
        Stage::Active => v1::ModelStage::Active,
        Stage::Standby => v1::ModelStage::Standby,
        Stage::Draining => v1::ModelStage::Draining,
        Stage::Failed => v1::ModelStage::Failed,
    }
}
