//! A folder of models that is watched: what is new and newer in it becomes the candidate, and active only if that was asked
//! for. For those who deploy by changing files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use semver::Version;

use super::lineup::Candidate;
use super::record::{StateFolder, Trying, TryingNote};
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
        let mut seen = self.crashed();
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
        let Ok(_note) = self.note(&folder, time) else { return };
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

    /// The model that ended the process when it was tried.
    fn crashed(&self) -> Seen {
        let crashed = self.inner.origin.state.as_ref().and_then(StateFolder::trying);
        if let Some(trying) = &crashed {
            let folder = trying.folder.display();
            tracing::error!(%folder, "the server ended while it loaded this model; it is tried again when its files change");
        }
        crashed.into_iter().map(|trying| (trying.folder, trying.written)).collect()
    }

    /// Notes what is tried, where there is a place for it.
    fn note(&self, folder: &Path, written: SystemTime) -> std::io::Result<Option<TryingNote>> {
        let trying = Trying { folder: folder.to_owned(), written };
        let note = self.inner.origin.state.as_ref().map(|state| state.begin_trying(&trying)).transpose();
        note.inspect_err(|error| tracing::error!(%error, "nothing is loaded: it could not be noted"))
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
        let state = self.inner.origin.state.as_ref();
        let withdrawn = state.and_then(|state| state.read().ok()?).and_then(|record| record.withdrawn);
        let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let unseen = entries.filter_map(|path| {
            let time = last_written(&path)?;
            let (manifest, digest) = Manifest::read(&ArtifactFiles::Folder(path.clone())).ok()?;
            let version = Version::parse(&manifest.version).ok()?;
            let is_new = version > active && seen.get(&path) != Some(&time) && withdrawn.as_ref() != Some(&digest);
            is_new.then_some((version, path, time))
        });
        unseen.max().map(|(_, path, time)| (path, time))
    }
}

fn last_written(folder: &Path) -> Option<SystemTime> {
    let files = std::fs::read_dir(folder).ok()?;
    files.filter_map(|file| file.ok()?.metadata().ok()?.modified().ok()).max()
}
