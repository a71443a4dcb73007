//! How two models do on the same texts, in numbers of fixed size: no text, no caller, no clock. Pure.

use std::time::Duration;

use crate::threat::{Source, Verdict};

/// Bins of [`RiskHistogram`]: a unit of log-odds each between the outer two, which are open.
const RISK_BINS: usize = 16;
/// The log-odds below which the first bin ends.
const LOWEST_RISK: f64 = -7.0;
/// What each bin of a population counts beside what fell into it (Jeffreys' prior), so that an empty one has a logarithm.
const PRIOR: f64 = 0.5;
/// Bins of [`SpeedHistogram`] that a doubling is cut into.
const BINS_PER_DOUBLING: f64 = 4.0;
/// From a microsecond to an hour.
const SPEED_BINS: usize = 128;

/// Risks by their log-odds, in bins that are the same for all models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiskHistogram([u64; RISK_BINS]);

impl RiskHistogram {
    /// Counts a risk, a probability.
    pub fn add(&mut self, risk: f64) {
        let log_odds = (risk / (1.0 - risk)).ln();
        // A cast of what is too small, too large or no number saturates, to 0 the last.
        let bin = (log_odds - LOWEST_RISK + 1.0).floor().clamp(0.0, (RISK_BINS - 1) as f64) as usize;
        if let Some(count) = self.0.get_mut(bin) {
            *count += 1;
        }
    }

    fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn shares(&self) -> impl Iterator<Item = f64> {
        let total = self.total() as f64 + PRIOR * RISK_BINS as f64;
        self.0.iter().map(move |&count| (count as f64 + PRIOR) / total)
    }

    /// The population stability index: the sum over bins of (p - q) ln(p / q), which is the symmetric divergence of
    /// Kullback and Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951). By the custom of
    /// credit scoring (Siddiqi, "Credit Risk Scorecards", 2006) below 0.1 is stable and above 0.25 a shift.
    pub fn stability_index(&self, other: &Self) -> f64 {
        self.shares().zip(other.shares()).map(|(p, q)| (p - q) * (p / q).ln()).sum()
    }

    /// The statistic of Kolmogorov and Smirnov, the largest difference of the two distribution functions (Massey, Journal of
    /// the American Statistical Association 46, 1951), taken at the borders of bins: at most the exact one.
    pub fn largest_difference(&self, other: &Self) -> f64 {
        let (n, m) = (self.total().max(1) as f64, other.total().max(1) as f64);
        let differences = self.0.iter().zip(&other.0).scan((0.0, 0.0), |(below, other_below), (&a, &b)| {
            *below += a as f64 / n;
            *other_below += b as f64 / m;
            Some((*below - *other_below).abs())
        });
        differences.fold(0.0, f64::max)
    }
}

/// Durations in bins that grow by a quarter of a doubling.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedHistogram([u64; SPEED_BINS]);

impl Default for SpeedHistogram {
    fn default() -> Self {
        Self([0; SPEED_BINS])
    }
}

impl SpeedHistogram {
    /// Counts a duration.
    pub fn add(&mut self, duration: Duration) {
        let micros = duration.as_secs_f64() * 1e6;
        let bin = (micros.max(1.0).log2() * BINS_PER_DOUBLING) as usize;
        if let Some(count) = self.0.get_mut(bin.min(SPEED_BINS - 1)) {
            *count += 1;
        }
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The median, to a bin's width; none if nothing was counted.
    pub fn median(&self) -> Option<Duration> {
        let middle = self.total().div_ceil(2);
        let mut below = 0;
        let bin = self.0.iter().position(|&count| {
            below += count;
            count > 0 && below >= middle
        })?;
        let micros = ((bin as f64 + 0.5) / BINS_PER_DOUBLING).exp2();
        Some(Duration::from_secs_f64(micros / 1e6))
    }
}

/// How one model does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveStatistics {
    /// Requests that it answered.
    pub n_answered: u64,
    /// Requests that it failed by a fault of its own.
    pub n_faults: u64,
    /// Time on the device, a window, of requests that were not all cached.
    pub per_window: SpeedHistogram,
}

impl LiveStatistics {
    /// The share of faults.
    pub fn fault_rate(&self) -> f64 {
        self.n_faults as f64 / (self.n_answered + self.n_faults).max(1) as f64
    }
}

/// What one model said of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// On the request.
    pub verdict: Verdict,
    /// On the request.
    pub risk: f64,
    /// On each segment.
    pub segments: Vec<(Source, Verdict)>,
}

/// Segments of one source that both models judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// All of them.
    pub n_segments: u64,
    /// Those that the challenger judged more severely.
    pub n_stricter: u64,
    /// Those that it judged less severely.
    pub n_laxer: u64,
}

/// What two models said of the same requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Requests that both answered.
    pub n_requests: u64,
    /// Those with different verdicts.
    pub n_flips: u64,
    by_source: [Agreement; Source::ALL.len()],
    challenger: RiskHistogram,
    baseline: RiskHistogram,
}

impl Comparison {
    /// Counts a request.
    pub fn add(&mut self, challenger: &Opinion, baseline: &Opinion) {
        self.n_requests += 1;
        self.n_flips += u64::from(challenger.verdict != baseline.verdict);
        self.challenger.add(challenger.risk);
        self.baseline.add(baseline.risk);
        for ((source, verdict), (_, before)) in challenger.segments.iter().zip(&baseline.segments) {
            let agreements = self.by_source.iter_mut().zip(Source::ALL);
            for (agreement, _) in agreements.filter(|(_, candidate)| candidate == source) {
                agreement.n_segments += 1;
                agreement.n_stricter += u64::from(verdict > before);
                agreement.n_laxer += u64::from(verdict < before);
            }
        }
    }

    /// The share of requests with different verdicts.
    pub fn flip_rate(&self) -> f64 {
        self.n_flips as f64 / self.n_requests.max(1) as f64
    }

    /// Each source with what was counted of it.
    pub fn by_source(&self) -> impl Iterator<Item = (Source, Agreement)> {
        Source::ALL.into_iter().zip(self.by_source)
    }

    /// The population stability index of the two models' risks.
    pub fn stability_index(&self) -> f64 {
        self.challenger.stability_index(&self.baseline)
    }

    /// The Kolmogorov-Smirnov distance of the two models' risks.
    pub fn largest_difference(&self) -> f64 {
        self.challenger.largest_difference(&self.baseline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(risks: &[f64]) -> RiskHistogram {
        let mut histogram = RiskHistogram::default();
        risks.iter().for_each(|&risk| histogram.add(risk));
        histogram
    }

    #[test]
    fn equal_risks_do_not_drift_and_opposite_ones_do() {
        let check = |a: &[f64], b: &[f64], largest: f64, is_shift: bool| {
            let (a, b) = (histogram(a), histogram(b));
            assert!((a.largest_difference(&b) - largest).abs() < 1e-12);
            assert_eq!(a.stability_index(&b) > 0.25, is_shift);
            assert!((a.stability_index(&b) - b.stability_index(&a)).abs() < 1e-12);
        };
        check(&[], &[], 0.0, false);
        check(&[0.1; 50], &[0.1; 70], 0.0, false);
        check(&[0.0; 50], &[1.0; 50], 1.0, true);
        check(&[0.0, 0.5, 1.0, 1.0], &[0.0, 0.5, 0.5, 1.0], 0.25, false);
        check(&[f64::NAN; 4], &[0.0; 4], 0.0, false);
    }

    /// (p - q) ln(p / q) by hand: 4 of 4 in one bin against 0 of 4, with half a count a bin.
    #[test]
    fn the_stability_index_is_that_of_the_formula() {
        let (p, q) = (4.5 / 12.0, 0.5 / 12.0_f64);
        let expected = 2.0 * (p - q) * (p / q).ln();
        assert!((histogram(&[0.0; 4]).stability_index(&histogram(&[1.0; 4])) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_median_is_right_to_a_bins_width() {
        assert_eq!(SpeedHistogram::default().median(), None);
        let mut speeds = SpeedHistogram::default();
        for micros in [100, 1_000, 1_000, 1_000, 50_000] {
            speeds.add(Duration::from_micros(micros));
        }
        let median = speeds.median().unwrap().as_secs_f64() * 1e3;
        assert!((0.8..=1.25).contains(&median), "{median}");
    }

    #[test]
    fn flips_are_counted_by_source_and_direction() {
        let opinion = |verdict, tool| Opinion {
            verdict,
            risk: 0.5,
            segments: vec![(Source::UserPrompt, Verdict::Allow), (Source::ToolOutput, tool)],
        };
        let mut comparison = Comparison::default();
        comparison.add(&opinion(Verdict::Block, Verdict::Block), &opinion(Verdict::Allow, Verdict::Allow));
        comparison.add(&opinion(Verdict::Allow, Verdict::Allow), &opinion(Verdict::Review, Verdict::Review));
        comparison.add(&opinion(Verdict::Allow, Verdict::Allow), &opinion(Verdict::Allow, Verdict::Allow));
        assert_eq!((comparison.n_requests, comparison.n_flips), (3, 2));
        let of = |source| comparison.by_source().find(|(candidate, _)| *candidate == source).unwrap().1;
        assert_eq!(of(Source::ToolOutput), Agreement { n_segments: 3, n_stricter: 1, n_laxer: 1 });
        assert_eq!(of(Source::UserPrompt), Agreement { n_segments: 3, n_stricter: 0, n_laxer: 0 });
    }
}
