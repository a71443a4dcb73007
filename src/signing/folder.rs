//! The digests of a folder's files. Links and whatever else is neither file nor folder are refused, not followed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::SigningError;

/// Files and folders in a folder: far more than a model has, far fewer than exhaust anything.
const MAX_ENTRIES: usize = 10_000;
/// Folders within folders.
const MAX_DEPTH: usize = 16;

/// SHA-256, hexadecimal, of each file below a folder by its path, with `/` between the parts; but for what is ignored.
pub(super) fn digests(folder: &Path, ignored: &[String]) -> Result<BTreeMap<String, String>, SigningError> {
    let mut walk = Walk { ignored, n_entries: 0, digests: BTreeMap::new() };
    walk.folder(folder, "", 0)?;
    Ok(walk.digests)
}

struct Walk<'a> {
    ignored: &'a [String],
    n_entries: usize,
    digests: BTreeMap<String, String>,
}

impl Walk<'_> {
    /// Takes in a folder whose entries have this prefix.
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), SigningError> {
        let refused = |path: &str, reason| Err(SigningError::Path { path: path.to_owned(), reason });
        if depth > MAX_DEPTH {
            return refused(prefix, "folders are nested too deeply");
        }
        let unreadable = |source| SigningError::Read { path: folder.display().to_string(), source };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return refused(&name.to_string_lossy(), "the name is not UTF-8");
            };
            let path = format!("{prefix}{name}");
            if self.ignored.contains(&path) {
                continue;
            }
            self.n_entries += 1;
            if self.n_entries > MAX_ENTRIES {
                return refused(&path, "the folder holds too many files");
            }
            // Of the entry itself, not of what a link leads to.
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                self.folder(&entry.path(), &format!("{path}/"), depth + 1)?;
            } else if kind.is_file() {
                let digest =
                    digest(&entry.path()).map_err(|source| SigningError::Read { path: path.clone(), source })?;
                self.digests.insert(path, digest);
            } else {
                return refused(&path, "a link, pipe or device cannot be signed");
            }
        }
        Ok(())
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(format!("{:x}", hasher.finalize()))
}
