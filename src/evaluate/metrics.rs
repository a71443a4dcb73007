//! The numbers by which a detector is judged, from scores and labels.

use ndarray::Array1;
use serde::Serialize;

/// Bins of equal width for the expected calibration error, as in Guo et al. 2017, <https://arxiv.org/abs/1706.04599>.
const N_BINS: usize = 15;

/// Scores of one label and probability, between two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    pub n: usize,
    pub n_positive: usize,
    pub mean_probability: f64,
}

impl Bin {
    /// The share of positives; 0 in an empty bin.
    pub fn share_positive(&self) -> f64 {
        self.n_positive as f64 / self.n.max(1) as f64
    }
}

/// Scores with the truth about them; higher scores should be positive.
pub struct Scored {
    scores: Array1<f64>,
    /// 1 or 0.
    labels: Array1<f64>,
}

impl Scored {
    pub fn new(pairs: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let (scores, labels): (Vec<f64>, Vec<f64>) =
            pairs.into_iter().map(|(score, label)| (score, f64::from(u8::from(label)))).unzip();
        Self { scores: scores.into(), labels: labels.into() }
    }

    pub fn n_positive(&self) -> usize {
        self.labels.sum() as usize
    }

    pub fn n_negative(&self) -> usize {
        self.labels.len() - self.n_positive()
    }

    /// The probability that a positive scores above a negative, ties counted half (the Mann-Whitney statistic).
    pub fn auc(&self) -> Option<f64> {
        let (n_positive, n_negative) = (self.n_positive() as f64, self.n_negative() as f64);
        if n_positive == 0.0 || n_negative == 0.0 {
            return None;
        }
        let mut sorted: Vec<(f64, f64)> = self.pairs().collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut rank_sum, mut n_before) = (0.0, 0);
        for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
            let mean_rank = (2 * n_before + ties.len() + 1) as f64 / 2.0;
            rank_sum += mean_rank * ties.iter().map(|(_, label)| label).sum::<f64>();
            n_before += ties.len();
        }
        Some((rank_sum - n_positive * (n_positive + 1.0) / 2.0) / (n_positive * n_negative))
    }

    /// Scores of positives, the highest first.
    pub fn positives(&self) -> Vec<f64> {
        self.of(1.0)
    }

    /// Scores of negatives, the highest first.
    pub fn negatives(&self) -> Vec<f64> {
        self.of(0.0)
    }

    /// Mean squared difference of probability and truth.
    pub fn brier(&self) -> Option<f64> {
        (&self.scores - &self.labels).mapv(|difference| difference * difference).mean()
    }

    /// The mean distance, over bins weighted by their size, of mean probability and share of positives.
    pub fn ece(&self) -> Option<f64> {
        let gap = |bin: &Bin| bin.n as f64 * (bin.mean_probability - bin.share_positive()).abs();
        (!self.scores.is_empty()).then(|| self.bins(N_BINS).iter().map(gap).sum::<f64>() / self.scores.len() as f64)
    }

    /// The scores as probabilities, in bins of equal width from 0 to 1: what a reliability diagram and a histogram show.
    pub fn bins(&self, n_bins: usize) -> Vec<Bin> {
        let mut bins = vec![Bin::default(); n_bins];
        for (score, label) in self.pairs() {
            let place = ((score * n_bins as f64) as usize).min(n_bins.saturating_sub(1));
            if let Some(bin) = bins.get_mut(place) {
                bin.n += 1;
                bin.n_positive += label as usize;
                bin.mean_probability += score;
            }
        }
        for bin in bins.iter_mut().filter(|bin| bin.n > 0) {
            bin.mean_probability /= bin.n as f64;
        }
        bins
    }

    /// [`Self::bins`] of the calibration error.
    pub fn reliability(&self) -> Vec<Bin> {
        self.bins(N_BINS)
    }

    /// Shares of negatives and of positives at or above each score, from (0, 0) to (1, 1), without the points that lie on a
    /// straight step; empty without either.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let (positives, negatives) = (self.positives(), self.negatives());
        if positives.is_empty() || negatives.is_empty() {
            return Vec::new();
        }
        let mut thresholds = self.scores.to_vec();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        let mut corners = vec![(0.0, 0.0)];
        for threshold in thresholds {
            let share = |scores: &[f64]| share_of(scores, |score| score >= threshold);
            let next = (share(&negatives), share(&positives));
            if let [.., a, b] = *corners.as_slice()
                && ((a.0 == b.0 && b.0 == next.0) || (a.1 == b.1 && b.1 == next.1))
            {
                corners.pop();
            }
            corners.push(next);
        }
        corners
    }

    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.scores.iter().copied().zip(self.labels.iter().copied())
    }

    fn of(&self, label: f64) -> Vec<f64> {
        let mut scores: Vec<f64> = self.pairs().filter(|(_, other)| *other == label).map(|(score, _)| score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    }
}

/// The share of scores, the highest first, from the first on that are hits.
fn share_of(sorted: &[f64], is_hit: impl Fn(f64) -> bool) -> f64 {
    sorted.partition_point(|score| is_hit(*score)) as f64 / sorted.len() as f64
}

/// The share of positives above the lowest threshold that keeps false positives to a share of `fpr` of the negatives, both
/// sorted, the highest first. None without positives or negatives.
pub fn recall_at_fpr(positives: &[f64], negatives: &[f64], fpr: f64) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let limit = negatives.get(n_allowed(negatives.len(), fpr)).copied().unwrap_or(f64::NEG_INFINITY);
    Some(share_of(positives, |score| score > limit))
}

/// Negatives that may lie above the threshold.
pub fn n_allowed(n_negative: usize, fpr: f64) -> usize {
    (fpr * n_negative as f64).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(pairs: &[(f64, bool)]) -> Scored {
        Scored::new(pairs.iter().copied())
    }

    #[test]
    fn auc_counts_ties_half() {
        assert_eq!(scored(&[(0.9, true), (0.1, false)]).auc(), Some(1.0));
        assert_eq!(scored(&[(0.1, true), (0.9, false)]).auc(), Some(0.0));
        assert_eq!(scored(&[(0.5, true), (0.5, false)]).auc(), Some(0.5));
        assert_eq!(scored(&[(0.8, true), (0.4, true), (0.6, false), (0.2, false)]).auc(), Some(0.75));
        assert_eq!(scored(&[(0.8, true)]).auc(), None);
    }

    #[test]
    fn recall_at_a_false_positive_rate() {
        let mut pairs: Vec<(f64, bool)> = (0..100).map(|i| (f64::from(i) / 100.0, false)).collect();
        pairs.extend([(0.985, true), (0.995, true), (0.5, true)]);
        let recall = |fpr| recall_at_fpr(&scored(&pairs).positives(), &scored(&pairs).negatives(), fpr);
        assert_eq!(recall(0.01), Some(2.0 / 3.0));
        assert_eq!(recall(0.0), Some(1.0 / 3.0));
    }

    #[test]
    fn calibration_error_of_known_cases() {
        assert_eq!(scored(&[(1.0, true), (0.0, false)]).ece(), Some(0.0));
        let over_confident: Vec<_> = (0..10).map(|i| (0.99, i < 5)).collect();
        assert!((scored(&over_confident).ece().unwrap() - 0.49).abs() < 1e-12);
        assert_eq!(scored(&[(0.5, true), (0.5, false)]).brier(), Some(0.25));
    }

    #[test]
    fn bins_and_curves_of_known_cases() {
        let scores = scored(&[(0.9, true), (0.8, false), (0.8, true), (0.1, false)]);
        let bins = scores.bins(2);
        assert_eq!((bins[0].n, bins[0].n_positive, bins[1].n, bins[1].n_positive), (1, 0, 3, 2));
        assert!((bins[1].mean_probability - 2.5 / 3.0).abs() < 1e-12);
        assert_eq!(scores.roc(), [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        let steps = scored(&[(0.9, true), (0.8, true), (0.7, false), (0.6, false), (0.5, true)]);
        assert_eq!(steps.roc(), [(0.0, 0.0), (0.0, 2.0 / 3.0), (1.0, 2.0 / 3.0), (1.0, 1.0)]);
        assert_eq!(scored(&[(0.9, true)]).roc(), []);
    }
}
