//! `prepare`: makes the data of a run from its sources: reads, cleans, removes duplicates, splits by group, and writes a card
//! that accounts for every text. The same sources, config and seed give the same bytes. No text is changed: it is taken as it
//! is or rejected, and counted either way.

mod card;
mod config;
mod duplicates;
mod minhash;
mod sources;
mod split;

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::data::{CALIBRATION_FILE, FIT_FILE, Row, RowWriter, folder_digest, read_rows};
use card::Card;
use config::{Config, Limits};

/// Read, clean, de-duplicate and split the sources of a run.
#[derive(clap::Args)]
pub struct Arguments {
    /// Sources and limits.
    #[arg(long, value_name = "FILE", default_value = "training/configs/data.toml")]
    config: PathBuf,
    /// Folder that the config's JSON Lines sources are relative to.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of texts kept for evaluation: what is nearly one of them is rejected.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Folder for the prepared data and its card.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// A text on its way, and why it went no further.
#[derive(Clone, Debug)]
struct Candidate {
    row: Row,
    rejected: Option<Reason>,
}

impl Candidate {
    /// What a model must find in the text: the marked spans, or the whole of it where there are none.
    fn core(&self) -> Cow<'_, str> {
        core(&self.row)
    }

    /// True if an attack is marked as a part of the text.
    fn carries_attack(&self) -> bool {
        *self.core() != self.row.text
    }
}

fn core(row: &Row) -> Cow<'_, str> {
    let spans: Vec<&str> = row.byte_spans().into_iter().flatten().filter_map(|span| row.text.get(span)).collect();
    if spans.is_empty() { Cow::Borrowed(&row.text) } else { Cow::Owned(spans.join(" ")) }
}

/// Why a text was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// Its attack came from an excluded source.
    ExcludedAttack,
    /// Its file holds more than the config takes of it.
    OverCap,
    TooShort,
    TooLong,
    /// A span does not lie in the text.
    BadSpan,
    /// It is, or nearly is, a text kept for evaluation, or carries its attack.
    NearHeldOut,
    ExactDuplicate,
    NearDuplicate,
    /// A text that is nearly the same has other labels; both are rejected.
    ConflictingLabels,
}

/// Which part of the run a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Fit,
    Calibration,
}

/// Runs `prepare`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let config = Config::read(&arguments.config)?;
    let (mut candidates, inputs) = sources::read(&config, &arguments.data)?;
    for candidate in candidates.iter_mut().filter(|candidate| candidate.rejected.is_none()) {
        candidate.rejected = unusable(&candidate.row, &config.limits);
    }
    let held_out = arguments.against.as_deref().map(read_rows).transpose()?.unwrap_or_default();
    let links = duplicates::reject(&mut candidates, &held_out, config.near_duplicate_jaccard, config.seed);
    let sides = split::sides(&candidates, &links, config.calibration_share, config.seed);

    std::fs::create_dir_all(&arguments.output)
        .with_context(|| format!("making the folder {}", arguments.output.display()))?;
    for (file, side) in [(FIT_FILE, Side::Fit), (CALIBRATION_FILE, Side::Calibration)] {
        let mut rows = candidates.iter().zip(&sides).filter(|(_, own)| **own == Some(side)).map(|(c, _)| &c.row);
        let mut writer = RowWriter::create(&arguments.output.join(file))?;
        rows.try_for_each(|row| writer.write(row))?;
        writer.finish()?;
    }
    let mut card = Card::new(&config, inputs, &candidates, &sides);
    card.against_sha256 = arguments.against.as_deref().map(folder_digest).transpose()?;
    card.prepared_sha256 = folder_digest(&arguments.output)?;
    std::fs::write(arguments.output.join("data_card.json"), serde_json::to_vec_pretty(&card)?)?;
    std::fs::write(arguments.output.join("data_card.md"), card.markdown()?)?;
    crate::print(&card.summary())
}

/// Why a text is of no use by itself, if it is not.
fn unusable(row: &Row, limits: &Limits) -> Option<Reason> {
    let chars = row.text.trim().chars().count();
    if chars < limits.min_chars.max(1) {
        Some(Reason::TooShort)
    } else if row.text.chars().count() > limits.max_chars {
        Some(Reason::TooLong)
    } else if row.byte_spans().contains(&None) {
        Some(Reason::BadSpan)
    } else {
        None
    }
}

fn progress_bar(len: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(len as u64).with_style(style).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A harmless tool output, to change in tests.
    pub(super) fn candidate(id: &str, text: &str) -> Candidate {
        let row = serde_json::json!({
            "id": id,
            "text": text,
            "surface": "tool_output",
            "labels": { "injection": 0, "jailbreak": 0, "exfiltration": 0 },
        });
        Candidate { row: serde_json::from_value(row).unwrap(), rejected: None }
    }

    #[test]
    fn unusable_texts_are_told_apart() {
        let limits = Limits { min_chars: 3, max_chars: 10 };
        let check = |text: &str, spans: &[(usize, usize)], expected: Option<Reason>| {
            let mut row = candidate("a", text).row;
            row.spans = spans.to_vec();
            assert_eq!(unusable(&row, &limits), expected, "{text:?} {spans:?}");
        };
        check(" \n\t ", &[], Some(Reason::TooShort));
        check(" ab ", &[], Some(Reason::TooShort));
        check("abc", &[], None);
        check("ääääääääää", &[(0, 10)], None);
        check("ääääääääääa", &[], Some(Reason::TooLong));
        check("äbc", &[(1, 4)], Some(Reason::BadSpan));
        check("äbc", &[(2, 2)], Some(Reason::BadSpan));
    }
}
