//! The numbers by which a detector is judged, from scores and labels.

use ndarray::{Array1, ArrayView1, Zip};

/// Bins of equal width for the expected calibration error, as in Guo et al. 2017, <https://arxiv.org/abs/1706.04599>.
const N_BINS: usize = 15;

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
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|&a, &b| self.scores[a].total_cmp(&self.scores[b]));
        let mut rank_sum = 0.0;
        let mut start = 0;
        while start < order.len() {
            let score = self.scores[order[start]];
            let ties = order[start..].iter().take_while(|&&index| self.scores[index] == score).count();
            let mean_rank = (2 * start + ties + 1) as f64 / 2.0;
            rank_sum += mean_rank * order[start..start + ties].iter().map(|&index| self.labels[index]).sum::<f64>();
            start += ties;
        }
        Some((rank_sum - n_positive * (n_positive + 1.0) / 2.0) / (n_positive * n_negative))
    }

    /// The share of positives at or above the lowest threshold that keeps false positives to a share of `fpr`.
    pub fn recall_at_fpr(&self, fpr: f64) -> Option<f64> {
        if self.n_negative() == 0 {
            return None;
        }
        let mut negatives: Vec<f64> = self.of(0.0);
        negatives.sort_by(|a, b| b.total_cmp(a));
        let allowed = (fpr * negatives.len() as f64).floor() as usize;
        let limit = negatives.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
        self.share(1.0, |score| score > limit)
    }

    /// The share of positives at or above a threshold.
    pub fn recall(&self, threshold: f64) -> Option<f64> {
        self.share(1.0, |score| score >= threshold)
    }

    /// The share of negatives at or above a threshold.
    pub fn false_positive_rate(&self, threshold: f64) -> Option<f64> {
        self.share(0.0, |score| score >= threshold)
    }

    /// Mean squared difference of probability and truth.
    pub fn brier(&self) -> Option<f64> {
        (&self.scores - &self.labels).mapv(|difference| difference * difference).mean()
    }

    /// The mean distance, over bins weighted by their size, of mean probability and share of positives.
    pub fn ece(&self) -> Option<f64> {
        if self.scores.is_empty() {
            return None;
        }
        let mut sums = Array1::<f64>::zeros(N_BINS);
        Zip::from(&self.scores).and(&self.labels).for_each(|&score, &label| {
            let bin = ((score * N_BINS as f64) as usize).min(N_BINS - 1);
            sums[bin] += score - label;
        });
        Some(sums.mapv(f64::abs).sum() / self.scores.len() as f64)
    }

    fn of(&self, label: f64) -> Vec<f64> {
        self.scores.iter().zip(&self.labels).filter(|(_, l)| **l == label).map(|(score, _)| *score).collect()
    }

    fn share(&self, label: f64, is_hit: impl Fn(f64) -> bool) -> Option<f64> {
        let scores = self.of(label);
        let n_hits = scores.iter().filter(|score| is_hit(**score)).count();
        (!scores.is_empty()).then(|| n_hits as f64 / scores.len() as f64)
    }
}

/// The lowest threshold that a new score of the same distribution reaches with a probability of at most `fpr`: the
/// split-conformal quantile (Vovk et al. 2005; Angelopoulos and Bates 2021, <https://arxiv.org/abs/2107.07511>).
/// None if there are too few scores to promise that.
pub fn conformal_threshold(harmless: ArrayView1<'_, f64>, fpr: f64) -> Option<f64> {
    let mut sorted = harmless.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() + 1) as f64 * (1.0 - fpr)).ceil() as usize;
    sorted.get(rank.checked_sub(1)?).map(|score| score.next_up())
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
        assert_eq!(scored(&pairs).recall_at_fpr(0.01), Some(2.0 / 3.0));
        assert_eq!(scored(&pairs).recall_at_fpr(0.0), Some(1.0 / 3.0));
    }

    #[test]
    fn calibration_error_of_known_cases() {
        assert_eq!(scored(&[(1.0, true), (0.0, false)]).ece(), Some(0.0));
        let over_confident: Vec<_> = (0..10).map(|i| (0.99, i < 5)).collect();
        assert!((scored(&over_confident).ece().unwrap() - 0.49).abs() < 1e-12);
        assert_eq!(scored(&[(0.5, true), (0.5, false)]).brier(), Some(0.25));
    }

    #[test]
    fn the_conformal_threshold_keeps_its_promise_in_sample() {
        let harmless: Array1<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let threshold = conformal_threshold(harmless.view(), 0.01).unwrap();
        let above = harmless.iter().filter(|score| **score >= threshold).count();
        assert!((8..=10).contains(&above), "{above}");
        assert_eq!(conformal_threshold(harmless.view(), 0.0001), None);
    }
}
