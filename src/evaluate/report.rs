//! What was found out about a model: numbers by slice, curves, and the differences from another model. Holds ids and
//! counts, never a text.

mod compare;
mod html;
mod pairs;
mod plots;
mod slices;
mod spans;
mod tables;

use crate::pipeline::Analysis;
use crate::threat::{Category, PerCategory};
use serde::Serialize;

use super::EvaluateError;
use super::examples::Example;
use super::gate::{self, Worse};
use super::metrics::{Bin, Scored};

pub(super) use compare::{Comparison, Measured};
pub(super) use plots::DrawError;
pub(super) use slices::{Dimension, MeasureRow, VerdictRow};

/// Bins of a score histogram.
const HISTOGRAM_BINS: usize = 40;

/// A labelled text and what the model says of it.
#[derive(Clone, Copy)]
pub struct Judged<'a> {
    pub example: &'a Example,
    pub analysis: &'a Analysis,
}

impl<'a> Judged<'a> {
    /// Each text with what was said of it.
    pub fn zip(examples: &'a [Example], analyses: &'a [Analysis]) -> Vec<Self> {
        examples.iter().zip(analyses).map(|(example, analysis)| Self { example, analysis }).collect()
    }
}

/// Labels and probabilities of one category, where the label is known.
fn scored<'a>(texts: impl IntoIterator<Item = &'a Judged<'a>>, category: Category) -> Scored {
    Scored::new(texts.into_iter().filter_map(|text| {
        Some((text.analysis.scores.get(category).probability, (*text.example.labels.get(category))?))
    }))
}

/// A model's measured behaviour on a set of texts.
#[derive(Clone, Serialize)]
pub struct Report {
    /// Name and version.
    pub model: String,
    /// SHA-256 of the artefact.
    pub digest: String,
    pub n_texts: usize,
    /// Of the sampling and the bootstrap.
    pub seed: u64,
    /// Each category on each slice.
    pub categories: Vec<MeasureRow>,
    /// What was blocked and allowed in each slice.
    pub verdicts: Vec<VerdictRow>,
    /// The chance that the same words get the right verdict from a user and from a tool; none if no texts pair up.
    pub same_words_two_sources: Option<pairs::Accuracy>,
    pub curves: PerCategory<Curves>,
}

/// What is drawn of a category, over all texts.
#[derive(Clone, Serialize)]
pub struct Curves {
    pub reliability: Vec<Bin>,
    /// False-positive rate and recall.
    pub roc: Vec<(f64, f64)>,
    pub histogram: Vec<Bin>,
}

impl Report {
    /// Measures a model by its answers.
    pub fn new(model: String, digest: String, texts: &[Judged<'_>], seed: u64) -> Self {
        let slices = slices::slices(texts);
        Self {
            model,
            digest,
            n_texts: texts.len(),
            seed,
            categories: slices::measure(texts, &slices, seed),
            verdicts: slices.iter().map(|slice| VerdictRow::new(slice, texts)).collect(),
            same_words_two_sources: pairs::accuracy(texts),
            curves: PerCategory::from_fn(|category| {
                let scored = scored(texts, category);
                Curves { reliability: scored.reliability(), roc: scored.roc(), histogram: scored.bins(HISTOGRAM_BINS) }
            }),
        }
    }
}

/// A report, and what it is compared to.
#[derive(Serialize)]
pub struct Evaluation {
    #[serde(flatten)]
    pub(super) report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comparison: Option<Comparison>,
}

impl Evaluation {
    /// Everything in which the model is worse than its baseline, beyond the bounds; nothing without a baseline.
    ///
    /// # Errors
    /// There are fewer than 50 attacks or 50 harmless texts, which would tell of chance.
    pub fn worse(&self) -> Result<&[Worse], EvaluateError> {
        match &self.comparison {
            Some(_) if !gate::is_conclusive(&self.report) => Err(EvaluateError::TooFew),
            Some(comparison) => Ok(&comparison.worse),
            None => Ok(&[]),
        }
    }

    /// All categories' reliability in one diagram, as a file of its own: SVG.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub fn reliability_diagram(&self) -> Result<String, EvaluateError> {
        Ok(plots::reliability_diagram(&self.report)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::artifact::ModelId;
    use crate::pipeline::{CategoryScore, Coverage, Finding, Timings};
    use crate::policy::{Thresholds, decide};
    use crate::threat::Source;

    use super::*;
    use crate::evaluate::{Bounds, Latency};

    /// Words that must not appear in a report.
    const SECRET: &str = "the text itself";

    pub(super) fn example(id: &str, source: Source, is_attack: bool) -> Example {
        Example {
            id: id.to_owned(),
            set: "toy <set>".to_owned(),
            text: format!("{SECRET} {id}"),
            source,
            labels: PerCategory { injection: Some(is_attack), jailbreak: Some(false), exfiltration: Some(false) },
            spans: Vec::new(),
            group: None,
            lang: Some("en".to_owned()),
            attack: is_attack.then(|| "toy".to_owned()),
        }
    }

    pub(super) fn analysis(injection: f64, findings: Vec<Finding>) -> Analysis {
        let score =
            |probability| CategoryScore { probability, logit: 0.0, thresholds: Thresholds { review: 0.4, block: 0.8 } };
        let scores = PerCategory { injection: score(injection), jailbreak: score(0.01), exfiltration: score(0.02) };
        Analysis {
            verdict: decide(scores.iter().map(|(_, score)| score.thresholds.verdict(score.probability)), true),
            risk: injection,
            scores,
            windows: Vec::new(),
            sanitized: Vec::new(),
            findings,
            coverage: Coverage::default(),
            model: ModelId { name: "toy".to_owned(), version: "1".to_owned(), digest: String::new() },
            timings: Timings {
                canonicalize: Duration::ZERO,
                tokenize: Duration::ZERO,
                queue: Duration::ZERO,
                compute: Duration::ZERO,
                batch_windows: 1,
                cached_windows: 0,
            },
            device: "cpu".to_owned(),
        }
    }

    /// 200 texts, half of them attacks, that the model ranks well but for every tenth.
    fn toy() -> (Vec<Example>, Vec<Analysis>) {
        (0..200)
            .map(|n| {
                let (is_attack, is_wrong) = (n % 2 == 0, n % 20 < 2);
                let source = if n % 4 < 2 { Source::ToolOutput } else { Source::UserPrompt };
                let probability = if is_attack == is_wrong { 0.1 } else { 0.9 } + f64::from(n) / 4000.0;
                (example(&format!("id-{n}"), source, is_attack), analysis(probability, Vec::new()))
            })
            .unzip()
    }

    pub(super) fn judged<'a>(examples: &'a [Example], analyses: &'a [Analysis]) -> Vec<Judged<'a>> {
        Judged::zip(examples, analyses)
    }

    /// A comparison of two models that are equally fast.
    pub(super) fn compared(new: &[Judged<'_>], old: &[Judged<'_>]) -> Comparison {
        let report = |version: &str, texts: &[Judged<'_>]| Report::new(version.to_owned(), "aa".to_owned(), texts, 1);
        let latency = Latency { n_texts: 10, median_ms: 2.0, p95_ms: 3.0 };
        let (new_report, old_report) = (report("toy 2", new), report("toy 1", old));
        let new = Measured { report: &new_report, texts: new, latency };
        let old = Measured { report: &old_report, texts: old, latency };
        Comparison::new(&new, &old, Bounds::DEFAULT)
    }

    #[test]
    fn a_model_is_worse_beyond_the_bounds_and_never_than_itself() {
        let (examples, analyses) = toy();
        let mute: Vec<Analysis> = (0..200).map(|_| analysis(0.1, Vec::new())).collect();
        let (good, bad) = (judged(&examples, &analyses), judged(&examples, &mute));
        assert_eq!(compared(&good, &good).worse, []);
        let beside_mute = compared(&good, &bad).worse;
        let is_of_harmless = |worse: &Worse| worse.what.starts_with("harmless texts");
        assert!(beside_mute.iter().all(is_of_harmless), "who says nothing is better at that alone: {beside_mute:?}");
        let worse: Vec<String> = compared(&bad, &good).worse.into_iter().map(|worse| worse.what).collect();
        for expected in [
            "AUC of injection on all texts",
            "recall at 1 % FPR of injection on source tool_output",
            "attacks blocked on all texts",
            "verdicts that flipped for the worse, less those for the better",
        ] {
            assert!(worse.iter().any(|what| what == expected), "{expected}: {worse:?}");
        }
        assert!(!worse.iter().any(|what| what.contains("milliseconds") || what.contains("jailbreak")), "{worse:?}");
    }

    #[test]
    fn few_texts_are_no_ground_for_a_judgement() {
        let (examples, analyses) = toy();
        let evaluation = |n_texts: usize| {
            let texts = &judged(&examples, &analyses)[..n_texts];
            let report = Report::new("toy".to_owned(), String::new(), texts, 1);
            Evaluation { report, comparison: Some(compared(texts, texts)) }
        };
        assert!(evaluation(200).worse().unwrap().is_empty());
        assert!(matches!(evaluation(98).worse(), Err(EvaluateError::TooFew)), "49 attacks");
    }

    #[test]
    fn slower_than_the_bound_is_worse() {
        let (examples, analyses) = toy();
        let texts = judged(&examples, &analyses);
        let report = Report::new("toy".to_owned(), String::new(), &texts, 1);
        let latency = |median_ms| Latency { n_texts: 10, median_ms, p95_ms: 9.0 };
        let measured = |median_ms| Measured { report: &report, texts: &texts, latency: latency(median_ms) };
        let n_worse = |median_ms| Comparison::new(&measured(median_ms), &measured(2.0), Bounds::DEFAULT).worse.len();
        assert_eq!([n_worse(2.0), n_worse(3.0), n_worse(3.1)], [0, 0, 1]);
    }

    #[test]
    fn the_pages_hold_everything_and_no_text_and_no_link() {
        let (examples, analyses) = toy();
        let worse: Vec<Analysis> = (0..200).map(|_| analysis(0.5, Vec::new())).collect();
        let (texts, baseline) = (judged(&examples, &analyses), judged(&examples, &worse));
        let report = Report::new("toy 2".to_owned(), "aa".to_owned(), &texts, 1);
        let evaluation = Evaluation { report, comparison: Some(compared(&texts, &baseline)) };
        let page = evaluation.html().unwrap();
        let json = serde_json::to_string(&evaluation).unwrap();
        let markdown = evaluation.markdown();
        for output in [&page, &json, &markdown] {
            assert!(!output.contains(SECRET));
        }
        for forbidden in ["http", "src=", "href", "<script", "<link", "url(", "toy <set>"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<svg").count(), 9, "three diagrams for each category");
        assert!(page.contains("toy &lt;set&gt;") && page.contains("id-17") && page.contains("toy 1"));
        assert!(markdown.contains("| injection | all | all | 100 | 100 |"), "{markdown}");
    }

    #[test]
    fn a_reliability_diagram_stands_alone() {
        let (examples, analyses) = toy();
        let report = Report::new("toy".to_owned(), String::new(), &judged(&examples, &analyses), 1);
        let svg = plots::reliability_diagram(&report).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("xmlns") && svg.contains("injection"));
    }
}
