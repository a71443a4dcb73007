//! The files of labelled texts that training writes, and the prepared folder that `prepare` leaves for `fit` and `calibrate`.
//! What a labelled text is, and how it is read, `portcullis::evaluate` says.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use portcullis::evaluate::is_gzip;
pub use portcullis::evaluate::{Example, Label, Row, files, hash, read, read_lines, stem};
use sha2::{Digest, Sha256};

/// Reads every row of a folder's files, in order, or of one file.
pub fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let paths = if path.is_dir() { files(path)? } else { vec![path.to_owned()] };
    Ok(paths.iter().map(|path| read_lines(path)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Writes rows to a file, one a line, gzipped if its name ends in `.gz`.
pub struct RowWriter(RowSink);

enum RowSink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl RowWriter {
    /// Creates the file, or empties it.
    pub fn create(path: &Path) -> Result<Self> {
        let file = BufWriter::new(File::create(path).with_context(|| format!("creating {}", path.display()))?);
        let is_gzip = is_gzip(path);
        Ok(Self(if is_gzip {
            RowSink::Gzip(GzEncoder::new(file, Compression::default()))
        } else {
            RowSink::Plain(file)
        }))
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Row) -> Result<()> {
        let line = serde_json::to_string(row)?;
        match &mut self.0 {
            RowSink::Plain(file) => writeln!(file, "{line}")?,
            RowSink::Gzip(file) => writeln!(file, "{line}")?,
        }
        Ok(())
    }

    /// Ends the file; what is dropped without it may lack its end.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            RowSink::Plain(mut file) => file.flush()?,
            RowSink::Gzip(file) => file.finish()?.flush()?,
        }
        Ok(())
    }
}

/// The SHA-256 over the folder's files, each by name and content: what a run was trained on.
pub fn folder_digest(folder: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    for path in files(folder)? {
        digest.update(stem(&path));
        digest.update(Sha256::digest(std::fs::read(&path)?));
    }
    Ok(format!("{:x}", digest.finalize()))
}

/// The files of a prepared folder.
pub const FIT_FILE: &str = "fit.jsonl.gz";
/// See [`FIT_FILE`].
pub const CALIBRATION_FILE: &str = "calibration.jsonl.gz";

/// The examples of a run: what is fitted, and what is held out to calibrate on.
pub struct Split {
    pub fit: Vec<Example>,
    pub calibration: Vec<Example>,
}

impl Split {
    /// Reads a folder that `prepare` has written.
    pub fn read(folder: &Path) -> Result<Self> {
        let side = |file: &str| {
            read(&folder.join(file)).context("a folder that `prepare` has written is needed; see training/README.md")
        };
        let split = Self { fit: side(FIT_FILE)?, calibration: side(CALIBRATION_FILE)? };
        ensure!(!split.fit.is_empty(), "{} holds nothing to fit", folder.display());
        Ok(split)
    }
}
