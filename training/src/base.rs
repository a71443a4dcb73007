//! The pre-trained encoder that a run starts from: a local folder, or the hub at a pinned revision.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use hf_hub::RepoType;
use portcullis::model::EncoderConfig;
use sha2::{Digest, Sha256};

use crate::config::Base;
use crate::hub::fetch;

/// A base encoder, read and checked.
pub struct BaseModel {
    pub config: EncoderConfig,
    /// f32, by their names in the checkpoint.
    pub weights: HashMap<String, Tensor>,
    /// The checkpoint's `tokenizer.json`.
    pub tokenizer: Vec<u8>,
}

impl BaseModel {
    /// Reads the base from `folder` if one is given, else through the hub's cache.
    pub fn load(base: &Base, folder: Option<&Path>) -> Result<Self> {
        let file = |name: &str| match folder {
            Some(folder) => Ok(folder.join(name)),
            None => fetch(&base.repository, RepoType::Model, &base.revision, name)
                .context("give the folder that holds the base model with --base"),
        };
        let read = |name: &str| {
            let path = file(name)?;
            std::fs::read(&path).with_context(|| format!("reading the base model's {}", path.display()))
        };
        let weights = read("model.safetensors")?;
        let digest = format!("{:x}", Sha256::digest(&weights));
        ensure!(
            digest == base.sha256,
            "the base model's weights have SHA-256 {digest}; the recipe expects {}",
            base.sha256
        );
        let config: EncoderConfig =
            serde_json::from_slice(&read("config.json")?).context("the base model's config.json")?;
        config.validate().map_err(anyhow::Error::msg).context("the base model's config.json")?;
        let weights = candle_core::safetensors::load_buffer(&weights, &Device::Cpu)?
            .into_iter()
            .filter(|(name, _)| name.starts_with("embeddings.") || name.starts_with("encoder."))
            .filter(|(name, _)| name != "embeddings.position_ids")
            .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)))
            .collect::<Result<_>>()?;
        Ok(Self { config, weights, tokenizer: read("tokenizer.json")? })
    }
}
