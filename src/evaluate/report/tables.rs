//! The report's tables, for the terminal as Markdown and for the page as HTML.

use crate::threat::Category;

use super::compare::{Comparison, Truth};
use super::html::escaped;
use super::slices::{Dimension, MeasureRow, Negatives, VerdictRow};
use super::{Evaluation, Report};
use crate::evaluate::bootstrap::Estimate;
use crate::evaluate::gate::Worse;
use crate::evaluate::score::Latency;

/// A table of text cells.
pub struct Table {
    pub title: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|{}\n", "---|".repeat(self.head.len()));
        let rows = self.rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
        format!("{}\n\n{}{rule}{}\n", self.title, line(self.head.clone()), rows.collect::<String>())
    }

    pub fn html(&self) -> String {
        let line = |tag: &str, cells: Vec<&str>| {
            let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let rows = self.rows.iter().map(|row| line("td", row.iter().map(String::as_str).collect()));
        format!(
            "<h3>{}</h3>\n<div class=\"wide\"><table>\n{}{}</table></div>\n",
            escaped(&self.title),
            line("th", self.head.clone()),
            rows.collect::<String>()
        )
    }
}

impl Report {
    /// The main tables: categories by source, verdicts by set and attack.
    pub fn markdown(&self) -> String {
        let head = format!("{} on {} texts (sha256:{})\n\n", self.model, self.n_texts, self.digest);
        let tables = [
            self.category_table("Categories", &[Dimension::All, Dimension::Source]),
            self.verdict_table("Verdicts", &[Dimension::All, Dimension::Set, Dimension::Attack]),
        ];
        let pairs = self.same_words_two_sources.map(|_| self.pair_table());
        head + &tables.into_iter().chain(pairs).map(|table| table.markdown()).collect::<String>()
    }

    /// Categories on the slices of some dimensions.
    pub fn category_table(&self, title: &str, dimensions: &[Dimension]) -> Table {
        let rows = self.categories.iter().filter(|row| dimensions.contains(&row.dimension));
        Table {
            title: title.to_owned(),
            head: vec![
                "category",
                "by",
                "value",
                "positive",
                "negative",
                "AUC",
                "recall at 0.1 % FPR",
                "recall at 1 % FPR",
                "recall at block",
                "FPR at block",
                "ECE",
                "Brier",
            ],
            rows: rows.map(category_row).collect(),
        }
    }

    /// Verdicts on the slices of some dimensions.
    pub fn verdict_table(&self, title: &str, dimensions: &[Dimension]) -> Table {
        let rows = self.verdicts.iter().filter(|row| dimensions.contains(&row.dimension));
        Table {
            title: title.to_owned(),
            head: vec![
                "by",
                "value",
                "attacks",
                "blocked",
                "blocked or reviewed",
                "harmless",
                "not blocked",
                "allowed",
                "located",
                "span F1",
            ],
            rows: rows.map(verdict_row).collect(),
        }
    }

    /// How often the same words from two sources are told apart.
    pub fn pair_table(&self) -> Table {
        let row = |pairs: &super::pairs::Accuracy| {
            let shares = [pairs.both_right, pairs.harmless_right, pairs.attack_right].map(|share| percent(Some(share)));
            std::iter::once(pairs.n_groups.to_string()).chain(shares).collect()
        };
        Table {
            title: "The same words from two sources".to_owned(),
            head: vec!["groups", "both right", "harmless not blocked", "attack blocked"],
            rows: self.same_words_two_sources.iter().map(row).collect(),
        }
    }
}

fn category_row(row: &MeasureRow) -> Vec<String> {
    // A recall against the channel's negatives is marked: it cannot be compared with one against the slice's own.
    let mark = if row.negatives == Negatives::Channel { " *" } else { "" };
    let recall =
        |value: &Option<Estimate>| value.map_or_else(|| "-".to_owned(), |value| format!("{}{mark}", interval(value)));
    vec![
        row.category.name().to_owned(),
        row.dimension.name().to_owned(),
        row.value.clone(),
        row.n_positive.to_string(),
        row.n_negative.to_string(),
        number(row.auc),
        recall(&row.recall_at_fpr_01),
        recall(&row.recall_at_fpr_1),
        percent(row.recall_at_block),
        percent(row.fpr_at_block),
        number(row.ece),
        number(row.brier),
    ]
}

fn verdict_row(row: &VerdictRow) -> Vec<String> {
    vec![
        row.dimension.name().to_owned(),
        row.value.clone(),
        row.n_attacks.to_string(),
        percent(row.attacks_blocked),
        percent(row.attacks_not_allowed),
        row.n_harmless.to_string(),
        percent(row.harmless_not_blocked),
        percent(row.harmless_allowed),
        row.n_located.to_string(),
        number(row.span_f1),
    ]
}

impl Evaluation {
    /// The main tables, and the other model's beside them.
    pub fn markdown(&self) -> String {
        let flips = self.comparison.as_ref().map(|comparison| comparison.flip_table().markdown()).unwrap_or_default();
        self.report.markdown() + &self.comparison_markdown() + &flips
    }

    /// What differs from the other model, but for the single texts; nothing if there is no other.
    pub fn comparison_markdown(&self) -> String {
        let tables = |of: &Comparison| [of.worse_table(), of.latency_table(&self.report.model)];
        let tables = self.side_by_side().into_iter().chain(self.comparison.iter().flat_map(tables));
        tables.map(|table| table.markdown()).collect()
    }

    /// Both models' numbers side by side; none if there is no other model.
    pub fn side_by_side(&self) -> Option<Table> {
        let baseline = &self.comparison.as_ref()?.baseline;
        let both = |new: Option<f64>, old: Option<f64>, show: fn(Option<f64>) -> String| {
            format!("{} → {}", show(old), show(new))
        };
        let rows = self.report.categories.iter().zip(&baseline.categories);
        let rows = rows.filter(|(row, _)| [Dimension::All, Dimension::Source, Dimension::Set].contains(&row.dimension));
        let value = |estimate: &Option<Estimate>| estimate.map(|estimate| estimate.value);
        Some(Table {
            title: format!("{} → {}", baseline.model, self.report.model),
            head: vec!["category", "by", "value", "AUC", "recall at 0.1 % FPR", "recall at 1 % FPR", "ECE", "Brier"],
            rows: rows
                .map(|(new, old)| {
                    vec![
                        new.category.name().to_owned(),
                        new.dimension.name().to_owned(),
                        new.value.clone(),
                        both(new.auc, old.auc, number),
                        both(value(&new.recall_at_fpr_01), value(&old.recall_at_fpr_01), percent),
                        both(value(&new.recall_at_fpr_1), value(&old.recall_at_fpr_1), percent),
                        both(new.ece, old.ece, number),
                        both(new.brier, old.brier, number),
                    ]
                })
                .collect(),
        })
    }
}

impl Comparison {
    /// Where the model is worse than may be.
    pub fn worse_table(&self) -> Table {
        let row = |worse: &Worse| {
            let numbers = [worse.baseline, worse.model, worse.bound].map(|value| number(Some(value)));
            std::iter::once(worse.what.clone()).chain(numbers).collect()
        };
        Table {
            title: match self.worse.len() {
                0 => "Not worse beyond the bounds".to_owned(),
                n_worse => format!("Worse beyond the bounds in {n_worse} ways"),
            },
            head: vec!["what", "before", "now", "bound"],
            rows: self.worse.iter().map(row).collect(),
        }
    }

    /// How long both models take.
    pub fn latency_table(&self, model: &str) -> Table {
        let row = |(name, latency): (&str, Latency)| {
            let times = [latency.median_ms, latency.p95_ms].map(|ms| format!("{ms:.2} ms"));
            [name.to_owned(), latency.n_texts.to_string()].into_iter().chain(times).collect()
        };
        Table {
            title: "A text alone".to_owned(),
            head: vec!["model", "texts", "median", "p95"],
            rows: [(self.baseline.model.as_str(), self.baseline_latency), (model, self.latency)].map(row).into(),
        }
    }

    /// The texts whose verdict flipped, by id.
    pub fn flip_table(&self) -> Table {
        let better = self.flips.iter().filter(|flip| flip.is_better() == Some(true)).count();
        let worse = self.flips.iter().filter(|flip| flip.is_better() == Some(false)).count();
        Table {
            title: format!("{} verdicts flipped: {better} for the better, {worse} for the worse", self.flips.len()),
            head: vec!["id", "set", "truth", "before", "after"],
            rows: self
                .flips
                .iter()
                .map(|flip| {
                    let truth = match flip.truth {
                        Truth::Attack => "attack",
                        Truth::Harmless => "harmless",
                        Truth::Unknown => "unknown",
                    };
                    [&flip.id, &flip.set, truth, flip.before.name(), flip.after.name()].map(str::to_owned).to_vec()
                })
                .collect(),
        }
    }
}

impl Dimension {
    /// A table's title.
    pub fn title(self) -> String {
        match self {
            Self::All => "All texts".to_owned(),
            other => format!("By {}", other.name()),
        }
    }
}

/// Titles in the order of the page.
pub fn category_title(category: Category) -> String {
    let name = category.name();
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", 100.0 * value))
}

fn interval(estimate: Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    format!("{:.1} % ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}
