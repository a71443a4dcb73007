//! What a run starts from: a pre-trained encoder of a local folder or of the hub at a pinned revision, or a trained model.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use hf_hub::RepoType;
use portcullis::artifact::{ArtifactFiles, Manifest, TOKENIZER, WEIGHTS, hex_digest, read_weights};
use portcullis::model::EncoderConfig;

use crate::config::{Base, Recipe};
use crate::hub::fetch;

/// The longest run of letters that stays one word: the vocabulary's own limit would turn a longer one into one unknown
/// token, and so leave it unread.
const MAX_WORD_CHARS: usize = 64;

/// A base encoder, read and checked.
pub struct BaseModel {
    pub config: EncoderConfig,
    /// f32, by their names in the checkpoint.
    pub weights: HashMap<String, Tensor>,
    /// The artefact's `tokenizer.json`.
    pub tokenizer: Vec<u8>,
}

impl BaseModel {
    /// Reads the base from `folder` if one is given, else through the hub's cache.
    pub fn load(recipe: &Recipe, folder: Option<&Path>) -> Result<Self> {
        let base =
            recipe.base.as_ref().context("the recipe names no base encoder; give a model to go on from with --from")?;
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
        let digest = hex_digest(&weights);
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
        Ok(Self { config, weights, tokenizer: served_tokenizer(&read("tokenizer.json")?)? })
    }

    /// Reads an artefact to go on from, and makes it the recipe's base.
    pub fn trained(folder: &Path, recipe: &mut Recipe) -> Result<Self> {
        let files = ArtifactFiles::Folder(folder.to_owned());
        let (manifest, digest) = Manifest::read(&files)?;
        ensure!(
            manifest.window == recipe.window,
            "{} reads windows of {:?}, the recipe asks for {:?}",
            folder.display(),
            manifest.window,
            recipe.window
        );
        let weights = manifest.read_verified(&files, WEIGHTS)?;
        recipe.base = Some(Base {
            repository: format!("{} {}", manifest.name, manifest.version),
            revision: digest,
            sha256: hex_digest(&weights),
        });
        let tokenizer = manifest.read_verified(&files, TOKENIZER)?.to_vec();
        Ok(Self { config: manifest.encoder, weights: read_weights(&weights)?, tokenizer })
    }
}

/// The base's tokenizer as we use it: no truncation, no padding, long words cut instead of unknown.
fn served_tokenizer(base: &[u8]) -> Result<Vec<u8>> {
    let mut json: serde_json::Value = serde_json::from_slice(base).context("the base model's tokenizer.json")?;
    let object = json.as_object_mut().context("the base model's tokenizer.json is no object")?;
    object.insert("truncation".to_owned(), serde_json::Value::Null);
    object.insert("padding".to_owned(), serde_json::Value::Null);
    let words = object.remove("pre_tokenizer").context("the base model's tokenizer.json has no pre_tokenizer")?;
    let cut = serde_json::json!({ "type": "FixedLength", "length": MAX_WORD_CHARS });
    object.insert("pre_tokenizer".to_owned(), serde_json::json!({ "type": "Sequence", "pretokenizers": [words, cut] }));
    Ok(serde_json::to_vec(&json)?)
}
