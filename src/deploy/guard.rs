//! When a new model is taken back without anyone being asked. Pure.

use std::fmt;

use super::statistics::{Comparison, LiveStatistics};

/// How much worse than the model before it a new one may be. Nothing is judged by fewer requests than `min_requests`, but a
/// device that fails and golden inputs that drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardLimits {
    /// Requests before a rate is judged.
    pub min_requests: u64,
    /// Its share of faults, above that of the model before it.
    pub fault_rate: f64,
    /// Its median time on the device a window, over that of the model before it.
    pub latency_ratio: f64,
    /// The share of compared requests with another verdict.
    pub flip_rate: f64,
}

impl Default for GuardLimits {
    /// 50 requests: a flip rate of 0.1 is then known to within 0.04. Two percent of faults are no accident in a service that
    /// has none; three times the latency is beyond what another load or a larger model of the same family explains.
    fn default() -> Self {
        Self { min_requests: 50, fault_rate: 0.02, latency_ratio: 3.0, flip_rate: 0.1 }
    }
}

/// Which limit a new model has broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Breach {
    /// Its device has failed.
    Device,
    /// It answers golden inputs otherwise than it did when it was loaded, by this much.
    GoldenDrift(f32),
    /// Too many faults: its share of them.
    Faults(f64),
    /// Too slow: its time over that of the model before it.
    Latency(f64),
    /// Too many other verdicts: their share.
    Flips(f64),
}

impl Breach {
    /// The name in metrics and the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::GoldenDrift(_) => "golden_drift",
            Self::Faults(_) => "faults",
            Self::Latency(_) => "latency",
            Self::Flips(_) => "flips",
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => f.write_str("its device has failed"),
            Self::GoldenDrift(drift) => write!(f, "golden inputs are off by {drift}"),
            Self::Faults(rate) => write!(f, "{:.1}% of its requests failed", rate * 100.0),
            Self::Latency(ratio) => write!(f, "it takes {ratio:.1} times as long a window as the model before it"),
            Self::Flips(rate) => {
                write!(f, "{:.1}% of the compared requests have another verdict", rate * 100.0)
            }
        }
    }
}

impl GuardLimits {
    /// The first limit that the challenger breaks.
    pub fn breach(
        &self,
        challenger: &LiveStatistics,
        baseline: &LiveStatistics,
        comparison: &Comparison,
    ) -> Option<Breach> {
        let n_requests = challenger.n_answered + challenger.n_faults;
        let faults = challenger.fault_rate();
        if n_requests >= self.min_requests && faults > self.fault_rate + baseline.fault_rate() {
            return Some(Breach::Faults(faults));
        }
        let ratio = self.latency_ratio_of(challenger, baseline);
        if ratio > self.latency_ratio {
            return Some(Breach::Latency(ratio));
        }
        let flips = comparison.flip_rate();
        (comparison.n_requests >= self.min_requests && flips > self.flip_rate).then_some(Breach::Flips(flips))
    }

    /// The challenger's median time over the baseline's; 0 while too little is known.
    fn latency_ratio_of(&self, challenger: &LiveStatistics, baseline: &LiveStatistics) -> f64 {
        let known = |of: &LiveStatistics| of.per_window.median().filter(|_| of.per_window.total() >= self.min_requests);
        match (known(challenger), known(baseline)) {
            (Some(challenger), Some(baseline)) => challenger.as_secs_f64() / baseline.as_secs_f64().max(1e-9),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::statistics::Opinion;
    use super::*;
    use crate::threat::Verdict;

    fn live(n_answered: u64, n_faults: u64, micros: u64) -> LiveStatistics {
        let mut live = LiveStatistics { n_answered, n_faults, ..LiveStatistics::default() };
        (0..n_answered).for_each(|_| live.per_window.add(Duration::from_micros(micros)));
        live
    }

    fn compared(n_requests: u64, n_flips: u64) -> Comparison {
        let opinion = |verdict| Opinion { verdict, risk: 0.5, segments: Vec::new() };
        let mut comparison = Comparison::default();
        for index in 0..n_requests {
            let other = if index < n_flips { Verdict::Block } else { Verdict::Allow };
            comparison.add(&opinion(other), &opinion(Verdict::Allow));
        }
        comparison
    }

    #[test]
    fn a_limit_is_broken_from_enough_requests_on() {
        let limits = GuardLimits { min_requests: 10, ..GuardLimits::default() };
        let baseline = live(100, 0, 1000);
        let check = |challenger: LiveStatistics, comparison: Comparison, expected: Option<&str>| {
            let breach = limits.breach(&challenger, &baseline, &comparison);
            assert_eq!(breach.map(|breach| breach.name()), expected, "{challenger:?}");
        };
        check(live(100, 0, 1000), compared(100, 10), None);
        check(live(100, 0, 1000), compared(100, 11), Some("flips"));
        check(live(0, 0, 0), compared(9, 9), None);
        check(live(0, 9, 0), compared(0, 0), None);
        check(live(0, 10, 0), compared(0, 0), Some("faults"));
        check(live(98, 2, 1000), compared(0, 0), None);
        check(live(97, 3, 1000), compared(0, 0), Some("faults"));
        check(live(9, 0, 5000), compared(0, 0), None);
        check(live(10, 0, 5000), compared(0, 0), Some("latency"));
        check(live(10, 0, 2000), compared(0, 0), None);
    }

    #[test]
    fn faults_that_both_have_are_not_the_challengers() {
        let breach = GuardLimits::default().breach(&live(90, 10, 1000), &live(90, 10, 1000), &compared(0, 0));
        assert_eq!(breach, None);
    }
}
