//! Copies of a model to exchange with each other, in a folder that goes when the measurement ends.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::artifact::{ArtifactFiles, FILES, GOLDEN, MANIFEST, Manifest, hex_digest};
use crate::fetch::ModelSource;

/// Two models that differ in their versions alone.
pub(super) struct Copies(PathBuf);

impl Copies {
    /// Copies a model twice, each with only its first golden inputs: what is left of a load is then mostly memory's work.
    pub(super) fn make(of: &ArtifactFiles, n_golden: usize) -> anyhow::Result<Self> {
        let root = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
        // What is there already is not ours, neither to write to nor to remove.
        std::fs::create_dir(&root).with_context(|| format!("creating {}", root.display()))?;
        let copies = Self(root);
        for (folder, version) in copies.folders().iter().zip(["1.0.0", "2.0.0"]) {
            copy(of, folder, version, n_golden).with_context(|| format!("copying {of} to {}", folder.display()))?;
        }
        Ok(copies)
    }

    pub(super) fn sources(&self) -> [ModelSource; 2] {
        self.folders().map(ModelSource::Folder)
    }

    fn folders(&self) -> [PathBuf; 2] {
        ["a", "b"].map(|name| self.0.join(name))
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // It lies among what the system clears away.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copy(of: &ArtifactFiles, folder: &Path, version: &str, n_golden: usize) -> anyhow::Result<()> {
    std::fs::create_dir(folder)?;
    let (mut manifest, _) = Manifest::read(of)?;
    for name in FILES {
        let mut content = of.read(name)?.into_owned();
        if name == GOLDEN {
            content = content.split_inclusive(|byte| *byte == b'\n').take(n_golden).flatten().copied().collect();
        }
        manifest.files.insert(name.to_owned(), hex_digest(&content));
        std::fs::write(folder.join(name), content)?;
    }
    manifest.version = version.to_owned();
    Ok(std::fs::write(folder.join(MANIFEST), serde_json::to_vec(&manifest)?)?)
}
