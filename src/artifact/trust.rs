//! Whose models are served.

use super::manifest::{MANIFEST, hex_digest};
use super::{ArtifactError, ArtifactFiles, Model};
use crate::model::EngineOptions;
use crate::signing::{PublicKey, SIGNATURE, verify};

/// Whose models are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustPolicy {
    /// Models that the owner of one of these keys has signed.
    SignedBy(Vec<PublicKey>),
    /// These, and the embedded model, wherever its files lie: its digest is compiled in.
    EmbeddedOrSignedBy(Vec<PublicKey>),
    /// Anyone's.
    Anyone,
}

impl TrustPolicy {
    /// Loads a model that this policy admits.
    ///
    /// The digest of the manifest that was admitted is held against that of the manifest that was loaded, so that files
    /// which change between the two make no difference.
    ///
    /// # Errors
    /// Nobody whom the policy trusts has signed the folder as it is, or what [`Model::load_with`] returns.
    pub fn load(&self, files: &ArtifactFiles, options: EngineOptions) -> Result<Model, ArtifactError> {
        self.verify(files)?.load(options)
    }

    /// The first half of [`Self::load`]: whether the policy admits these files.
    ///
    /// # Errors
    /// Nobody whom the policy trusts has signed the folder as it is.
    pub fn verify<'a>(&self, files: &'a ArtifactFiles) -> Result<Verified<'a>, ArtifactError> {
        Ok(Verified { files, digest: self.admitted(files)? })
    }

    /// The digest that the manifest must have; none if any will do.
    fn admitted(&self, files: &ArtifactFiles) -> Result<Option<String>, ArtifactError> {
        let keys = match self {
            Self::Anyone => return Ok(None),
            Self::SignedBy(keys) => keys,
            Self::EmbeddedOrSignedBy(keys) => {
                let digest = manifest_digest(files)?;
                match ArtifactFiles::embedded() {
                    Some(embedded) if manifest_digest(&embedded)? == digest => return Ok(Some(digest)),
                    _ => keys,
                }
            }
        };
        signed_digest(files, keys).map(Some)
    }
}

/// Files that a policy admits.
#[derive(Debug)]
pub struct Verified<'a> {
    files: &'a ArtifactFiles,
    /// The digest that the manifest must have; none if any will do.
    digest: Option<String>,
}

impl Verified<'_> {
    /// The second half of [`TrustPolicy::load`].
    ///
    /// # Errors
    /// What [`Model::load_with`] returns, or the files were exchanged since they were verified.
    pub fn load(self, options: EngineOptions) -> Result<Model, ArtifactError> {
        let model = Model::load_with(self.files, options)?;
        match self.digest {
            Some(expected) if expected != model.id.digest => {
                Err(ArtifactError::Digest { file: MANIFEST.to_owned(), expected, actual: model.id.digest })
            }
            _ => Ok(model),
        }
    }
}

fn manifest_digest(files: &ArtifactFiles) -> Result<String, ArtifactError> {
    Ok(hex_digest(&files.read(MANIFEST)?))
}

/// The digest of the manifest that one of the keys has signed, with a folder that is as it was signed.
fn signed_digest(files: &ArtifactFiles, keys: &[PublicKey]) -> Result<String, ArtifactError> {
    let ArtifactFiles::Folder(folder) = files else { return Err(ArtifactError::Unsigned) };
    if !folder.join(SIGNATURE).try_exists().is_ok_and(|exists| exists) {
        return Err(ArtifactError::Unsigned);
    }
    let statement = verify(&files.read(SIGNATURE)?, keys)?;
    statement.check_folder(folder)?;
    statement.files.get(MANIFEST).cloned().ok_or(ArtifactError::Unsigned)
}
