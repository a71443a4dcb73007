//! Reads the sources of a config, each in its order, into candidates and an account of what was read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use hf_hub::RepoType;
use portcullis::artifact::hex_digest;
use portcullis::threat::PerCategory;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde::Serialize;

use super::config::{Config, Generated, Hub, Jsonl, LabelRule, RelativeTo, Source};
use super::{Candidate, Reason, progress_bar};
use crate::data::{Row, files, hash, read_lines, stem};
use crate::generate::{Family, families};

mod folder;

/// One set as it was read.
#[derive(Debug, Serialize)]
pub struct Input {
    pub set: String,
    /// Of the file's bytes; of the rows, where they come from a folder or from code.
    pub sha256: String,
    pub license: String,
    /// Where it comes from, in words.
    pub origin: String,
}

/// Everything that a config names. `data` is what its relative paths are relative to.
pub fn read(config: &Config, data: &Path) -> Result<(Vec<Candidate>, Vec<Input>)> {
    let mut reader =
        Reader { seed: config.seed, config_folder: config.folder.clone(), candidates: Vec::new(), inputs: Vec::new() };
    for source in &config.sources {
        match source {
            Source::Jsonl(jsonl) => reader.jsonl(jsonl, data)?,
            Source::Hub(hub) => reader.hub(hub)?,
            Source::Folder(folder) => match folder::read(folder, config.seed)? {
                Some(rows) => {
                    reader.add_made(&folder.name, &folder.license, "a local folder", rows, folder.max_items)?
                }
                None => continue,
            },
            Source::Generated(generated) => reader.generated(generated)?,
        }
    }
    Ok((reader.candidates, reader.inputs))
}

struct Reader {
    seed: u64,
    config_folder: PathBuf,
    candidates: Vec<Candidate>,
    inputs: Vec<Input>,
}

impl Reader {
    fn jsonl(&mut self, source: &Jsonl, data: &Path) -> Result<()> {
        let path = match source.relative_to {
            RelativeTo::Data => data.join(&source.path),
            RelativeTo::Config => self.config_folder.join(&source.path),
        };
        let mut paths = if path.is_dir() { files(&path)? } else { vec![path] };
        let stems: Vec<String> = paths.iter().map(|path| stem(path)).collect();
        for named in source.include.iter().chain(&source.exclude).chain(source.max_items_of.keys()) {
            ensure!(stems.contains(named), "the config names the file {named}, but there is none");
        }
        paths.retain(|path| source.include.is_empty() || source.include.contains(&stem(path)));
        paths.retain(|path| !source.exclude.contains(&stem(path)));
        let bar = progress_bar(paths.len(), "files");
        for path in paths {
            let stem = stem(&path);
            let rows: Vec<Row> = read_lines(&path)?;
            let licenses = rows.first().and_then(|row| row.license.clone());
            let origin = rows.first().and_then(|row| row.source.clone());
            self.inputs.push(Input {
                set: stem.clone(),
                sha256: hex_digest(&std::fs::read(&path)?),
                license: licenses.unwrap_or_else(|| "not stated".to_owned()),
                origin: origin.unwrap_or_else(|| "not stated".to_owned()),
            });
            let max_items = source.max_items_of.get(&stem).copied().unwrap_or(source.max_items);
            self.add(&stem, rows, max_items, |row| {
                let attack = row.meta.get("attack").and_then(|attack| attack.as_str());
                attack.is_some_and(|attack| source.exclude_attacks.iter().any(|excluded| excluded == attack))
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn hub(&mut self, source: &Hub) -> Result<()> {
        let path = crate::hub::fetch(&source.repository, RepoType::Dataset, &source.revision, &source.file)?;
        let rows = map_rows(&path, source)?;
        self.inputs.push(Input {
            set: source.name.clone(),
            sha256: hex_digest(&std::fs::read(&path)?),
            license: source.license.clone(),
            origin: format!("{} at {}, {}", source.repository, source.revision, source.file),
        });
        self.add(&source.name, rows, source.max_items, |_| false);
        Ok(())
    }

    fn generated(&mut self, source: &Generated) -> Result<()> {
        let is_known = |name: &String| families().any(|family| family.name == name);
        for name in source.families.iter().chain(source.count_of.keys()) {
            ensure!(is_known(name), "the config names the family {name}, but there is none");
        }
        let is_wanted =
            |family: &&Family| source.families.is_empty() || source.families.iter().any(|name| name == family.name);
        for family in families().filter(is_wanted) {
            let count = source.count_of.get(family.name).copied().unwrap_or(source.count);
            let rows = family.rows(count, self.seed).collect();
            self.add_made(family.name, "Apache-2.0", "made by code in training/src/generate", rows, usize::MAX)?;
        }
        Ok(())
    }

    /// Adds rows that lie in no file, with their own digest.
    fn add_made(&mut self, set: &str, license: &str, origin: &str, rows: Vec<Row>, max_items: usize) -> Result<()> {
        self.inputs.push(Input {
            set: set.to_owned(),
            sha256: hex_digest(&serde_json::to_vec(&rows)?),
            license: license.to_owned(),
            origin: origin.to_owned(),
        });
        self.add(set, rows, max_items, |_| false);
        Ok(())
    }

    /// Adds a set's rows, shuffled: those that are not excluded until the limit, the others as rejected.
    fn add(&mut self, set: &str, mut rows: Vec<Row>, max_items: usize, is_excluded: impl Fn(&Row) -> bool) {
        rows.shuffle(&mut SmallRng::seed_from_u64(hash((self.seed, set))));
        let mut n_kept = 0;
        for mut row in rows {
            row.set = Some(set.to_owned());
            let rejected = if is_excluded(&row) {
                Some(Reason::ExcludedAttack)
            } else if n_kept == max_items {
                Some(Reason::OverCap)
            } else {
                n_kept += 1;
                None
            };
            self.candidates.push(Candidate { row, rejected });
        }
    }
}

/// Rows of somebody else's format as ours.
fn map_rows(path: &Path, source: &Hub) -> Result<Vec<Row>> {
    let is_read = path.to_string_lossy().ends_with(".jsonl") || path.to_string_lossy().ends_with(".jsonl.gz");
    ensure!(is_read, "{}: only .jsonl and .jsonl.gz files are read from the hub", source.file);
    let values: Vec<serde_json::Value> = read_lines(path)?;
    values.iter().enumerate().map(|(index, value)| map_row(value, index, source)).collect()
}

fn map_row(value: &serde_json::Value, index: usize, source: &Hub) -> Result<Row> {
    let field = |name: &str| match value.get(name) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        None | Some(serde_json::Value::Null) => None,
        Some(other) => Some(other.to_string()),
    };
    let label = |rule: &Option<LabelRule>| match rule {
        None => None,
        Some(LabelRule::Constant(label)) => Some(*label),
        Some(LabelRule::Field { field: name, positive, negative }) => {
            let value = field(name)?;
            positive.contains(&value).then_some(1).or_else(|| negative.contains(&value).then_some(0))
        }
    };
    let Some(text) = field(&source.text) else {
        bail!("{}, row {index}: no field {}", source.name, source.text);
    };
    Ok(Row {
        id: format!("{}-{index:06}", source.name),
        set: None,
        text,
        surface: source.surface,
        labels: PerCategory::from_fn(|category| label(source.labels.get(category))),
        spans: Vec::new(),
        group: source.group.as_deref().and_then(field).map(|group| format!("{}: {group}", source.name)),
        source: Some(source.repository.clone()),
        license: Some(source.license.clone()),
        lang: source.lang.as_deref().and_then(field),
        attack: None,
        meta: serde_json::Value::Null,
    })
}

/// A config's path: below the home folder if it begins with `~/`.
fn expand(path: &Path) -> Result<PathBuf> {
    match path.strip_prefix("~") {
        Ok(rest) => Ok(std::env::home_dir().context("no home folder is known")?.join(rest)),
        Err(_) => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use portcullis::threat::Source as Surface;

    use super::*;

    fn hub() -> Hub {
        toml::from_str(
            r#"
            name = "asked"
            repository = "somebody/asked"
            revision = "0123456789012345678901234567890123456789"
            file = "train.jsonl"
            license = "MIT"
            max_items = 9
            surface = "prompt"
            text = "question"
            group = "thread"
            labels = { injection = { field = "label", positive = ["1"], negative = ["0"] }, exfiltration = 0 }
            "#,
        )
        .unwrap()
    }

    #[test]
    fn rows_of_another_format_are_mapped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        let lines = [r#"{"question": "Why?", "label": 1, "thread": "t9"}"#, r#"{"question": "How?", "label": "2"}"#];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let rows = map_rows(&path, &hub()).unwrap();
        let labels = |injection| PerCategory { injection, jailbreak: None, exfiltration: Some(0) };
        assert_eq!(
            (rows[0].text.as_str(), rows[0].surface, rows[0].labels),
            ("Why?", Surface::UserPrompt, labels(Some(1)))
        );
        assert_eq!(rows[0].group.as_deref(), Some("asked: t9"));
        assert_eq!((rows[1].id.as_str(), rows[1].labels, &rows[1].group), ("asked-000001", labels(None), &None));
    }

    #[test]
    fn rows_without_the_text_and_other_formats_are_refused() {
        assert!(map_row(&serde_json::json!({ "answer": "no" }), 3, &hub()).is_err());
        assert!(map_rows(Path::new("train.parquet"), &hub()).unwrap_err().to_string().contains(".jsonl"));
    }
}
