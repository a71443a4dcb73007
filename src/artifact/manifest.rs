//! `manifest.json`: what a model is and the digest of every other file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ArtifactError, ArtifactFiles};
use crate::model::EncoderConfig;
use crate::policy::{OperatingPoints, Policy};
use crate::threat::{Category, PerChannel};
use crate::tokenize::WindowLayout;

/// The schema that this build reads.
pub const SCHEMA_VERSION: u32 = 1;
/// The manifest's own name.
pub const MANIFEST: &str = "manifest.json";
/// Weights, f16 or f32, under the names of a Hugging Face BERT checkpoint, `classifier` and, if there is a token head,
/// `token_classifier`.
pub const WEIGHTS: &str = "model.safetensors";
/// The vocabulary and its rules, in the format of the `tokenizers` crate.
pub const TOKENIZER: &str = "tokenizer.json";
/// The maps from logits to probabilities.
pub const CALIBRATION: &str = "calibration.json";
/// Inputs with the logits that they must have.
pub const GOLDEN: &str = "golden.jsonl";
/// What people should know: data, metrics, limits, licence.
pub const MODEL_CARD: &str = "MODEL_CARD.md";
/// What tools should know: a bill of materials in CycloneDX.
pub const ML_BOM: &str = "ml-bom.cdx.json";

/// Every file that a manifest must name.
pub const FILES: [&str; 6] = [WEIGHTS, TOKENIZER, CALIBRATION, GOLDEN, MODEL_CARD, ML_BOM];

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The model's name: lower-case letters, digits, `-`.
    pub name: String,
    /// The model's version, by the rules of Semantic Versioning 2.0.
    pub version: String,
    /// The encoder family; `bert`.
    pub architecture: String,
    /// The token whose state the head reads; `cls`.
    pub pooling: String,
    /// The encoder's shape.
    pub encoder: EncoderConfig,
    /// The head's outputs, in order.
    pub labels: Vec<Category>,
    /// How texts are cut.
    pub window: WindowLayout,
    /// Probability thresholds by the share of harmless texts that reach them, by channel.
    pub thresholds: PerChannel<OperatingPoints>,
    /// Which of them decide where nothing else is configured.
    pub policy: PerChannel<Policy>,
    /// Where the model came from.
    pub provenance: Provenance,
    /// SHA-256 of every other file, hexadecimal, by name.
    pub files: BTreeMap<String, String>,
}

/// Where a model came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The pre-trained encoder's repository.
    pub base: String,
    /// Its revision.
    pub base_revision: String,
    /// SHA-256 of its weights.
    pub base_sha256: String,
    /// SHA-256 over the training data.
    pub data_sha256: String,
    /// SHA-256 of the data card, which accounts for that data.
    pub data_card_sha256: String,
    /// SHA-256 of the recipe.
    pub recipe_sha256: String,
    /// The commit of the training code.
    pub commit: String,
    /// The seed of the run.
    pub seed: u64,
}

impl Manifest {
    /// Reads and checks the manifest; returns it with its own digest.
    ///
    /// # Errors
    /// It is unreadable, of another schema, or inconsistent.
    pub fn read(files: &ArtifactFiles) -> Result<(Self, String), ArtifactError> {
        let bytes = files.read(MANIFEST)?;
        Ok((Self::parse(&bytes)?, hex_digest(&bytes)))
    }

    /// Parses and checks a manifest.
    ///
    /// # Errors
    /// It is of another schema, or inconsistent.
    pub fn parse(json: &[u8]) -> Result<Self, ArtifactError> {
        let invalid = |reason: String| ArtifactError::invalid(MANIFEST, reason);
        let manifest: Self = serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
        manifest.validate().map_err(invalid)?;
        Ok(manifest)
    }

    fn validate(&self) -> Result<(), String> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(format!("schema_version is {}; this build reads {SCHEMA_VERSION}", self.schema_version));
        }
        let named = !self.name.is_empty()
            && self.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !named {
            return Err("name must be lower-case letters, digits and '-'".to_owned());
        }
        semver::Version::parse(&self.version).map_err(|error| format!("version is no semantic version: {error}"))?;
        if self.architecture != "bert" || self.pooling != "cls" {
            return Err(format!("architecture {:?} with pooling {:?} is unknown", self.architecture, self.pooling));
        }
        if self.labels != Category::ALL {
            return Err("labels must be injection, jailbreak, exfiltration, in this order".to_owned());
        }
        self.encoder.validate()?;
        self.window.validate(self.encoder.max_position_embeddings)?;
        for (_, points) in self.thresholds.iter() {
            points.validate()?;
        }
        self.policy.thresholds(&self.thresholds)?;
        match FILES.iter().find(|file| !self.files.contains_key(**file)) {
            Some(missing) => Err(format!("files lacks {missing}")),
            None if self.files.len() > FILES.len() => Err("files names more than belongs to an artefact".to_owned()),
            None => Ok(()),
        }
    }

    /// Reads a file and checks its digest before anyone parses it.
    ///
    /// # Errors
    /// It is unreadable or not the file that the manifest names.
    pub fn read_verified(
        &self,
        files: &ArtifactFiles,
        name: &str,
    ) -> Result<std::borrow::Cow<'static, [u8]>, ArtifactError> {
        let bytes = files.read(name)?;
        let actual = hex_digest(&bytes);
        match self.files.get(name) {
            Some(expected) if *expected == actual => Ok(bytes),
            Some(expected) => Err(ArtifactError::Digest { file: name.to_owned(), expected: expected.clone(), actual }),
            None => Err(ArtifactError::invalid(MANIFEST, format!("files lacks {name}"))),
        }
    }
}

/// The SHA-256 of some bytes, hexadecimal.
pub fn hex_digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
