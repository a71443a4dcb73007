//! `calibrate`: fits the maps from logits to probabilities, and the thresholds, on texts that `fit` did not see.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use ndarray::Array1;
use portcullis::calibrate::{Calibration, Platt};
use portcullis::pipeline::Analysis;
use portcullis::policy::Thresholds;
use portcullis::threat::{Category, Channel, PerCategory, PerChannel};
use serde::{Deserialize, Serialize};

use crate::config::CalibrationTargets;
use crate::data::{Example, Split};
use crate::metrics::conformal_threshold;
use crate::run::RunDir;
use crate::score::score;

/// With fewer examples of either label in a channel, a category's map is fitted on both channels together.
const MIN_PER_LABEL: usize = 30;
/// The flattest accepted map: below, the logits say nothing.
const MIN_SLOPE: f64 = 0.05;

/// Fit calibration and thresholds of a finished run, on the part of the data that it held out.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of labelled files that the run was fitted on
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
}

/// The lowest review threshold: a text that is harmless nine times out of ten is not worth a look, even where the
/// false-positive rate would allow it.
const MIN_REVIEW: f64 = 0.1;

/// What `calibrate` leaves in the run's folder for `export`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Calibrated {
    pub calibration: Calibration,
    pub thresholds: PerChannel<PerCategory<Thresholds>>,
    pub n_examples: usize,
}

impl Calibrated {
    /// Probabilities that are the logistic function of the logits, before anything was fitted.
    pub fn identity() -> Self {
        let maps = PerCategory::from_fn(|_| Platt { slope: 1.0, intercept: 0.0 });
        let thresholds = PerCategory::from_fn(|_| Thresholds { review: 0.5, block: 0.5 });
        Self {
            calibration: Calibration(PerChannel { instruction: maps, data: maps }),
            thresholds: PerChannel { instruction: thresholds, data: thresholds },
            n_examples: 0,
        }
    }
}

/// Runs `calibrate`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let run = RunDir::open(&arguments.run)?;
    let recipe = run.recipe()?;
    let examples = Split::read(&arguments.data, &recipe)?.calibration;
    ensure!(!examples.is_empty(), "the recipe holds nothing out; set data.calibration_share above 0");
    let analyses = score(run.model("calibrating", &Calibrated::identity())?, &examples)?;
    let calibration = fit(&examples, &analyses);
    let thresholds = |channel| thresholds(channel, &examples, &analyses, &calibration, &recipe.calibration);
    let thresholds = PerChannel { instruction: thresholds(Channel::Instruction)?, data: thresholds(Channel::Data)? };
    let calibrated = Calibrated { calibration, thresholds, n_examples: examples.len() };
    run.write_json("calibrated.json", &calibrated)?;
    crate::print(&serde_json::to_string_pretty(&calibrated)?)
}

fn fit(examples: &[Example], analyses: &[Analysis]) -> Calibration {
    let map = |channel: Channel, category: Category| {
        let known = |channels: &[Channel]| -> Vec<(f64, bool)> {
            examples
                .iter()
                .zip(analyses)
                .filter(|(example, _)| channels.contains(&example.source.channel()))
                .filter_map(|(example, analysis)| {
                    let label = (*example.labels.get(category))?;
                    Some((f64::from(analysis.scores.get(category).logit), label))
                })
                .collect()
        };
        let own = known(&[channel]);
        let n_positive = own.iter().filter(|(_, label)| *label).count();
        let is_enough = n_positive >= MIN_PER_LABEL && own.len() - n_positive >= MIN_PER_LABEL;
        platt(&if is_enough { own } else { known(&Channel::ALL) })
    };
    let maps = |channel| PerCategory::from_fn(|category| map(channel, category));
    Calibration(PerChannel { instruction: maps(Channel::Instruction), data: maps(Channel::Data) })
}

/// Platt scaling by Newton's method, with Platt's smoothed targets (Lin, Lin and Weng 2007,
/// <https://doi.org/10.1007/s10994-007-5018-6>).
fn platt(pairs: &[(f64, bool)]) -> Platt {
    let logits: Array1<f64> = pairs.iter().map(|(logit, _)| *logit).collect();
    let n_positive = pairs.iter().filter(|(_, label)| *label).count() as f64;
    let n_negative = pairs.len() as f64 - n_positive;
    let (high, low) = ((n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0));
    let targets: Array1<f64> = pairs.iter().map(|(_, label)| if *label { high } else { low }).collect();
    let loss = |slope: f64, intercept: f64| -> f64 {
        let z = &logits * slope + intercept;
        (z.mapv(|z| z.max(0.0) + (-z.abs()).exp().ln_1p()) - &targets * &z).sum()
    };
    let (mut slope, mut intercept) = (1.0, 0.0);
    for _ in 0..100 {
        let p = (&logits * slope + intercept).mapv(|z: f64| 1.0 / (1.0 + (-z).exp()));
        let (error, weight) = (&p - &targets, p.mapv(|p| (p * (1.0 - p)).max(1e-12)));
        let gradient = ((&error * &logits).sum(), error.sum());
        let (aa, ab, bb) = ((&weight * &logits * &logits).sum() + 1e-9, (&weight * &logits).sum(), weight.sum() + 1e-9);
        let determinant = aa * bb - ab * ab;
        let step =
            ((bb * gradient.0 - ab * gradient.1) / determinant, (aa * gradient.1 - ab * gradient.0) / determinant);
        let before = loss(slope, intercept);
        let mut scale = 1.0;
        while scale > 1e-6 && loss(slope - scale * step.0, intercept - scale * step.1) > before {
            scale /= 2.0;
        }
        slope -= scale * step.0;
        intercept -= scale * step.1;
        if before - loss(slope, intercept) < 1e-10 * before.abs().max(1.0) {
            break;
        }
    }
    Platt { slope: slope.max(MIN_SLOPE), intercept }
}

/// A channel's thresholds, which keep the verdict's false-positive rate there: each category gets an equal part of it (the
/// union bound).
fn thresholds(
    channel: Channel,
    examples: &[Example],
    analyses: &[Analysis],
    calibration: &Calibration,
    targets: &CalibrationTargets,
) -> Result<PerCategory<Thresholds>> {
    let parts = Category::ALL.len() as f64;
    let threshold = |category: Category, fpr: f64| {
        let harmless: Array1<f64> = examples
            .iter()
            .zip(analyses)
            .filter(|(example, _)| example.is_harmless() && example.source.channel() == channel)
            .map(|(_, analysis)| {
                let logits = PerCategory::from_fn(|category| analysis.scores.get(category).logit);
                *calibration.probabilities(channel, &logits).get(category)
            })
            .collect();
        conformal_threshold(harmless.view(), fpr / parts).with_context(|| {
            format!("{} harmless texts are too few for a false-positive rate of {fpr}", harmless.len())
        })
    };
    let mut all = PerCategory::from_fn(|_| Thresholds { review: 1.0, block: 1.0 });
    for category in Category::ALL {
        let block = threshold(category, targets.block_fpr)?.min(1.0);
        let review = threshold(category, targets.review_fpr)?.max(MIN_REVIEW).min(block);
        *all.get_mut(category) = Thresholds { review, block };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn platt_finds_the_map_that_made_the_labels() {
        let mut rng = SmallRng::seed_from_u64(1);
        let truth = Platt { slope: 0.6, intercept: -1.2 };
        let pairs: Vec<_> = (0..20_000)
            .map(|_| {
                let logit: f64 = rng.random::<f64>() * 16.0 - 8.0;
                (logit, rng.random::<f64>() < truth.probability(logit as f32))
            })
            .collect();
        let fitted = platt(&pairs);
        assert!((fitted.slope - truth.slope).abs() < 0.03, "{fitted:?}");
        assert!((fitted.intercept - truth.intercept).abs() < 0.08, "{fitted:?}");
    }

    #[test]
    fn a_perfect_separation_stays_finite() {
        let fitted = platt(&[(-3.0, false), (-2.0, false), (2.0, true), (3.0, true)]);
        assert!(fitted.slope.is_finite() && fitted.slope > 0.0 && fitted.intercept.is_finite(), "{fitted:?}");
    }
}
