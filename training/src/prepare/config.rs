//! The data config: one TOML file that names every source of a run, unknown keys refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use portcullis::artifact::hex_digest;
use portcullis::threat::{PerCategory, Source as Surface};
use serde::Deserialize;

/// What a run's data is made of. `training/configs/data.toml` explains each field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub seed: u64,
    pub calibration_share: f64,
    pub near_duplicate_jaccard: f64,
    pub limits: Limits,
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
    /// Of the file itself, in hexadecimal.
    #[serde(skip)]
    pub sha256: String,
    /// Where the file lies.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Lengths in Unicode characters; what lies outside is rejected, never cut.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub min_chars: usize,
    pub max_chars: usize,
}

/// Where texts come from.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    Jsonl(Jsonl),
    Hub(Box<Hub>),
    Folder(Folder),
    Generated(Generated),
}

/// Labelled files of this project's own format.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jsonl {
    /// A folder or one file.
    pub path: PathBuf,
    /// What the path is relative to.
    #[serde(default)]
    pub relative_to: RelativeTo,
    /// File stems to read; all if empty.
    #[serde(default)]
    pub include: Vec<String>,
    /// File stems to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Values of `meta.attack` whose rows are left out.
    #[serde(default)]
    pub exclude_attacks: Vec<String>,
    /// A file with more rows is subsampled.
    pub max_items: usize,
    /// Other limits by file stem.
    #[serde(default)]
    pub max_items_of: BTreeMap<String, usize>,
}

/// What a path is relative to.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelativeTo {
    /// The folder that `--data` names.
    #[default]
    Data,
    /// The folder of the config itself.
    Config,
}

/// One JSON Lines file of a data set on the hub.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    pub name: String,
    pub repository: String,
    /// A commit, so that the content is pinned.
    pub revision: String,
    pub file: String,
    pub license: String,
    pub max_items: usize,
    pub surface: Surface,
    /// The field that holds the text.
    pub text: String,
    /// The field that holds the language's code.
    pub lang: Option<String>,
    /// The field of what must stay on one side of the split.
    pub group: Option<String>,
    /// How each label is found; unknown where no rule is given.
    pub labels: PerCategory<Option<LabelRule>>,
}

/// How a label is found in a row of somebody else's format.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum LabelRule {
    /// The same for every row: 1 or 0.
    Constant(u8),
    /// By the value of a field, as text; unknown for any other value.
    Field { field: String, positive: Vec<String>, negative: Vec<String> },
}

/// A folder of plain files, cut into harmless texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    pub name: String,
    /// Absolute, or below the home folder if it begins with `~/`.
    pub path: PathBuf,
    pub license: String,
    pub surface: Surface,
    /// Endings of file names to read, without the dot.
    pub extensions: Vec<String>,
    /// Lengths of a chunk, in characters.
    pub min_chunk_chars: usize,
    pub max_chunk_chars: usize,
    pub max_chunks_per_file: usize,
    pub max_items: usize,
    /// If set, a machine without the folder prepares the rest.
    #[serde(default)]
    pub optional: bool,
}

/// Texts that code makes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// Names of families; all if empty.
    #[serde(default)]
    pub families: Vec<String>,
    /// Texts of each family.
    pub count: usize,
    /// Other counts by family.
    #[serde(default)]
    pub count_of: BTreeMap<String, usize>,
}

impl Config {
    /// Reads and checks a config.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading the config {}", path.display()))?;
        let config = Self::parse(&text).with_context(|| format!("in the config {}", path.display()))?;
        Ok(Self { folder: path.parent().map(Path::to_owned).unwrap_or_default(), ..config })
    }

    fn parse(text: &str) -> Result<Self> {
        let config = Self { sha256: hex_digest(text.as_bytes()), ..toml::from_str(text)? };
        ensure!((0.0..1.0).contains(&config.calibration_share), "calibration_share must be at least 0 and below 1");
        let jaccard = config.near_duplicate_jaccard;
        ensure!((0.5..=1.0).contains(&jaccard), "near_duplicate_jaccard must be between 0.5 and 1");
        for source in &config.sources {
            if let Source::Folder(folder) = source {
                ensure!(
                    0 < folder.min_chunk_chars && folder.min_chunk_chars <= folder.max_chunk_chars,
                    "{}: min_chunk_chars must be above 0 and not above max_chunk_chars",
                    folder.name
                );
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositorys_own_configs_are_accepted() {
        for text in [include_str!("../../configs/data.toml"), include_str!("../../configs/update_data.toml")] {
            assert!(!Config::parse(text).unwrap().sources.is_empty());
        }
    }

    #[test]
    fn unknown_keys_and_impossible_limits_are_refused() {
        let head = "seed = 1\ncalibration_share = 0.1\nnear_duplicate_jaccard = 0.85\nlimits = { min_chars = 1, max_chars = 9 }\n";
        let check = |rest: &str, is_accepted: bool| {
            assert_eq!(Config::parse(&format!("{head}{rest}")).is_ok(), is_accepted, "{rest}");
        };
        let jsonl = "[[source]]\nkind = \"jsonl\"\npath = \".\"\nmax_items = 3\n";
        check(jsonl, true);
        check(&format!("{jsonl}colour = 3\n"), false);
        check("[[source]]\nkind = \"rumour\"\n", false);
        let folder = "[[source]]\nkind = \"folder\"\nname = \"x\"\npath = \"~/x\"\nlicense = \"MIT\"\nsurface = \"document\"\n\
            extensions = [\"md\"]\nmax_chunks_per_file = 1\nmax_items = 1\nmin_chunk_chars = 9\n";
        check(&format!("{folder}max_chunk_chars = 9\n"), true);
        check(&format!("{folder}max_chunk_chars = 8\n"), false);
    }
}
