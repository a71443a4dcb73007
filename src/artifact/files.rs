//! Where an artefact's bytes come from: a folder, or this binary.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::ArtifactError;
#[cfg(feature = "embedded-model")]
use super::manifest::{CALIBRATION, MANIFEST, ML_BOM};
use super::manifest::{GOLDEN, MODEL_CARD, TOKENIZER, WEIGHTS};
use crate::signing::{MAX_BUNDLE_BYTES, SIGNATURE};

/// The files of an artefact, by name. No name has a path separator: an artefact is flat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactFiles {
    /// The files of a folder.
    Folder(PathBuf),
    /// Files that were compiled into this binary.
    Embedded(&'static [(&'static str, &'static [u8])]),
}

impl ArtifactFiles {
    /// The default model, compiled into this binary; none in a build without the feature `embedded-model`.
    pub fn embedded() -> Option<Self> {
        EMBEDDED.map(Self::Embedded)
    }

    /// Reads a file of at most its kind's size.
    ///
    /// # Errors
    /// It is missing, unreadable, too large or no regular file: a link could lead anywhere, a pipe never end.
    pub fn read(&self, name: &str) -> Result<Cow<'static, [u8]>, ArtifactError> {
        let unreadable = |source| ArtifactError::Read { file: name.to_owned(), source };
        match self {
            Self::Embedded(files) => files
                .iter()
                .find(|(file, _)| *file == name)
                .map(|(_, bytes)| Cow::Borrowed(*bytes))
                .ok_or_else(|| unreadable(std::io::ErrorKind::NotFound.into())),
            Self::Folder(folder) => {
                let limit = size_limit(name);
                let path = folder.join(name);
                if !path.symlink_metadata().map_err(unreadable)?.is_file() {
                    return Err(ArtifactError::NotAFile { file: name.to_owned() });
                }
                let file = File::open(path).map_err(unreadable)?;
                let bytes = file.metadata().map_err(unreadable)?.len();
                if bytes > limit {
                    return Err(ArtifactError::TooLarge { file: name.to_owned(), bytes, limit });
                }
                let mut content = Vec::new();
                file.take(limit).read_to_end(&mut content).map_err(unreadable)?;
                Ok(Cow::Owned(content))
            }
        }
    }
}

impl ArtifactFiles {
    /// A file's size in bytes.
    ///
    /// # Errors
    /// It is missing, or nobody may look at it.
    pub fn size(&self, name: &str) -> Result<u64, ArtifactError> {
        let size = match self {
            Self::Embedded(files) => files
                .iter()
                .find(|(file, _)| *file == name)
                .map(|(_, bytes)| bytes.len() as u64)
                .ok_or_else(|| std::io::ErrorKind::NotFound.into()),
            Self::Folder(folder) => folder.join(name).symlink_metadata().map(|metadata| metadata.len()),
        };
        size.map_err(|source| ArtifactError::Read { file: name.to_owned(), source })
    }
}

impl fmt::Display for ArtifactFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Embedded(_) => f.write_str("embedded"),
        }
    }
}

/// The most bytes that a file of this name may have.
pub fn size_limit(name: &str) -> u64 {
    const MIB: u64 = 1024 * 1024;
    match name {
        WEIGHTS => 4096 * MIB,
        TOKENIZER => 64 * MIB,
        GOLDEN | MODEL_CARD => 8 * MIB,
        SIGNATURE => MAX_BUNDLE_BYTES,
        _ => MIB,
    }
}

#[cfg(feature = "embedded-model")]
macro_rules! embed {
    ($($name:expr => $file:literal),* $(,)?) => {
        Some(&[$(($name, include_bytes!(concat!("../../models/default/", $file)))),*])
    };
}

#[cfg(feature = "embedded-model")]
const EMBEDDED: Option<&[(&str, &[u8])]> = embed! {
    MANIFEST => "manifest.json",
    WEIGHTS => "model.safetensors",
    TOKENIZER => "tokenizer.json",
    CALIBRATION => "calibration.json",
    GOLDEN => "golden.jsonl",
    MODEL_CARD => "MODEL_CARD.md",
    ML_BOM => "ml-bom.cdx.json",
};

#[cfg(not(feature = "embedded-model"))]
const EMBEDDED: Option<&[(&str, &[u8])]> = None;
