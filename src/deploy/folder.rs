//! A folder of models that is watched: what is new and newer in it becomes the candidate, and active only if that was asked
//! for. For those who deploy by changing files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use semver::Version;

use super::lineup::Candidate;
use super::{Actor, Deployment, TrafficChange};
use crate::artifact::{ArtifactFiles, Manifest};
use crate::fetch::ModelSource;

/// How often the folder is looked at.
const INTERVAL: Duration = Duration::from_secs(3);

/// A folder whose subfolders are models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderWatch {
    /// The folder.
    pub folder: PathBuf,
    /// Whether a model that is ready is promoted.
    pub promotes: bool,
}

/// When the last of a model's files was written: it is tried once for each time.
type Seen = BTreeMap<PathBuf, SystemTime>;

impl Deployment {
    /// Looks at a folder again and again.
    pub async fn watch_folder(&self, watch: FolderWatch) {
        let mut seen = Seen::new();
        loop {
            self.look_at(&watch, &mut seen).await;
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Loads the newest model that was not tried yet, if it is newer than the active one and there is no other candidate.
    async fn look_at(&self, watch: &FolderWatch, seen: &mut Seen) {
        let is_free = matches!(self.lock().candidate, None | Some(Candidate::Failed { .. }));
        let Some((folder, time)) = self.newest(&watch.folder, seen).filter(|_| is_free) else { return };
        let mut changes = self.changes();
        if self.load(ModelSource::Folder(folder.clone()), "", &Actor::Folder).is_err() {
            // It is full just now; the next look finds the folder again.
            return;
        }
        seen.insert(folder, time);
        while matches!(self.lock().candidate, Some(Candidate::Loading { .. })) {
            if changes.changed().await.is_err() {
                return;
            }
        }
        if watch.promotes {
            self.promote_ready();
        }
    }

    fn promote_ready(&self) {
        let Some(digest) = self.lock().ready().map(|ready| ready.id().digest.clone()) else { return };
        let change = TrafficChange { active: digest, ..TrafficChange::default() };
        if let Err(error) = self.set_traffic(&change, "", &Actor::Folder) {
            tracing::error!(%error, "the folder's model could not be promoted");
        }
    }

    fn newest(&self, folder: &Path, seen: &Seen) -> Option<(PathBuf, SystemTime)> {
        let active = Version::parse(&self.active().id().version).ok()?;
        let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let unseen = entries.filter_map(|path| {
            let time = last_written(&path)?;
            let (manifest, _) = Manifest::read(&ArtifactFiles::Folder(path.clone())).ok()?;
            let version = Version::parse(&manifest.version).ok()?;
            (version > active && seen.get(&path) != Some(&time)).then_some((version, path, time))
        });
        unseen.max().map(|(_, path, time)| (path, time))
    }
}

fn last_written(folder: &Path) -> Option<SystemTime> {
    let files = std::fs::read_dir(folder).ok()?;
    files.filter_map(|file| file.ok()?.metadata().ok()?.modified().ok()).max()
}
