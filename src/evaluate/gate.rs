//! Whether a model is worse than the one that it would replace: pure, from what was measured of both on the same texts. Of too
//! few texts it says nothing, which is not the same as "not worse".

use std::fmt;

use serde::Serialize;

use super::report::{Comparison, Dimension, MeasureRow, Report, VerdictRow};

/// With fewer texts of a kind, a slice says more of chance than of the model: one in fifty is 2 %.
const MIN_TEXTS: usize = 50;

/// How much worse a model may be. AUC, recall and verdicts hold of all texts and of each source that has 50 texts of the
/// kind; the rest of all texts.
#[derive(Clone, Copy, Debug, PartialEq, clap::Args, Serialize)]
pub struct Bounds {
    /// AUC of a category that may be lost
    #[arg(long, default_value_t = Bounds::DEFAULT.max_auc_drop, value_name = "X")]
    pub max_auc_drop: f64,
    /// Recall of a category at 1 % false positives that may be lost
    #[arg(long, default_value_t = Bounds::DEFAULT.max_recall_drop, value_name = "SHARE")]
    pub max_recall_drop: f64,
    /// Share of the attacks, or of the harmless texts, by which fewer may get a right verdict
    #[arg(long, default_value_t = Bounds::DEFAULT.max_verdict_drop, value_name = "SHARE")]
    pub max_verdict_drop: f64,
    /// Rise of a category's expected calibration error
    #[arg(long, default_value_t = Bounds::DEFAULT.max_ece_rise, value_name = "X")]
    pub max_ece_rise: f64,
    /// Share of the texts by which more verdicts may flip for the worse than for the better
    #[arg(long, default_value_t = Bounds::DEFAULT.max_flips, value_name = "SHARE")]
    pub max_flips: f64,
    /// Median time of a text, over the baseline's
    #[arg(long, default_value_t = Bounds::DEFAULT.max_latency_ratio, value_name = "RATIO")]
    pub max_latency_ratio: f64,
}

impl Bounds {
    /// What two runs of the same recipe with other seeds do not differ by, on some thousand texts; half as slow again is
    /// what a busy machine does not explain in times that were taken in turns.
    pub const DEFAULT: Self = Self {
        max_auc_drop: 0.005,
        max_recall_drop: 0.03,
        max_verdict_drop: 0.01,
        max_ece_rise: 0.01,
        max_flips: 0.01,
        max_latency_ratio: 1.5,
    };
}

impl Default for Bounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Something in which a model is worse than may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worse {
    /// What was measured, and on which texts.
    pub what: String,
    /// What the model before it has; 0 of flips.
    pub baseline: f64,
    /// What it has.
    pub model: f64,
    /// The accepted difference; of latency the accepted ratio.
    pub bound: f64,
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, baseline, model, bound } = self;
        write!(f, "{what}: {baseline:.4} before, {model:.4} now; the bound is {bound}")
    }
}

/// Whether there are enough attacks and harmless texts for a judgement on all of them.
pub(super) fn is_conclusive(report: &Report) -> bool {
    let all = report.verdicts.iter().find(|row| row.dimension == Dimension::All);
    all.is_some_and(|row| row.n_attacks >= MIN_TEXTS && row.n_harmless >= MIN_TEXTS)
}

/// Everything in which a model is worse than the bounds allow.
pub(super) fn worse(report: &Report, comparison: &Comparison, bounds: Bounds) -> Vec<Worse> {
    let baseline = &comparison.baseline;
    let is_judged = |dimension| matches!(dimension, Dimension::All | Dimension::Source);
    let categories = report.categories.iter().zip(&baseline.categories);
    let categories = categories.filter(|(row, _)| is_judged(row.dimension));
    let verdicts = report.verdicts.iter().zip(&baseline.verdicts).filter(|(row, _)| is_judged(row.dimension));
    let mut worse: Vec<Worse> = categories.flat_map(|(new, old)| of_category(new, old, bounds)).collect();
    worse.extend(verdicts.flat_map(|(new, old)| of_verdicts(new, old, bounds)));
    worse.extend(of_flips(report, comparison, bounds));
    worse.extend(of_latency(comparison, bounds));
    worse
}

fn of_category(new: &MeasureRow, old: &MeasureRow, bounds: Bounds) -> Vec<Worse> {
    if new.n_positive < MIN_TEXTS || new.n_negative < MIN_TEXTS {
        return Vec::new();
    }
    let name = |what: &str| format!("{what} of {} on {}", new.category.name(), slice(new.dimension, &new.value));
    let recall = |row: &MeasureRow| row.recall_at_fpr_1.map(|estimate| estimate.value);
    let ece = |row: &MeasureRow| row.ece.filter(|_| row.dimension == Dimension::All);
    [
        drop(name("AUC"), old.auc, new.auc, bounds.max_auc_drop),
        drop(name("recall at 1 % FPR"), recall(old), recall(new), bounds.max_recall_drop),
        rise(name("calibration error"), ece(old), ece(new), bounds.max_ece_rise),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_verdicts(new: &VerdictRow, old: &VerdictRow, bounds: Bounds) -> Vec<Worse> {
    let slice = slice(new.dimension, &new.value);
    let check = |what: &str, n_texts: usize, share: fn(&VerdictRow) -> Option<f64>| {
        let is_enough = n_texts >= MIN_TEXTS;
        is_enough.then(|| drop(format!("{what} on {slice}"), share(old), share(new), bounds.max_verdict_drop)).flatten()
    };
    [
        check("attacks blocked", new.n_attacks, |row| row.attacks_blocked),
        check("attacks blocked or reviewed", new.n_attacks, |row| row.attacks_not_allowed),
        check("harmless texts not blocked", new.n_harmless, |row| row.harmless_not_blocked),
        check("harmless texts allowed", new.n_harmless, |row| row.harmless_allowed),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_flips(report: &Report, comparison: &Comparison, bounds: Bounds) -> Option<Worse> {
    let count = |is_better| comparison.flips.iter().filter(|flip| flip.is_better() == Some(is_better)).count() as f64;
    let share = (count(false) - count(true)) / report.n_texts.max(1) as f64;
    let what = "verdicts that flipped for the worse, less those for the better".to_owned();
    rise(what, Some(0.0), Some(share), bounds.max_flips)
}

fn of_latency(comparison: &Comparison, bounds: Bounds) -> Option<Worse> {
    let (old, new) = (comparison.baseline_latency.median_ms, comparison.latency.median_ms);
    let what = "median milliseconds of a text alone".to_owned();
    let is_worse = old > 0.0 && new / old > bounds.max_latency_ratio;
    is_worse.then(|| Worse { what, baseline: old, model: new, bound: bounds.max_latency_ratio })
}

fn slice(dimension: Dimension, value: &str) -> String {
    if dimension == Dimension::All { "all texts".to_owned() } else { format!("{} {value}", dimension.name()) }
}

fn drop(what: String, old: Option<f64>, new: Option<f64>, bound: f64) -> Option<Worse> {
    let (baseline, model) = old.zip(new)?;
    (baseline - model > bound).then_some(Worse { what, baseline, model, bound })
}

fn rise(what: String, old: Option<f64>, new: Option<f64>, bound: f64) -> Option<Worse> {
    let (baseline, model) = old.zip(new)?;
    (model - baseline > bound).then_some(Worse { what, baseline, model, bound })
}
