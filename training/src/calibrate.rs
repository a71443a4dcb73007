//! `calibrate`: fits the maps from window logits to a text's probability, and the thresholds at the operating points, on texts
//! that `fit` did not see.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use portcullis::calibrate::{Calibration, TextMap};
use portcullis::evaluate::score;
use portcullis::model::Logits;
use portcullis::pipeline::{Analysis, Options};
use portcullis::policy::{OperatingPoint, OperatingPoints};
use portcullis::threat::{Category, Channel, PerCategory, PerChannel};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::data::{Example, Split, hash};
use crate::logistic::{Observation, fit_text_map};
use crate::run::RunDir;

/// With fewer examples of either label in a channel, a category's map is fitted on both channels together.
const MIN_PER_LABEL: usize = 30;
/// Lengths of composed texts, in windows: to half a megabyte of English.
const COMPOSED_WINDOWS: [usize; 5] = [4, 16, 64, 256, 1024];
/// Composed texts of each length and label, for each category.
const COMPOSED_TEXTS: usize = 100;
/// What all composed texts count together, against all real ones of their channel.
const COMPOSED_SHARE: f64 = 0.25;

/// Fit calibration and thresholds of a finished run, on the part of the data that it held out.
#[derive(clap::Args)]
pub struct Arguments {
    /// Prepared folder that the run was fitted on
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
}

/// What `calibrate` leaves in the run's folder for `export`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Calibrated {
    pub calibration: Calibration,
    pub thresholds: PerChannel<OperatingPoints>,
    pub n_examples: usize,
}

impl Calibrated {
    /// Probabilities that are the logistic function of the logits, before anything was fitted.
    pub fn identity() -> Self {
        let maps = PerCategory::from_fn(|_| TextMap::IDENTITY);
        let points = OperatingPoints(OperatingPoint::ALL.into_iter().map(|point| (point, 0.5)).collect());
        Self {
            calibration: Calibration(PerChannel { instruction: maps, data: maps }),
            thresholds: PerChannel { instruction: points.clone(), data: points },
            n_examples: 0,
        }
    }
}

/// Runs `calibrate`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let run = RunDir::open(&arguments.run)?;
    let recipe = run.recipe()?;
    let examples = Split::read(&arguments.data)?.calibration;
    ensure!(!examples.is_empty(), "nothing was held out; prepare the data with a calibration_share above 0");
    let analyses = score(run.model("calibrating", &Calibrated::identity())?, &examples, &Options::default())?;
    let texts: Vec<Text<'_>> =
        examples.iter().zip(&analyses).map(|(example, analysis)| Text::new(example, analysis)).collect();
    let calibrated = calibrate(&texts, recipe.seed);
    recipe.policy.thresholds(&calibrated.thresholds).map_err(anyhow::Error::msg).context(
        "the recipe's policy cannot be kept: the fewer harmless texts may be stopped, the more of them calibration needs",
    )?;
    run.write_json("calibrated.json", &calibrated)?;
    crate::print(&serde_json::to_string_pretty(&calibrated)?)
}

fn calibrate(texts: &[Text<'_>], seed: u64) -> Calibrated {
    let maps = |channel| PerCategory::from_fn(|category| map(texts, channel, category, seed));
    let calibration = Calibration(PerChannel { instruction: maps(Channel::Instruction), data: maps(Channel::Data) });
    let points = |channel| operating_points(texts, channel, &calibration);
    let thresholds = PerChannel { instruction: points(Channel::Instruction), data: points(Channel::Data) };
    Calibrated { calibration, thresholds, n_examples: texts.len() }
}

/// A labelled text and what its windows scored.
struct Text<'a> {
    example: &'a Example,
    windows: Vec<Logits>,
}

impl<'a> Text<'a> {
    fn new(example: &'a Example, analysis: &Analysis) -> Self {
        Self { example, windows: analysis.windows.iter().map(|window| window.logits).collect() }
    }

    fn channel(&self) -> Channel {
        self.example.source.channel()
    }

    fn highest(&self, category: Category) -> f32 {
        highest(&self.windows, category)
    }

    /// What this text says of a category's map, if its label is known.
    fn observation(&self, category: Category) -> Option<Observation> {
        let label = (*self.example.labels.get(category))?;
        Some(Observation { logit: self.highest(category), n_windows: self.windows.len(), label, weight: 1.0 })
    }
}

fn highest(windows: &[Logits], category: Category) -> f32 {
    windows.iter().map(|logits| *logits.get(category)).fold(f32::NEG_INFINITY, f32::max)
}

/// A channel's map of a category, from its texts and from longer ones composed of them.
fn map(texts: &[Text<'_>], channel: Channel, category: Category, seed: u64) -> TextMap {
    let of = |channels: &[Channel]| -> Vec<&Text<'_>> {
        texts.iter().filter(|text| channels.contains(&text.channel())).collect()
    };
    let observations = |texts: &[&Text<'_>]| -> Vec<Observation> {
        texts.iter().filter_map(|text| text.observation(category)).collect()
    };
    let mut used = of(&[channel]);
    let mut real = observations(&used);
    let n_positive = real.iter().filter(|observation| observation.label).count();
    if n_positive < MIN_PER_LABEL || real.len() - n_positive < MIN_PER_LABEL {
        used = of(&Channel::ALL);
        real = observations(&used);
    }
    let mut composed = compose(&used, category, hash((seed, channel, category)));
    let weight = COMPOSED_SHARE * real.len() as f64 / composed.len().max(1) as f64;
    composed.iter_mut().for_each(|observation| observation.weight = weight);
    real.append(&mut composed);
    fit_text_map(&real)
}

/// Long texts, from the scores of shorter ones: windows drawn from the harmless texts of one set, alone and with an attack
/// among them. Scores of windows do not depend on their neighbours, so this is what such a text would score.
fn compose(texts: &[&Text<'_>], category: Category, seed: u64) -> Vec<Observation> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut sets: BTreeMap<&str, Vec<Logits>> = BTreeMap::new();
    for text in texts.iter().filter(|text| text.example.is_harmless()) {
        sets.entry(&text.example.set).or_default().extend(&text.windows);
    }
    let sets: Vec<Vec<Logits>> = sets.into_values().collect();
    let attacks: Vec<f32> = texts
        .iter()
        .filter(|text| *text.example.labels.get(category) == Some(true))
        .map(|text| text.highest(category))
        .collect();
    if sets.is_empty() || attacks.is_empty() {
        return Vec::new();
    }
    let mut composed = Vec::new();
    for n_windows in COMPOSED_WINDOWS {
        for label in [false, true].repeat(COMPOSED_TEXTS) {
            let set = &sets[rng.random_range(0..sets.len())];
            let attack = label.then(|| attacks[rng.random_range(0..attacks.len())]);
            let harmless = (0..n_windows).map(|_| *set[rng.random_range(0..set.len())].get(category));
            let logit = harmless.chain(attack).fold(f32::NEG_INFINITY, f32::max);
            composed.push(Observation { logit, n_windows, label, weight: 1.0 });
        }
    }
    composed
}

/// A channel's thresholds: of its harmless texts, each point's share reaches it with the highest of their probabilities.
fn operating_points(texts: &[Text<'_>], channel: Channel, calibration: &Calibration) -> OperatingPoints {
    let harmless: Vec<f64> = texts
        .iter()
        .filter(|text| text.example.is_harmless() && text.channel() == channel)
        .map(|text| {
            let logits = PerCategory::from_fn(|category| text.highest(category));
            let probabilities = calibration.probabilities(channel, &logits, text.windows.len());
            probabilities.iter().map(|(_, probability)| *probability).fold(0.0, f64::max)
        })
        .collect();
    let point = |point: OperatingPoint| Some((point, conformal_threshold(&harmless, point.rate())?.min(1.0)));
    OperatingPoints(OperatingPoint::ALL.into_iter().filter_map(point).collect())
}

/// The lowest threshold that a new score of the same distribution reaches with a probability of at most `fpr`: the
/// split-conformal quantile (Vovk et al. 2005; Angelopoulos and Bates 2021, <https://arxiv.org/abs/2107.07511>).
/// None if there are too few scores to promise that.
fn conformal_threshold(harmless: &[f64], fpr: f64) -> Option<f64> {
    let mut sorted = harmless.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() + 1) as f64 * (1.0 - fpr)).ceil() as usize;
    sorted.get(rank.checked_sub(1)?).map(|score| score.next_up())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conformal_threshold_keeps_its_promise_in_sample() {
        let harmless: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let threshold = conformal_threshold(&harmless, 0.01).unwrap();
        let above = harmless.iter().filter(|score| **score >= threshold).count();
        assert!((8..=10).contains(&above), "{above}");
        assert_eq!(conformal_threshold(&harmless, 0.0001), None);
    }
}
