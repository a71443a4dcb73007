//! A model as files: what is in it, whether it is what it says, and how it becomes something that scores.
//!
//! Nothing is parsed before its digest was checked against the manifest, and nothing is served before the golden
//! inputs gave their scores on this device. A model that fails either is refused, whole. Only folders and the embedded model
//! are read; [`crate::fetch`] makes a folder of a model that lies elsewhere.

mod files;
mod golden;
mod load;
mod manifest;
mod trust;
mod weights;

pub use files::{ArtifactFiles, size_limit};
pub use golden::{GoldenRecord, GoldenSet, golden_tolerance};
pub use load::{Model, ModelId, load_engine};
pub use manifest::{
    CALIBRATION, FILES, GOLDEN, MANIFEST, ML_BOM, MODEL_CARD, Manifest, Provenance, SCHEMA_VERSION, TOKENIZER, WEIGHTS,
    hex_digest,
};
pub use trust::{TrustPolicy, Verified};
pub use weights::read_weights;

/// Why an artefact was refused.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file is missing or unreadable.
    #[error("{file}: {source}")]
    Read {
        /// The file's name in the artefact.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A symbolic link, folder or pipe stands where a file should.
    #[error("{file} is no regular file")]
    NotAFile {
        /// The file's name in the artefact.
        file: String,
    },
    /// A file is larger than anything that belongs there.
    #[error("{file} has {bytes} bytes; at most {limit} are accepted")]
    TooLarge {
        /// The file's name in the artefact.
        file: String,
        /// Its size.
        bytes: u64,
        /// The largest accepted.
        limit: u64,
    },
    /// A file is not the one that the manifest names.
    #[error("{file} has SHA-256 {actual}; the manifest says {expected}: the file was changed or damaged")]
    Digest {
        /// The file's name in the artefact.
        file: String,
        /// The manifest's digest, hexadecimal.
        expected: String,
        /// The file's digest, hexadecimal.
        actual: String,
    },
    /// There is no signature.
    #[error(
        "the model is not signed; only the embedded model needs no signature by a trusted key, unless unsigned models are allowed"
    )]
    Unsigned,
    /// There is a signature, but not one to trust.
    #[error(transparent)]
    Signature(#[from] crate::signing::SigningError),
    /// A file's content makes no sense.
    #[error("{file}: {reason}")]
    Invalid {
        /// The file's name in the artefact.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A golden input scored otherwise than when the model was exported.
    #[error(
        "golden input {index}: {category} logit is {actual}, expected {expected} within {tolerance}: this build or device computes something else than the model's authors did"
    )]
    Golden {
        /// The line, from 1.
        index: usize,
        /// The category that is off.
        category: crate::threat::Category,
        /// The recorded logit.
        expected: f32,
        /// The logit here.
        actual: f32,
        /// The largest accepted difference.
        tolerance: f32,
    },
    /// The model cannot be run as it was asked to be.
    #[error(transparent)]
    Engine(crate::model::EngineError),
    /// The golden inputs could not be scored.
    #[error("scoring the golden inputs: {0}")]
    Score(#[from] crate::model::ScoreError),
}

impl ArtifactError {
    pub(crate) fn invalid(file: &str, reason: impl std::fmt::Display) -> Self {
        Self::Invalid { file: file.to_owned(), reason: reason.to_string() }
    }
}
