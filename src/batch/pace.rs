//! What the device does of late: how fast it is, how much of its time goes to the urgent, what those who starve are owed. Pure:
//! batches and now come in, budgets and estimates go out.

use std::time::{Duration, Instant};

use super::form::{Budget, Limits};
use crate::caller::Priority;

/// What one batch weighs in the estimate of the device's speed.
const SPEED_SMOOTHING: f64 = 0.1;
/// How long a batch may take, by estimate: what is as urgent or, on a device that does not stop on its way, more urgent waits
/// for it.
const LONGEST_BATCH: Duration = Duration::from_millis(50);
/// How long a batch may take that less urgent work fills up: the urgent part waits for the rest.
const FILLED_BATCH: Duration = Duration::from_millis(5);
/// Tokens that a batch may have however slow the device is: two full windows. Smaller batches cost throughput.
const LEAST_BATCH_TOKENS: usize = 256;
/// Those who starve get one token of so many.
const STARVED_SHARE: usize = 16;
/// Over what time the device's use by priority is averaged.
const USE_WINDOW: Duration = Duration::from_secs(2);

/// What was learned from the batches so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Batches that the device scores side by side, less one.
    more_lanes: usize,
    /// In one batch, smoothed over the last ones; 0 before the first.
    seconds_per_token: f64,
    /// The device's time that went to each priority, as a share of all time, at the end of the last batch.
    uses: [f64; Priority::ALL.len()],
    last: Option<Instant>,
    /// Tokens since those who starve had their last.
    tokens_since_starved: usize,
}

/// A batch that the device has scored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    /// Of the most urgent in it.
    pub(super) priority: Priority,
    pub(super) tokens: usize,
    pub(super) compute: Duration,
    /// True if it was those who starve whose turn it was.
    pub(super) is_starved: bool,
}

impl Pace {
    /// Of a device that scores so many batches side by side.
    pub(super) fn new(lanes: usize) -> Self {
        Self { more_lanes: lanes.saturating_sub(1), ..Self::default() }
    }

    fn lanes(&self) -> f64 {
        self.more_lanes as f64 + 1.0
    }

    /// Learns from a batch. Small batches are slow by the token, and nobody waits long for them: they tell nothing of speed.
    pub(super) fn learn(&mut self, served: Served, limits: Limits, now: Instant) {
        let seconds = served.compute.as_secs_f64();
        if served.tokens >= self.batch_tokens(limits) / 2 {
            let seconds_per_token = seconds / served.tokens.max(1) as f64;
            self.seconds_per_token = if self.seconds_per_token > 0.0 {
                self.seconds_per_token + SPEED_SMOOTHING * (seconds_per_token - self.seconds_per_token)
            } else {
                seconds_per_token
            };
        }
        let (kept, lanes) = (self.kept(now), self.lanes());
        for (priority, used) in Priority::ALL.into_iter().zip(&mut self.uses) {
            *used *= kept;
            if priority == served.priority {
                *used += seconds / lanes / USE_WINDOW.as_secs_f64();
            }
        }
        self.last = Some(now);
        self.tokens_since_starved =
            if served.is_starved { 0 } else { self.tokens_since_starved.saturating_add(served.tokens) };
    }

    /// What the next batch may hold.
    pub(super) fn budget(&self, limits: Limits) -> Budget {
        Budget {
            tokens: self.batch_tokens(limits),
            filled_tokens: self.tokens_in(FILLED_BATCH).min(limits.batch_tokens),
            starved_tokens: self.tokens_since_starved / STARVED_SHARE,
            above: None,
        }
    }

    /// What a batch may hold that goes before one of this priority, which is on the device already.
    pub(super) fn budget_above(&self, priority: Priority, limits: Limits) -> Budget {
        Budget { starved_tokens: 0, above: Some(priority), ..self.budget(limits) }
    }

    /// How long work of this priority waits until so many tokens are scored, if those who are more urgent go on to come as
    /// they did of late: it has what they leave over, and the share of those who starve at least.
    pub(super) fn wait(&self, tokens: usize, priority: Priority, now: Instant) -> Duration {
        let more_urgent = Priority::ALL.into_iter().zip(self.uses).filter(|(other, _)| *other < priority);
        let used = more_urgent.map(|(_, used)| used).sum::<f64>() * self.kept(now);
        let left = (1.0 - used).max(1.0 / STARVED_SHARE as f64);
        Duration::try_from_secs_f64(tokens as f64 * self.seconds_per_token / self.lanes() / left)
            .unwrap_or(Duration::MAX)
    }

    /// Tokens of a batch, at most.
    fn batch_tokens(&self, limits: Limits) -> usize {
        self.tokens_in(LONGEST_BATCH).max(LEAST_BATCH_TOKENS).min(limits.batch_tokens)
    }

    /// As many as the device scores in this time; none before its speed is known.
    fn tokens_in(&self, time: Duration) -> usize {
        if self.seconds_per_token > 0.0 { (time.as_secs_f64() / self.seconds_per_token) as usize } else { 0 }
    }

    /// What is left until now of a use that was noted with the last batch.
    fn kept(&self, now: Instant) -> f64 {
        let elapsed = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        (-elapsed.as_secs_f64() / USE_WINDOW.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn served(priority: Priority, tokens: usize, compute: Duration) -> Served {
        Served { priority, tokens, compute, is_starved: false }
    }

    /// The device is busy with one priority for a while, a batch after the other.
    fn busy(pace: &mut Pace, priority: Priority, from: Instant, time: Duration) -> Instant {
        let compute = Duration::from_millis(50);
        (0..time.as_millis() / compute.as_millis()).fold(from, |now, _| {
            let now = now + compute;
            pace.learn(served(priority, 500, compute), Limits::tokens(2048), now);
            now
        })
    }

    #[test]
    fn batches_are_as_large_as_the_device_is_fast() {
        for (seconds_per_token, expected, filled) in
            [(0.0, 256, 0), (1e-6, 2048, 2048), (1e-4, 500, 50), (1e-2, 256, 0), (f64::MAX, 256, 0)]
        {
            let pace = Pace { seconds_per_token, ..Pace::default() };
            let budget = pace.budget(Limits::tokens(2048));
            assert_eq!((budget.tokens, budget.filled_tokens), (expected, filled), "{seconds_per_token}");
            assert_eq!(pace.budget(Limits::tokens(100)).tokens, 100);
        }
    }

    #[test]
    fn small_batches_tell_nothing_of_speed() {
        let (mut pace, now, limits) = (Pace::default(), Instant::now(), Limits::tokens(1000));
        pace.learn(served(Priority::Bulk, 127, SECOND), limits, now);
        assert_eq!(pace.wait(1000, Priority::Bulk, now), Duration::ZERO);
        pace.learn(served(Priority::Bulk, 128, SECOND), limits, now + SECOND * 60);
        assert!((pace.wait(128, Priority::Interactive, now + SECOND * 60).as_secs_f64() - 1.0).abs() < 1e-6);
    }

    /// What the urgent use is no part of what the patient can count on; it is again when the urgent stop.
    #[test]
    fn the_patient_wait_longer_while_the_urgent_come() {
        let mut pace = Pace::default();
        let now = busy(&mut pace, Priority::Default, Instant::now(), SECOND * 20);
        let wait = |priority, now| pace.wait(10_000, priority, now).as_secs_f64();
        assert!((wait(Priority::Interactive, now) - 1.0).abs() < 1e-6);
        assert!((wait(Priority::Default, now) - 1.0).abs() < 1e-6);
        assert!((wait(Priority::Bulk, now) - 16.0).abs() < 1e-6);
        assert!((1.0..1.1).contains(&wait(Priority::Bulk, now + SECOND * 6)));
    }

    #[test]
    fn those_who_starve_are_owed_a_share() {
        let (mut pace, limits) = (Pace::default(), Limits::tokens(2048));
        let now = busy(&mut pace, Priority::Interactive, Instant::now(), SECOND);
        assert_eq!(pace.budget(limits).starved_tokens, 20 * 500 / 16);
        assert_eq!(pace.budget_above(Priority::Bulk, limits).starved_tokens, 0);
        pace.learn(Served { is_starved: true, ..served(Priority::Bulk, 128, SECOND / 50) }, limits, now);
        assert_eq!(pace.budget(limits).starved_tokens, 0);
    }
}
