//! How far a measured recall may be from the true one: percentile intervals of the bootstrap (Efron and Tibshirani 1993,
//! chapter 13), texts drawn anew one by one.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::examples::hash;
use super::metrics::{n_allowed, recall_at_fpr};

/// Draws of each interval.
const RESAMPLES: usize = 1000;
/// Left out at either end, for an interval that holds the truth 95 times of 100.
const TAIL: f64 = 0.025;

/// A measured share and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// [`recall_at_fpr`] with its interval: positives and negatives are both drawn anew, so that the threshold's own
/// uncertainty counts. The same seed gives the same interval.
pub fn recall(positives: &[f64], negatives: &[f64], fpr: f64, seed: u64) -> Option<Estimate> {
    let value = recall_at_fpr(positives, negatives, fpr)?;
    let mut rng = SmallRng::seed_from_u64(hash((seed, "bootstrap", positives.len(), negatives.len())));
    let allowed = n_allowed(negatives.len(), fpr);
    let mut draws: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let limit = at(negatives, order_statistic(&mut rng, negatives.len(), allowed));
            let share = positives.partition_point(|score| *score > limit) as f64 / positives.len() as f64;
            (0..positives.len()).filter(|_| rng.random::<f64>() < share).count() as f64 / positives.len() as f64
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let quantile = |share: f64| at(&draws, ((RESAMPLES - 1) as f64 * share).round() as usize);
    Some(Estimate { value, low: quantile(TAIL), high: quantile(1.0 - TAIL) })
}

/// The score at a place; no number where there is none.
fn at(scores: &[f64], place: usize) -> f64 {
    scores.get(place).copied().unwrap_or(f64::NAN)
}

/// The index at place `rank` (from 0) of `n` indices below `n`, drawn with replacement and sorted. Drawn through the
/// spacings of uniform order statistics (Devroye 1986, section V.3), in `rank` steps instead of `n`.
fn order_statistic(rng: &mut SmallRng, n: usize, rank: usize) -> usize {
    let mut above = 1.0f64;
    for drawn in 0..=rank {
        above *= rng.random::<f64>().powf(1.0 / (n - drawn) as f64);
    }
    (((1.0 - above) * n as f64) as usize).min(n - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(rng: &mut SmallRng, n: usize, width: f64) -> Vec<f64> {
        let mut scores: Vec<f64> = (0..n).map(|_| width * rng.random::<f64>()).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    }

    /// Positives spread over [0, 2] and negatives over [0, 1]: above the negatives' last hundredth lie 1.01 / 2 of them.
    #[test]
    fn the_interval_covers_the_truth() {
        let mut rng = SmallRng::seed_from_u64(1);
        let truth = 1.01 / 2.0;
        let covered = (0..200)
            .filter(|seed| {
                let (positives, negatives) = (uniform(&mut rng, 300, 2.0), uniform(&mut rng, 1000, 1.0));
                let estimate = recall(&positives, &negatives, 0.01, *seed).unwrap();
                assert!(estimate.low <= estimate.value && estimate.value <= estimate.high, "{estimate:?}");
                (estimate.low..=estimate.high).contains(&truth)
            })
            .count();
        assert!((180..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn more_texts_make_it_narrower_and_the_seed_repeats_it() {
        let mut rng = SmallRng::seed_from_u64(2);
        let width = |n: usize, rng: &mut SmallRng| {
            let estimate = recall(&uniform(rng, n, 2.0), &uniform(rng, n, 1.0), 0.01, 1).unwrap();
            estimate.high - estimate.low
        };
        assert!(width(4000, &mut rng) < width(200, &mut rng));
        let (positives, negatives) = (uniform(&mut rng, 50, 2.0), uniform(&mut rng, 50, 1.0));
        assert_eq!(recall(&positives, &negatives, 0.1, 3), recall(&positives, &negatives, 0.1, 3));
    }

    #[test]
    fn there_is_no_recall_without_both_labels() {
        assert_eq!(recall(&[], &[0.1], 0.01, 1), None);
        assert_eq!(recall(&[0.1], &[], 0.01, 1), None);
    }

    #[test]
    fn order_statistics_have_their_mean() {
        let mut rng = SmallRng::seed_from_u64(4);
        let mean = (0..4000).map(|_| order_statistic(&mut rng, 1000, 9) as f64).sum::<f64>() / 4000.0;
        assert!((mean - 9.5).abs() < 0.5, "the tenth of a thousand lies near 10/1001 of the range: {mean}");
    }
}
