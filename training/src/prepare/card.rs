//! The data card: what went in, what came out and what was rejected, set by set. Counts and hashes only, no text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use portcullis::threat::{Category, PerCategory};
use serde::Serialize;

use super::config::Config;
use super::sources::Input;
use super::{Candidate, Reason, Side};
use crate::data::Row;

/// The account of a prepared folder.
#[derive(Debug, Serialize)]
pub struct Card {
    pub config_sha256: String,
    pub seed: u64,
    /// As training records it: over the prepared files' names and contents.
    pub prepared_sha256: String,
    /// Over the folder of what was kept away, if there was one.
    pub against_sha256: Option<String>,
    total: Counts,
    sets: Vec<SetCard>,
}

#[derive(Debug, Serialize)]
struct SetCard {
    #[serde(flatten)]
    input: Input,
    #[serde(flatten)]
    counts: Counts,
}

/// Texts by what became of them; labels, sources and languages of those that were kept.
#[derive(Debug, Default, Serialize)]
struct Counts {
    read: usize,
    rejected: BTreeMap<Reason, usize>,
    fit: usize,
    calibration: usize,
    labels: PerCategory<LabelCounts>,
    surfaces: BTreeMap<&'static str, usize>,
    languages: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct LabelCounts {
    positive: usize,
    negative: usize,
    unknown: usize,
}

impl Counts {
    fn add(&mut self, candidate: &Candidate, side: Option<Side>) {
        self.read += 1;
        if let Some(reason) = candidate.rejected {
            *self.rejected.entry(reason).or_default() += 1;
        }
        match side {
            Some(Side::Fit) => self.fit += 1,
            Some(Side::Calibration) => self.calibration += 1,
            None => return,
        }
        self.add_kept(&candidate.row);
    }

    fn add_kept(&mut self, row: &Row) {
        for category in Category::ALL {
            let labels = self.labels.get_mut(category);
            *match row.labels.get(category) {
                Some(0) => &mut labels.negative,
                Some(_) => &mut labels.positive,
                None => &mut labels.unknown,
            } += 1;
        }
        *self.surfaces.entry(row.surface.name()).or_default() += 1;
        *self.languages.entry(row.lang.clone().unwrap_or_else(|| "unknown".to_owned())).or_default() += 1;
    }

    fn n_rejected(&self) -> usize {
        self.rejected.values().sum()
    }
}

impl Card {
    /// Counts the candidates. The digests of the folders are filled in once they are known.
    pub fn new(config: &Config, inputs: Vec<Input>, candidates: &[Candidate], sides: &[Option<Side>]) -> Self {
        let mut total = Counts::default();
        let mut by_set: BTreeMap<&str, Counts> = BTreeMap::new();
        for (candidate, side) in candidates.iter().zip(sides) {
            total.add(candidate, *side);
            by_set.entry(candidate.row.set.as_deref().unwrap_or_default()).or_default().add(candidate, *side);
        }
        let sets = inputs.into_iter().map(|input| {
            let counts = by_set.remove(input.set.as_str()).unwrap_or_default();
            SetCard { input, counts }
        });
        let sets = sets.collect();
        Self {
            config_sha256: config.sha256.clone(),
            seed: config.seed,
            prepared_sha256: String::new(),
            against_sha256: None,
            total,
            sets,
        }
    }

    /// A few lines for the terminal.
    pub fn summary(&self) -> String {
        let mut out = format!(
            "{} texts read, {} to fit, {} to calibrate, {} rejected",
            self.total.read,
            self.total.fit,
            self.total.calibration,
            self.total.n_rejected()
        );
        for (reason, count) in &self.total.rejected {
            out += &format!("\n  {}: {count}", name(*reason));
        }
        out
    }

    /// The card as Markdown.
    pub fn markdown(&self) -> Result<String> {
        let mut out = String::from("# Data card\n\n");
        writeln!(out, "{}\n", self.summary())?;
        writeln!(out, "- seed {}, config sha256:{}", self.seed, self.config_sha256)?;
        writeln!(out, "- prepared data sha256:{}", self.prepared_sha256)?;
        if let Some(against) = &self.against_sha256 {
            writeln!(out, "- kept away from data sha256:{against}")?;
        }
        out += "\nLabels are positive / negative / unknown, of the texts that were kept.\n\n";
        out += "| set | read | fit | calibration | rejected | injection | jailbreak | exfiltration | surfaces | languages |\n";
        out += "|---|---|---|---|---|---|---|---|---|---|\n";
        for set in &self.sets {
            counts_row(&mut out, &set.input.set, &set.counts)?;
        }
        counts_row(&mut out, "all", &self.total)?;
        out += "\n| set | license | origin | sha256 |\n|---|---|---|---|\n";
        for SetCard { input, .. } in &self.sets {
            writeln!(out, "| {} | {} | {} | {} |", input.set, input.license, input.origin, input.sha256)?;
        }
        Ok(out)
    }
}

fn counts_row(out: &mut String, set: &str, counts: &Counts) -> Result<()> {
    let labels = |category| {
        let LabelCounts { positive, negative, unknown } = counts.labels.get(category);
        format!("{positive} / {negative} / {unknown}")
    };
    let rejected = counts.rejected.iter().map(|(reason, count)| (name(*reason), *count));
    writeln!(
        out,
        "| {set} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        counts.read,
        counts.fit,
        counts.calibration,
        listed(rejected),
        labels(Category::Injection),
        labels(Category::Jailbreak),
        labels(Category::Exfiltration),
        listed(counts.surfaces.iter().map(|(surface, count)| ((*surface).to_owned(), *count))),
        listed(counts.languages.iter().map(|(language, count)| (language.clone(), *count))),
    )?;
    Ok(())
}

/// Counts in words, the largest first.
fn listed(counts: impl Iterator<Item = (String, usize)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

fn name(reason: Reason) -> String {
    match reason {
        Reason::ExcludedAttack => "excluded attack",
        Reason::OverCap => "over the cap",
        Reason::TooShort => "too short",
        Reason::TooLong => "too long",
        Reason::BadSpan => "bad span",
        Reason::NearHeldOut => "near what is held out",
        Reason::ExactDuplicate => "exact duplicate",
        Reason::NearDuplicate => "near duplicate",
        Reason::ConflictingLabels => "conflicting labels",
    }
    .to_owned()
}
