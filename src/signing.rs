//! Signatures over folders: OpenSSF Model Signing v1.0 with an ECDSA key on P-256, as `model_signing sign key` makes them.
//!
//! A [`Statement`] lists every file of a folder with its SHA-256; a bundle is that statement with a signature. A good
//! signature says who vouches for a statement; that the folder is what the statement says is checked apart from it. Other
//! curves and digests, certificates, identities and transparency logs are refused, and so is a bundle with anything in it
//! that the signature does not cover.

mod bundle;
mod folder;
mod keys;
mod statement;

pub use bundle::{MAX_BUNDLE_BYTES, sign, verify};
pub use keys::{PrivateKey, PublicKey};
pub use statement::{SIGNATURE, Statement};

/// Why something could not be signed, or a signature was refused.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// A file that should hold a key holds none of the kind.
    #[error("not {expected} on P-256 in PEM: {reason}")]
    Key {
        /// What was expected.
        expected: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// No random numbers for a new key.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The bundle is not one that Model Signing v1.0 makes with a key.
    #[error("the signature is no bundle of Model Signing v1.0 with a key: {0}")]
    Bundle(String),
    /// The bundle was made with a key that nobody trusts here.
    #[error("the signature is by key {id}, which is not trusted here")]
    UnknownKey {
        /// The key's identifier, see [`PublicKey::id`].
        id: String,
    },
    /// The key is known, but it did not sign this.
    #[error("the signature does not fit what it is said to sign: one of them was changed")]
    BadSignature,
    /// What was signed is no statement of Model Signing v1.0.
    #[error("what was signed is no statement of Model Signing v1.0 over files with SHA-256: {0}")]
    Statement(String),
    /// A file is not the one that was signed.
    #[error("{path} was changed after it was signed")]
    Changed {
        /// The file's place in the folder.
        path: String,
    },
    /// A file that was signed is not there.
    #[error("{path} was signed and is missing")]
    Missing {
        /// The file's place in the folder.
        path: String,
    },
    /// A file is there that was not signed.
    #[error("{path} was not signed")]
    Unsigned {
        /// The file's place in the folder.
        path: String,
    },
    /// A folder holds something that cannot be signed.
    #[error("{path}: {reason}")]
    Path {
        /// Its place in the folder.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Its place.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}
