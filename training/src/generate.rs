//! Labelled texts made by code, of the kinds that public sets lack: deterministic by seed, in words of our own.
//!
//! A [`Family`] makes one kind of text from templates and word lists. Templates are cut from the fits' point of view:
//! texts of one [`Sample::group`] share their wording, so that a split never puts a wording on both of its sides.

mod banks;
mod carriers;
mod direct;
mod disguise;
mod harmless;
mod indirect;
mod lists;
mod mentions;
mod outside;
#[cfg(test)]
mod promise;
mod prompts;
mod records;
mod template;
mod words;

use std::ops::Range;

use anyhow::{Context, Result};
use portcullis::threat::{PerCategory, Source};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::data::{Label, Row, hash};

/// Every family, by the modules that hold them.
const FAMILIES: [&[Family]; 6] = [
    indirect::FAMILIES,
    outside::FAMILIES,
    direct::FAMILIES,
    prompts::FAMILIES,
    harmless::FAMILIES,
    mentions::FAMILIES,
];

/// Every family.
pub fn families() -> impl Iterator<Item = &'static Family> {
    FAMILIES.into_iter().flatten()
}

/// Make labelled texts of one family, to look at.
#[derive(clap::Args)]
pub struct Arguments {
    /// Name of the family
    #[arg(required_unless_present = "list")]
    family: Option<String>,
    /// List the families
    #[arg(long)]
    list: bool,
    /// How many texts to make
    #[arg(long, default_value_t = 10)]
    count: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs `generate`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let Some(name) = &arguments.family else {
        return families().try_for_each(|family| crate::print(&format!("{}: {}", family.name, family.about)));
    };
    let family = families().find(|family| family.name == name);
    let family = family.with_context(|| format!("there is no family {name}; see --list"))?;
    family.rows(arguments.count, arguments.seed).try_for_each(|row| crate::print(&serde_json::to_string(&row)?))
}

/// One generated text with what is known of it.
#[derive(Clone, Debug)]
pub struct Sample {
    pub text: String,
    pub source: Source,
    pub labels: PerCategory<Label>,
    /// Byte ranges of `text` that carry the attack; empty in harmless texts, the whole text where all of it is the attack.
    pub spans: Vec<Range<usize>>,
    /// The wording that the label hangs on, such as an attack's goal and phrasing: what a split keeps together.
    pub group: String,
    /// ISO 639-1 code of the language that the label hangs on.
    pub lang: &'static str,
}

/// One kind of text.
pub struct Family {
    /// In file names and reports: lower-case letters, digits and `_`.
    pub name: &'static str,
    /// One line for `--help` and the data card.
    pub about: &'static str,
    /// Makes one text; everything about it comes from the generator's draws.
    pub sample: fn(&mut SmallRng) -> Sample,
}

impl Family {
    /// Rows of the data files, the same for the same seed; a larger count adds to them.
    pub fn rows(&self, count: usize, seed: u64) -> impl Iterator<Item = Row> {
        (0..count).map(move |index| {
            let sample = (self.sample)(&mut SmallRng::seed_from_u64(hash((seed, self.name, index))));
            sample.into_row(format!("{}-{index:06}", self.name), self.name)
        })
    }
}

impl Sample {
    fn into_row(self, id: String, family: &str) -> Row {
        let chars_before = |end: usize| self.text.char_indices().take_while(|(start, _)| *start < end).count();
        Row {
            id,
            set: Some(family.to_owned()),
            spans: self.spans.iter().map(|span| (chars_before(span.start), chars_before(span.end))).collect(),
            surface: self.source,
            labels: PerCategory::from_fn(|category| self.labels.get(category).map(u8::from)),
            group: Some(self.group),
            source: Some("generated".to_owned()),
            license: Some("Apache-2.0".to_owned()),
            lang: Some(self.lang.to_owned()),
            attack: None,
            meta: serde_json::Value::Null,
            text: self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_repeatable_and_count_spans_in_characters() {
        let family = Family {
            name: "toy",
            about: "A toy.",
            sample: |rng| Sample {
                text: format!("Zwölf Äpfel: {}", rand::Rng::random::<u32>(rng)),
                source: Source::ToolOutput,
                labels: PerCategory { injection: Some(true), jailbreak: Some(false), exfiltration: None },
                spans: vec![0..6, 7..13],
                group: "apples".to_owned(),
                lang: "de",
            },
        };
        let rows: Vec<Row> = family.rows(3, 1).collect();
        assert_eq!(rows[0].spans, [(0, 5), (6, 11)]);
        assert_eq!(rows[0].byte_spans(), [Some(0..6), Some(7..13)]);
        assert_eq!(rows[0].labels, PerCategory { injection: Some(1), jailbreak: Some(0), exfiltration: None });
        let texts = |rows: Vec<Row>| rows.into_iter().map(|row| row.text).collect::<Vec<_>>();
        assert_eq!(texts(family.rows(2, 1).collect()), texts(rows)[..2]);
        assert_ne!(texts(family.rows(2, 1).collect()), texts(family.rows(2, 2).collect()));
    }
}
