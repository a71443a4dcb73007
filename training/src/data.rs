//! Labelled texts: the lines of the data files, the examples that training and evaluation make of them, and the prepared
//! folder that `prepare` leaves for `fit` and `calibrate`.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use portcullis::threat::{PerCategory, Source};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 1, 0, or unknown (masked in the loss).
pub type Label = Option<bool>;

/// One labelled text.
#[derive(Clone, Debug)]
pub struct Example {
    pub id: String,
    /// The set that it belongs to.
    pub set: String,
    pub text: String,
    pub source: Source,
    pub labels: PerCategory<Label>,
    /// Byte ranges of the injected part, where the data knows them.
    pub spans: Vec<Range<usize>>,
    /// What it shares with others of its kind, such as its wording.
    pub group: Option<String>,
    /// ISO 639-1 code.
    pub lang: Option<String>,
    /// How the text was disguised, or what kind of attack it carries.
    pub attack: Option<String>,
}

impl Example {
    /// True if any category is labelled positive.
    pub fn is_attack(&self) -> bool {
        self.labels.iter().any(|(_, label)| *label == Some(true))
    }

    /// True if no category is positive or unknown.
    pub fn is_harmless(&self) -> bool {
        self.labels.iter().all(|(_, label)| *label == Some(false))
    }
}

/// A line of the data files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub id: String,
    /// The set that it belongs to; that of its file's stem if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    pub text: String,
    pub surface: Source,
    /// 1, 0, or null.
    pub labels: PerCategory<Option<u8>>,
    /// The injected parts, in Unicode scalar values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<(usize, usize)>,
    /// Rows of one group stay on one side of a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where the text was taken from, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// ISO 639-1 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// How `attack` disguised the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub meta: serde_json::Value,
}

impl Row {
    /// The spans as byte ranges of the text; none of a span that does not lie in it.
    pub fn byte_spans(&self) -> Vec<Option<Range<usize>>> {
        if self.spans.is_empty() {
            return Vec::new();
        }
        let mut starts: Vec<usize> = self.text.char_indices().map(|(start, _)| start).collect();
        starts.push(self.text.len());
        let range = |&(start, end): &(usize, usize)| (start < end).then_some(*starts.get(start)?..*starts.get(end)?);
        self.spans.iter().map(range).collect()
    }

    /// The row with another text and its spans, in bytes and on character boundaries.
    #[must_use]
    pub fn with_text(self, text: String, byte_spans: &[Range<usize>]) -> Self {
        let count = |end: usize| text[..end].chars().count();
        Self { spans: byte_spans.iter().map(|span| (count(span.start), count(span.end))).collect(), text, ..self }
    }

    fn into_example(self, stem: &str) -> Example {
        let family = self.meta.get("attack_family").and_then(|family| family.as_str()).map(str::to_owned);
        Example {
            spans: self.byte_spans().into_iter().flatten().collect(),
            id: self.id,
            set: self.set.unwrap_or_else(|| stem.to_owned()),
            source: self.surface,
            labels: PerCategory::from_fn(|category| self.labels.get(category).map(|label| label > 0)),
            group: self.group,
            lang: self.lang,
            attack: self.attack.or(family),
            text: self.text,
        }
    }
}

/// The files of a folder that hold examples, in the order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("reading the data folder {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.to_string_lossy().ends_with(".jsonl.gz") || path.to_string_lossy().ends_with(".jsonl"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no .jsonl or .jsonl.gz file", folder.display());
    Ok(files)
}

/// The part of a file's name before its first dot.
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Reads every line of a file, gzipped or not.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let reader: Box<dyn Read> = if is_gzip(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    BufReader::new(reader)
        .lines()
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(&line?)
                .with_context(|| format!("{}, line {}: not a labelled text", path.display(), index + 1))
        })
        .collect()
}

/// Reads every row of a folder's files, in order, or of one file.
pub fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let paths = if path.is_dir() { files(path)? } else { vec![path.to_owned()] };
    Ok(paths.iter().map(|path| read_lines(path)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
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

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Reads every example of a file, gzipped or not.
pub fn read(path: &Path) -> Result<Vec<Example>> {
    let stem = stem(path);
    Ok(read_lines::<Row>(path)?.into_iter().map(|row| row.into_example(&stem)).collect())
}

/// Reads every example of a folder, in order.
pub fn read_folder(folder: &Path) -> Result<Vec<Example>> {
    Ok(files(folder)?.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
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

/// A hash that is the same in every run of the same build (SipHash with fixed keys): it seeds generators, nothing more.
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
