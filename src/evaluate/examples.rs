//! Labelled texts, and the files that hold them: JSON, one text a line, gzipped or not.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::EvaluateError;
use crate::threat::{PerCategory, Source};

/// 1, 0, or unknown (masked in the loss).
pub type Label = Option<bool>;

/// One labelled text.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its name in reports.
    pub id: String,
    /// The set that it belongs to.
    pub set: String,
    /// The text itself.
    pub text: String,
    /// Where it comes from.
    pub source: Source,
    /// What it attempts.
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
    /// Its name in reports.
    pub id: String,
    /// The set that it belongs to; that of its file's stem if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// The text itself.
    pub text: String,
    /// Where it comes from.
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
    /// Under which the text may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// ISO 639-1 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// How the text was disguised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// What else its makers know; of it only `attack_family` is read.
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
        let count = |end: usize| text.char_indices().take_while(|(start, _)| *start < end).count();
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
///
/// # Errors
/// The folder cannot be read, or there is none.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, EvaluateError> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files: Vec<PathBuf> = entries.map_err(|source| unreadable(folder, source))?;
    files.retain(|path| path.to_string_lossy().ends_with(".jsonl.gz") || path.to_string_lossy().ends_with(".jsonl"));
    files.sort();
    if files.is_empty() { Err(EvaluateError::NoFile(folder.to_owned())) } else { Ok(files) }
}

/// The part of a file's name before its first dot.
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Reads every line of a file, gzipped or not.
///
/// # Errors
/// The file cannot be read, or a line is something else.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, EvaluateError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let reader: Box<dyn Read> = if is_gzip(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let parse = |(index, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(|source| unreadable(path, source))?;
        serde_json::from_str(&line).map_err(|source| EvaluateError::Line {
            path: path.to_owned(),
            line: index + 1,
            source,
        })
    };
    BufReader::new(reader).lines().enumerate().map(parse).collect()
}

/// Whether a file is gzipped, by its name.
pub fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Reads every example of a file, or of a folder's files in their order.
///
/// # Errors
/// As [`files`] and [`read_lines`].
pub fn read(path: &Path) -> Result<Vec<Example>, EvaluateError> {
    let paths = if path.is_dir() { files(path)? } else { vec![path.to_owned()] };
    let mut examples = Vec::new();
    for path in paths {
        let stem = stem(&path);
        examples.extend(read_lines::<Row>(&path)?.into_iter().map(|row| row.into_example(&stem)));
    }
    Ok(examples)
}

/// A random part of the examples, in their order; the same for the same seed.
pub fn sample(examples: Vec<Example>, limit: Option<usize>, seed: u64) -> Vec<Example> {
    let amount = limit.unwrap_or(examples.len()).min(examples.len());
    let mut rng = SmallRng::seed_from_u64(hash((seed, "sample")));
    let mut is_chosen = vec![false; examples.len()];
    for index in rand::seq::index::sample(&mut rng, examples.len(), amount) {
        is_chosen.get_mut(index).into_iter().for_each(|chosen| *chosen = true);
    }
    examples.into_iter().zip(is_chosen).filter_map(|(example, is_chosen)| is_chosen.then_some(example)).collect()
}

/// A hash that is the same in every run of the same build (SipHash with fixed keys): it seeds generators, nothing more.
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn unreadable(path: &Path, source: std::io::Error) -> EvaluateError {
    EvaluateError::Read { path: path.to_owned(), source }
}
