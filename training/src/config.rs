//! The training recipe: one TOML file, read once, unknown keys refused.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use portcullis::policy::Policy;
use portcullis::threat::PerChannel;
use portcullis::tokenize::WindowLayout;
use serde::{Deserialize, Serialize};

/// A recipe. `training/configs/default.toml` explains each field.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub seed: u64,
    /// Not needed to go on from a trained model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    pub window: WindowLayout,
    pub augmentation: Augmentation,
    pub objective: Objective,
    pub optimizer: Optimizer,
    pub checkpoint: Checkpoint,
    pub policy: PerChannel<Policy>,
}

/// Where the pre-trained encoder comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    pub repository: String,
    pub revision: String,
    pub sha256: String,
}

/// How examples are varied.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    pub disguise_share: f64,
}

/// What is minimised.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    pub token_weight: f64,
}

/// AdamW with linear warm-up and decay.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    pub epochs: usize,
    pub batch_windows: usize,
    pub learning_rate: f64,
    pub warmup_share: f64,
    pub weight_decay: f64,
    pub clip_norm: f64,
    pub dropout: f32,
    pub freeze_word_embeddings: bool,
    /// None in a recipe that begins from an encoder without heads.
    #[serde(default)]
    pub keep_share: f64,
}

/// How often the run is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub every_steps: usize,
}

impl Recipe {
    /// Reads and checks a recipe.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading the recipe {}", path.display()))?;
        let recipe: Self = toml::from_str(&text).with_context(|| format!("parsing the recipe {}", path.display()))?;
        let share = |name: &str, value: f64| {
            ensure!((0.0..1.0).contains(&value), "{name} is {value}; it must be at least 0 and below 1");
            Ok(())
        };
        share("augmentation.disguise_share", recipe.augmentation.disguise_share)?;
        share("optimizer.warmup_share", recipe.optimizer.warmup_share)?;
        share("optimizer.keep_share", recipe.optimizer.keep_share)?;
        share("optimizer.dropout", f64::from(recipe.optimizer.dropout))?;
        ensure!(
            recipe.optimizer.batch_windows > 0 && recipe.optimizer.epochs > 0,
            "a run needs epochs and a batch size"
        );
        ensure!(recipe.checkpoint.every_steps > 0, "checkpoint.every_steps must be at least 1");
        for (channel, policy) in recipe.policy.iter() {
            ensure!(
                policy.block <= policy.review,
                "policy.{}.block must not be above its review: what is blocked is also reviewed",
                channel.name()
            );
        }
        Ok(recipe)
    }
}
