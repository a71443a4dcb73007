//! Which model is active, on disk: what a restart begins with. The file is replaced as a whole or not at all, so that a crash
//! leaves the former one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::artifact::ModelId;

/// The schema that this build reads.
const SCHEMA_VERSION: u32 = 1;
/// The file's name in its folder.
const FILE: &str = "active.json";
/// Starts of a model on probation that may end without a word, that of its promotion counted in: one crash may be an
/// accident of the machine, two in a row are the model's.
const MAX_UNPROVEN_STARTS: u32 = 2;
/// The file that says which model of a watched folder is being loaded.
const TRYING_FILE: &str = "trying.json";
/// More than any record has.
const MAX_BYTES: u64 = 64 * 1024;

/// The folder in which the record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

/// Which model is active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    schema_version: u32,
    /// The model that was configured when this was written: another configuration is newer than the record.
    pub configured: String,
    /// The active one.
    pub active: RecordedModel,
    /// The one before it.
    pub previous: Option<RecordedModel>,
    /// Of an active model on probation: its starts that have not ended well, that of now counted in. None once it is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven_starts: Option<u32>,
    /// The digest of a model that used up its starts, and is not to be loaded unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

/// A model that was active, and so has served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedModel {
    /// Where it was loaded from.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it must be: SHA-256 of its manifest.
    pub digest: String,
}

impl RecordedModel {
    /// A model from a source.
    pub fn new(id: &ModelId, source: impl ToString) -> Self {
        Self {
            source: source.to_string(),
            name: id.name.clone(),
            version: id.version.clone(),
            digest: id.digest.clone(),
        }
    }
}

impl Record {
    /// What is active now.
    pub fn new(configured: impl ToString, active: RecordedModel, previous: Option<RecordedModel>) -> Self {
        let configured = configured.to_string();
        Self { schema_version: SCHEMA_VERSION, configured, active, previous, unproven_starts: None, withdrawn: None }
    }

    /// The same of a model that was just made active.
    #[must_use]
    pub fn on_probation(self) -> Self {
        Self { unproven_starts: Some(1), ..self }
    }

    /// What a start goes by, and writes down before it loads anything: a start of a model on probation is taken for one that
    /// ends badly until it is known not to; a model that has had its share of these gives way to the one before it.
    #[must_use]
    pub fn at_start(self) -> Self {
        match (self.unproven_starts, self.previous) {
            (Some(starts), Some(previous)) if starts >= MAX_UNPROVEN_STARTS => Self {
                withdrawn: Some(self.active.digest),
                active: previous,
                previous: None,
                unproven_starts: None,
                ..self
            },
            (starts, previous) => {
                Self { unproven_starts: starts.map(|starts| starts.saturating_add(1)), previous, ..self }
            }
        }
    }
}

impl StateFolder {
    /// A folder, which [`Self::write`] makes if it is not there.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// What was written last; none if nothing was.
    ///
    /// # Errors
    /// The file cannot be read, or is no record.
    pub fn read(&self) -> io::Result<Option<Record>> {
        let path = self.0.join(FILE);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        // What is cut off here is no JSON.
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        if record.schema_version != SCHEMA_VERSION {
            return Err(io::Error::other(format!("{} is of schema {}", path.display(), record.schema_version)));
        }
        Ok(Some(record))
    }

    /// Changes the record, if there is one.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn update(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let Some(mut record) = self.read()? else { return Ok(()) };
        let before = record.clone();
        change(&mut record);
        if record == before { Ok(()) } else { self.write(&record) }
    }

    /// Notes that a model is being loaded unasked, until what is returned is dropped: what is still noted at the next start
    /// has ended the process.
    ///
    /// # Errors
    /// The system cannot write.
    pub fn begin_trying(&self, trying: &Trying) -> io::Result<TryingNote> {
        fs::create_dir_all(&self.0)?;
        let note = TryingNote(self.0.join(TRYING_FILE));
        write_through(&note.0, &serde_json::to_vec(trying)?)?;
        Ok(note)
    }

    /// The model that ended the process when it was loaded.
    pub fn trying(&self) -> Option<Trying> {
        // What is no note says nothing; the worst is that the model is tried once more.
        serde_json::from_slice(&fs::read(self.0.join(TRYING_FILE)).ok()?).ok()
    }

    /// Puts a record in place of the former one. After this returns it survives a crash of the machine.
    ///
    /// # Errors
    /// The system cannot write; then the former record stands.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let next = self.0.join(format!("{FILE}.next"));
        write_through(&next, &serde_json::to_vec_pretty(record)?)?;
        fs::rename(&next, self.0.join(FILE))?;
        // The rename is an entry of the folder, which has to reach the disk as well.
        File::open(&self.0)?.sync_all()
    }
}

/// A model in a watched folder, as it was when it was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// Its folder.
    pub folder: PathBuf,
    /// When the last of its files was written.
    pub written: SystemTime,
}

/// Says which model is being loaded; gone when dropped.
pub struct TryingNote(PathBuf);

impl Drop for TryingNote {
    fn drop(&mut self) {
        // If it stays, the model is not tried again until its files change: the careful side.
        let _ = fs::remove_file(&self.0);
    }
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(version: &str) -> Record {
        let id = ModelId { name: "m".to_owned(), version: version.to_owned(), digest: "d".to_owned() };
        Record::new("embedded", RecordedModel::new(&id, "models/m"), None)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path().join("state"));
        assert_eq!(state.read().unwrap(), None);
        for version in ["1.0.0", "1.1.0"] {
            state.write(&record(version)).unwrap();
            assert_eq!(state.read().unwrap(), Some(record(version)));
        }
    }

    #[test]
    fn a_model_that_ends_each_start_gives_way_to_the_one_before_it() {
        let model = |digest: &str| RecordedModel { digest: digest.to_owned(), ..record("1.0.0").active };
        let proven = Record::new("embedded", model("new"), Some(model("old")));
        assert_eq!(proven.clone().at_start(), proven, "who is proven may start as often as it likes");
        let second = proven.clone().on_probation().at_start();
        assert_eq!((second.active.digest.as_str(), second.unproven_starts), ("new", Some(2)));
        let third = second.at_start();
        assert_eq!(
            (third.active.digest.as_str(), third.unproven_starts, third.withdrawn.as_deref()),
            ("old", None, Some("new"))
        );
        assert_eq!(third.clone().at_start(), third);
        let alone = Record { previous: None, ..proven.on_probation() };
        assert_eq!(alone.at_start().at_start().active.digest, "new", "there is no other");
    }

    #[test]
    fn what_is_tried_is_noted_until_the_note_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path().join("state"));
        let trying = Trying { folder: "models/x".into(), written: SystemTime::now() };
        let note = state.begin_trying(&trying).unwrap();
        assert_eq!(state.trying(), Some(trying));
        drop(note);
        assert_eq!(state.trying(), None);
    }

    /// A crash while the next record is written leaves a part of it beside the former one.
    #[test]
    fn a_part_of_a_record_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path().to_owned());
        state.write(&record("1.0.0")).unwrap();
        fs::write(folder.path().join("active.json.next"), "{\"schema_ver").unwrap();
        assert_eq!(state.read().unwrap(), Some(record("1.0.0")));
        state.write(&record("1.1.0")).unwrap();
        assert_eq!(state.read().unwrap(), Some(record("1.1.0")));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path().to_owned());
        for content in ["", "{}", "[1]", "{\"schema_version\": 99}"] {
            fs::write(folder.path().join(FILE), content).unwrap();
            assert!(state.read().is_err(), "{content}");
        }
    }
}
