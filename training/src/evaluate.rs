//! `evaluate`: measures a model on labelled texts, through the real pipeline.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use portcullis::artifact::{ArtifactFiles, Model};
use portcullis::pipeline::{Analysis, CategoryScore};
use portcullis::threat::{Category, Source, Verdict};
use serde::Serialize;

use crate::data::{Example, read, read_folder};
use crate::metrics::Scored;
use crate::score::score;

/// The false-positive rate of the table's recall column.
const TABLE_FPR: f64 = 0.01;

/// Measure a model on labelled texts: AUC, recall at 1 % false positives, calibration; by category, source and file.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of labelled .jsonl[.gz] files, or one such file
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Folder of the model; the embedded one if left out
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// File for the report as JSON, beside the tables on standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    model: String,
    digest: String,
    n_texts: usize,
    categories: Vec<CategoryRow>,
    files: Vec<FileRow>,
}

/// One category on one kind of text.
#[derive(Serialize)]
struct CategoryRow {
    category: &'static str,
    source: &'static str,
    n_positive: usize,
    n_negative: usize,
    auc: Option<f64>,
    recall_at_1_percent_fpr: Option<f64>,
    recall_at_block: Option<f64>,
    false_positive_rate_at_block: Option<f64>,
    ece: Option<f64>,
    brier: Option<f64>,
}

/// Verdicts on one file's texts.
#[derive(Serialize)]
struct FileRow {
    file: String,
    n_attacks: usize,
    attacks_blocked: Option<f64>,
    attacks_not_allowed: Option<f64>,
    n_harmless: usize,
    harmless_blocked: Option<f64>,
    harmless_not_allowed: Option<f64>,
}

/// Runs `evaluate`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let files = match &arguments.model {
        Some(folder) => ArtifactFiles::Folder(folder.clone()),
        None => ArtifactFiles::embedded().context("this build holds no model; name one with --model DIR")?,
    };
    let model = Model::load(&files).with_context(|| format!("the model in {files} is refused"))?;
    let examples = if arguments.data.is_dir() { read_folder(&arguments.data)? } else { read(&arguments.data)? };
    let (name, digest) = (format!("{} {}", model.id.name, model.id.version), model.id.digest.clone());
    let analyses = score(model, &examples)?;
    let report = Report {
        model: name,
        digest,
        n_texts: examples.len(),
        categories: categories(&examples, &analyses),
        files: by_file(&examples, &analyses),
    };
    if let Some(path) = &arguments.output {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    crate::print(&report.tables()?)
}

/// A row a category for all texts, and one for each source that there is.
fn categories(examples: &[Example], analyses: &[Analysis]) -> Vec<CategoryRow> {
    let sources = Source::ALL.into_iter().filter(|source| examples.iter().any(|example| example.source == *source));
    let kinds: Vec<Option<Source>> = std::iter::once(None).chain(sources.map(Some)).collect();
    let row = |category: Category, source: Option<Source>| {
        let known: Vec<(CategoryScore, bool)> = examples
            .iter()
            .zip(analyses)
            .filter(|(example, _)| source.is_none_or(|source| example.source == source))
            .filter_map(|(example, analysis)| Some((*analysis.scores.get(category), (*example.labels.get(category))?)))
            .collect();
        let scored = Scored::new(known.iter().map(|(score, label)| (score.probability, *label)));
        let blocked = Scored::new(
            known
                .iter()
                .map(|(score, label)| (f64::from(u8::from(score.probability >= score.thresholds.block)), *label)),
        );
        CategoryRow {
            category: category.name(),
            source: source.map_or("all", Source::name),
            n_positive: scored.n_positive(),
            n_negative: scored.n_negative(),
            auc: scored.auc(),
            recall_at_1_percent_fpr: scored.recall_at_fpr(TABLE_FPR),
            recall_at_block: blocked.recall(1.0),
            false_positive_rate_at_block: blocked.false_positive_rate(1.0),
            ece: scored.ece(),
            brier: scored.brier(),
        }
    };
    Category::ALL
        .into_iter()
        .flat_map(|category| kinds.iter().map(move |source| (category, *source)))
        .map(|(c, s)| row(c, s))
        .collect()
}

fn by_file(examples: &[Example], analyses: &[Analysis]) -> Vec<FileRow> {
    let mut files: BTreeMap<&str, Vec<(&Example, Verdict)>> = BTreeMap::new();
    for (example, analysis) in examples.iter().zip(analyses) {
        files.entry(&example.file).or_default().push((example, analysis.verdict));
    }
    let mut rows: Vec<FileRow> = files.iter().map(|(file, texts)| file_row(file, texts)).collect();
    let everything: Vec<_> = files.into_values().flatten().collect();
    rows.push(file_row("all", &everything));
    rows
}

fn file_row(file: &str, texts: &[(&Example, Verdict)]) -> FileRow {
    let share = |is_counted: fn(&Example) -> bool, at_least: Verdict| {
        let verdicts: Vec<Verdict> =
            texts.iter().filter(|(example, _)| is_counted(example)).map(|(_, verdict)| *verdict).collect();
        let n_hits = verdicts.iter().filter(|verdict| **verdict >= at_least).count();
        (verdicts.len(), (!verdicts.is_empty()).then(|| n_hits as f64 / verdicts.len() as f64))
    };
    let (n_attacks, attacks_blocked) = share(Example::is_attack, Verdict::Block);
    let (n_harmless, harmless_blocked) = share(Example::is_harmless, Verdict::Block);
    FileRow {
        file: file.to_owned(),
        n_attacks,
        attacks_blocked,
        attacks_not_allowed: share(Example::is_attack, Verdict::Review).1,
        n_harmless,
        harmless_blocked,
        harmless_not_allowed: share(Example::is_harmless, Verdict::Review).1,
    }
}

impl Report {
    /// Markdown.
    fn tables(&self) -> Result<String> {
        let mut out = format!("{} on {} texts (sha256:{})\n\n", self.model, self.n_texts, self.digest);
        out += "| category | source | positive | negative | AUC | recall at 1 % FPR | recall at block | FPR at block | ECE | Brier |\n";
        out += "|---|---|---|---|---|---|---|---|---|---|\n";
        for row in &self.categories {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                row.category,
                row.source,
                row.n_positive,
                row.n_negative,
                number(row.auc),
                percent(row.recall_at_1_percent_fpr),
                percent(row.recall_at_block),
                percent(row.false_positive_rate_at_block),
                number(row.ece),
                number(row.brier),
            )?;
        }
        out += "\n| file | attacks | blocked | blocked or reviewed | harmless | blocked | blocked or reviewed |\n";
        out += "|---|---|---|---|---|---|---|\n";
        for row in &self.files {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.file,
                row.n_attacks,
                percent(row.attacks_blocked),
                percent(row.attacks_not_allowed),
                row.n_harmless,
                percent(row.harmless_blocked),
                percent(row.harmless_not_allowed),
            )?;
        }
        Ok(out)
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", 100.0 * value))
}
