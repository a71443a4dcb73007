//! Labelled examples: read from folders of JSON Lines, filtered and capped by the recipe, split by group.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::MultiGzDecoder;
use portcullis::threat::{PerCategory, Source};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::{Data, Recipe};

/// 1, 0, or unknown (masked in the loss).
pub type Label = Option<bool>;

/// One labelled text.
#[derive(Clone, Debug)]
pub struct Example {
    pub id: String,
    /// The stem of the file that it was read from.
    pub file: String,
    pub text: String,
    pub source: Source,
    pub labels: PerCategory<Label>,
    /// Byte ranges of the injected part, where the data knows them.
    pub spans: Vec<Range<usize>>,
    meta_attack: Option<String>,
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

    /// Examples of one group stay on one side of a split: those that carry the same attack string.
    fn group(&self) -> &str {
        self.spans.first().and_then(|span| self.text.get(span.clone())).unwrap_or(&self.id)
    }
}

/// A line of the data files. `spans` count Unicode scalar values.
#[derive(Deserialize)]
struct Row {
    id: String,
    text: String,
    surface: Source,
    labels: PerCategory<Option<u8>>,
    #[serde(default)]
    spans: Vec<(usize, usize)>,
    #[serde(default)]
    meta: serde_json::Value,
}

impl Row {
    fn into_example(self, file: &str) -> Example {
        let mut starts: Vec<usize> = self.text.char_indices().map(|(start, _)| start).collect();
        starts.push(self.text.len());
        let at = |index: usize| starts.get(index).copied().unwrap_or(self.text.len());
        Example {
            spans: self.spans.iter().map(|&(start, end)| at(start)..at(end)).collect(),
            id: self.id,
            file: file.to_owned(),
            source: self.surface,
            labels: PerCategory::from_fn(|category| self.labels.get(category).map(|label| label > 0)),
            meta_attack: self.meta.get("attack").and_then(|attack| attack.as_str()).map(str::to_owned),
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

/// Reads every example of a file, gzipped or not.
pub fn read(path: &Path) -> Result<Vec<Example>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let stem = stem(path);
    BufReader::new(reader)
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let row: Row = serde_json::from_str(&line?)
                .with_context(|| format!("{}, line {}: not a labelled example", path.display(), index + 1))?;
            Ok(row.into_example(&stem))
        })
        .collect()
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

/// The examples of a run: what is fitted, and what is held out to calibrate on.
pub struct Split {
    pub fit: Vec<Example>,
    pub calibration: Vec<Example>,
}

impl Split {
    /// Reads the folder and splits it as the recipe says; the same for the same seed and files.
    pub fn read(folder: &Path, recipe: &Recipe) -> Result<Self> {
        let mut split = Self { fit: Vec::new(), calibration: Vec::new() };
        for path in files(folder)? {
            let stem = stem(&path);
            if recipe.data.exclude.contains(&stem) {
                continue;
            }
            let mut examples: Vec<Example> =
                read(&path)?.into_iter().filter(|example| !excluded(example, &recipe.data)).collect();
            examples.shuffle(&mut SmallRng::seed_from_u64(hash((recipe.seed, &stem))));
            examples.truncate(recipe.data.max_items_per_file);
            for example in examples {
                let draw = SmallRng::seed_from_u64(hash((recipe.seed, "split", example.group()))).random::<f64>();
                let side = if draw < recipe.data.calibration_share { &mut split.calibration } else { &mut split.fit };
                side.push(example);
            }
        }
        ensure!(!split.fit.is_empty(), "the recipe leaves nothing to fit");
        Ok(split)
    }
}

fn excluded(example: &Example, data: &Data) -> bool {
    example.meta_attack.as_ref().is_some_and(|attack| data.exclude_attacks.contains(attack))
}

/// A hash that is the same in every run of the same build (SipHash with fixed keys): it seeds generators, nothing more.
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
