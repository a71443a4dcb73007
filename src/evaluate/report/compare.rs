//! Two models on the same texts: what got better, and which verdicts flipped.

use crate::threat::{Category, Verdict};
use serde::Serialize;

use super::slices::{Dimension, MeasureRow};
use super::{Judged, Report};
use crate::evaluate::examples::Example;
use crate::evaluate::gate::{Bounds, Worse, worse};
use crate::evaluate::score::Latency;

/// One of two models that are compared, by its answers on the same texts in the same order.
pub struct Measured<'a> {
    pub report: &'a Report,
    pub texts: &'a [Judged<'a>],
    pub latency: Latency,
}

/// The model that another is compared to, and the differences.
#[derive(Serialize)]
pub struct Comparison {
    pub baseline: Report,
    /// Where the model is worse than `bounds` allow.
    pub worse: Vec<Worse>,
    pub bounds: Bounds,
    pub latency: Latency,
    pub baseline_latency: Latency,
    pub differences: Vec<Difference>,
    pub flips: Vec<Flip>,
}

/// A category's numbers in one slice: this model's less the baseline's.
#[derive(Serialize)]
pub struct Difference {
    pub dimension: Dimension,
    pub value: String,
    pub category: Category,
    pub auc: Option<f64>,
    #[serde(rename = "recall_at_0.1%_fpr")]
    pub recall_at_fpr_01: Option<f64>,
    #[serde(rename = "recall_at_1%_fpr")]
    pub recall_at_fpr_1: Option<f64>,
    pub ece: Option<f64>,
    pub brier: Option<f64>,
}

/// A text whose verdict is another one.
#[derive(Serialize)]
pub struct Flip {
    pub id: String,
    pub set: String,
    pub truth: Truth,
    pub before: Verdict,
    pub after: Verdict,
}

/// What is known of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    Attack,
    Harmless,
    Unknown,
}

impl Flip {
    /// True if the verdict moved towards the truth; none where the truth is unknown.
    pub fn is_better(&self) -> Option<bool> {
        match self.truth {
            Truth::Attack => Some(self.after > self.before),
            Truth::Harmless => Some(self.after < self.before),
            Truth::Unknown => None,
        }
    }
}

impl Comparison {
    /// Compares a model with a baseline.
    pub fn new(new: &Measured<'_>, old: &Measured<'_>, bounds: Bounds) -> Self {
        let differences = new.report.categories.iter().zip(&old.report.categories);
        let flips = new.texts.iter().zip(old.texts).filter(|(new, old)| new.analysis.verdict != old.analysis.verdict);
        let mut comparison = Self {
            baseline: old.report.clone(),
            worse: Vec::new(),
            bounds,
            latency: new.latency,
            baseline_latency: old.latency,
            differences: differences.map(|(new, old)| difference(new, old)).collect(),
            flips: flips.map(|(new, old)| flip(new, old)).collect(),
        };
        comparison.worse = worse(new.report, &comparison, bounds);
        comparison
    }
}

fn flip(new: &Judged<'_>, old: &Judged<'_>) -> Flip {
    Flip {
        id: new.example.id.clone(),
        set: new.example.set.clone(),
        truth: truth(new.example),
        before: old.analysis.verdict,
        after: new.analysis.verdict,
    }
}

fn truth(example: &Example) -> Truth {
    match (example.is_attack(), example.is_harmless()) {
        (true, _) => Truth::Attack,
        (_, true) => Truth::Harmless,
        _ => Truth::Unknown,
    }
}

/// The rows are of the same slice: slices and labels depend on the texts alone.
fn difference(new: &MeasureRow, old: &MeasureRow) -> Difference {
    let less = |new: Option<f64>, old: Option<f64>| Some(new? - old?);
    Difference {
        dimension: new.dimension,
        value: new.value.clone(),
        category: new.category,
        auc: less(new.auc, old.auc),
        recall_at_fpr_01: less(new.recall_at_fpr_01.map(|e| e.value), old.recall_at_fpr_01.map(|e| e.value)),
        recall_at_fpr_1: less(new.recall_at_fpr_1.map(|e| e.value), old.recall_at_fpr_1.map(|e| e.value)),
        ece: less(new.ece, old.ece),
        brier: less(new.brier, old.brier),
    }
}

#[cfg(test)]
mod tests {
    use crate::threat::Source;

    use super::super::tests::{analysis, compared, example, judged};
    use super::*;

    #[test]
    fn flips_are_named_by_id_and_judged_by_the_truth() {
        let mut examples: Vec<Example> = (0..4).map(|n| example(&n.to_string(), Source::ToolOutput, n < 2)).collect();
        examples[3].labels.jailbreak = None;
        let answers = |probabilities: [f64; 4]| probabilities.map(|probability| analysis(probability, Vec::new()));
        let (new, old) = (answers([0.9, 0.9, 0.5, 0.5]), answers([0.1, 0.9, 0.1, 0.9]));
        let (new, old) = (judged(&examples, &new), judged(&examples, &old));
        let comparison = compared(&new, &old);
        let flips: Vec<_> = comparison.flips.iter().map(|flip| (flip.id.as_str(), flip.is_better())).collect();
        assert_eq!(flips, [("0", Some(true)), ("2", Some(false)), ("3", None)]);
        let all = &comparison.differences[0];
        assert_eq!((all.dimension, all.category), (Dimension::All, Category::Injection));
        assert!(all.auc.unwrap() > 0.0, "this model ranks all attacks first");
    }
}
