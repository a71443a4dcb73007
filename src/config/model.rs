//! Which model is used, whose models are trusted, and where they come from.

use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use serde::Deserialize;

use super::ConfigError;
use crate::artifact::TrustPolicy;
use crate::deploy::TrustedLoader;
use crate::fetch::{Hub, ModelSource};
use crate::model::{DeviceChoice, EngineOptions, Precision};
use crate::policy::OperatingPoint;
use crate::signing::PublicKey;

/// Which model, and whose models are trusted.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct ModelSettings {
    /// Model: a folder, hf:OWNER/NAME@COMMIT on the hub, or embedded [default: embedded]
    #[arg(long, env = "PORTCULLIS_MODEL", value_name = "MODEL")]
    pub model: Option<ModelSource>,
    /// Public key of someone whose models are trusted, a PEM file; may be repeated. Any model but the embedded one must be
    /// signed with one of these keys
    #[arg(long, env = "PORTCULLIS_TRUSTED_KEY", value_name = "FILE", value_delimiter = ',')]
    trusted_key: Vec<PathBuf>,
    /// Trust any model, signed or not: for development only
    #[arg(long, env = "PORTCULLIS_ALLOW_UNSIGNED_MODEL", value_parser = BoolishValueParser::new())]
    allow_unsigned_model: bool,
    /// Where the model computes: auto, cpu, cuda, cuda:N or cuda:all [default: auto, a GPU if there is one and this build knows GPUs]
    #[arg(long, env = "PORTCULLIS_DEVICE", value_name = "DEVICE")]
    device: Option<DeviceChoice>,
    /// Arithmetic of the model: auto, int8, f16, bf16 or f32 [default: auto, the fastest that the model answers rightly in]
    #[arg(long, env = "PORTCULLIS_PRECISION", value_name = "NAME")]
    precision: Option<Precision>,
    /// Threads that the model computes on, on the CPU [default: one a core]
    #[arg(long, env = "PORTCULLIS_THREADS", value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Share of harmless texts that may be reviewed, at most: fpr_0.1%, fpr_0.5%, fpr_1%, fpr_2%, fpr_3%, fpr_5% or fpr_10% [default: the model's]
    #[arg(long, env = "PORTCULLIS_REVIEW_AT", value_name = "POINT")]
    pub review_at: Option<OperatingPoint>,
    /// Share of harmless texts that may be blocked, at most [default: the model's]
    #[arg(long, env = "PORTCULLIS_BLOCK_AT", value_name = "POINT")]
    pub block_at: Option<OperatingPoint>,
}

impl ModelSettings {
    /// These settings, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            model: self.model.or(other.model),
            trusted_key: if self.trusted_key.is_empty() { other.trusted_key } else { self.trusted_key },
            allow_unsigned_model: self.allow_unsigned_model || other.allow_unsigned_model,
            device: self.device.or(other.device),
            precision: self.precision.or(other.precision),
            threads: self.threads.or(other.threads),
            review_at: self.review_at.or(other.review_at),
            block_at: self.block_at.or(other.block_at),
        }
    }

    /// How the model computes.
    pub fn engine(&self) -> EngineOptions {
        let default = EngineOptions::default();
        EngineOptions {
            device: self.device.unwrap_or(default.device),
            precision: self.precision.unwrap_or(default.precision),
            threads: self.threads.map_or(default.threads, NonZero::get),
        }
    }

    /// Which model.
    pub fn source(&self) -> ModelSource {
        self.model.clone().unwrap_or_default()
    }

    /// What brings this model, and those that come after it, into memory. Reads the keys.
    ///
    /// # Errors
    /// As [`Self::trust`].
    pub fn loader(&self, hub: &HubSettings) -> Result<TrustedLoader, ConfigError> {
        Ok(TrustedLoader {
            trust: self.trust()?,
            hub: hub.hub(),
            engine: self.engine(),
            review_at: self.review_at,
            block_at: self.block_at,
        })
    }

    /// Whose models are trusted. Reads the keys.
    ///
    /// # Errors
    /// Every key that cannot be read, or two settings that contradict each other.
    pub fn trust(&self) -> Result<TrustPolicy, ConfigError> {
        match (self.allow_unsigned_model, self.trusted_key.as_slice()) {
            (true, []) => Ok(TrustPolicy::Anyone),
            (true, _) => Err(ConfigError(vec!["trusted_key and allow_unsigned_model exclude each other".to_owned()])),
            (false, paths) => read_keys(paths).map(TrustPolicy::EmbeddedOrSignedBy),
        }
    }
}

/// Reads public keys.
///
/// # Errors
/// Every key that cannot be read.
pub fn read_keys(paths: &[PathBuf]) -> Result<Vec<PublicKey>, ConfigError> {
    let (mut keys, mut mistakes) = (Vec::new(), Vec::new());
    for path in paths {
        let pem = std::fs::read_to_string(path).map_err(|error| error.to_string());
        match pem.and_then(|pem| PublicKey::from_pem(&pem).map_err(|error| error.to_string())) {
            Ok(key) => keys.push(key),
            Err(error) => mistakes.push(format!("key {}: {error}", path.display())),
        }
    }
    if mistakes.is_empty() { Ok(keys) } else { Err(ConfigError(mistakes)) }
}

/// Where models that are no folders come from.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct HubSettings {
    /// Address of the hub [default: <https://huggingface.co>]
    #[arg(long, env = "HF_ENDPOINT", value_name = "URL")]
    hub_endpoint: Option<String>,
    /// Folder of the hub's cache [default: hub in HF_HOME or in ~/.cache/huggingface]
    #[arg(long, env = "HF_HUB_CACHE", value_name = "DIR")]
    hub_cache: Option<PathBuf>,
    /// Ask nobody: a model of the hub must be in its cache
    #[arg(long, env = "HF_HUB_OFFLINE", value_parser = BoolishValueParser::new())]
    offline: bool,
}

impl HubSettings {
    /// These settings, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            hub_endpoint: self.hub_endpoint.or(other.hub_endpoint),
            hub_cache: self.hub_cache.or(other.hub_cache),
            offline: self.offline || other.offline,
        }
    }

    /// The hub.
    pub fn hub(&self) -> Hub {
        Hub { endpoint: self.hub_endpoint.clone(), cache: self.hub_cache.clone(), is_offline: self.offline }
    }
}
