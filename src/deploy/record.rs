//! Which model is active, on disk: what a restart begins with. The file is replaced as a whole or not at all, so that a crash
//! leaves the former one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifact::ModelId;

/// The schema that this build reads.
const SCHEMA_VERSION: u32 = 1;
/// The file's name in its folder.
const FILE: &str = "active.json";
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
        Self { schema_version: SCHEMA_VERSION, configured: configured.to_string(), active, previous }
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
