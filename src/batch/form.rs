//! The decision which waiting windows go to the device next. Pure: entries, limits and now come in, a choice goes out.

use std::time::Instant;

use crate::model::Detail;

/// The largest batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens in one batch, at most; a single larger window goes alone.
    pub batch_tokens: usize,
}

/// What the decision needs to know of a waiting window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) tokens: usize,
    pub(super) detail: Detail,
    pub(super) deadline: Option<Instant>,
    pub(super) is_cancelled: bool,
}

/// What becomes of a waiting window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It goes to the device now.
    Score,
    /// Its deadline has passed: it is answered with an error.
    Expire,
    /// Nobody waits for it: it is dropped.
    Drop,
}

/// A choice for each of the first entries, in order; those behind them wait. Windows leave in the order in which they
/// came, as many as fit the limits; a batch is scored in one detail.
pub(super) fn form(entries: impl IntoIterator<Item = Entry>, limits: Limits, now: Instant) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut tokens = 0;
    let mut detail = None;
    for entry in entries {
        let choice = if entry.is_cancelled {
            Choice::Drop
        } else if entry.deadline.is_some_and(|deadline| deadline <= now) {
            Choice::Expire
        } else if detail.is_none_or(|detail| detail == entry.detail && tokens + entry.tokens <= limits.batch_tokens) {
            tokens += entry.tokens;
            detail = Some(entry.detail);
            Choice::Score
        } else {
            break;
        };
        choices.push(choice);
    }
    choices
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn entry(tokens: usize) -> Entry {
        Entry { tokens, detail: Detail::Categories, deadline: None, is_cancelled: false }
    }

    #[test]
    fn a_window_larger_than_a_batch_goes_alone() {
        let limits = Limits { batch_tokens: 100 };
        assert_eq!(form([entry(500), entry(1)], limits, Instant::now()), [Choice::Score]);
    }

    #[test]
    fn a_passed_deadline_expires_and_takes_no_room() {
        let now = Instant::now();
        let late = Entry { deadline: Some(now), ..entry(100) };
        let limits = Limits { batch_tokens: 100 };
        assert_eq!(form([late, entry(100), entry(1)], limits, now), [Choice::Expire, Choice::Score]);
        assert_eq!(form([late], limits, now.checked_sub(Duration::from_nanos(1)).unwrap()), [Choice::Score]);
    }

    proptest! {
        #[test]
        fn the_budget_holds_and_work_always_leaves(
            entries in prop::collection::vec((1usize..200, any::<bool>(), any::<bool>(), 0u64..3), 1..60),
            batch_tokens in 1usize..500,
        ) {
            let now = Instant::now();
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(tokens, with_tokens, is_cancelled, wait)| Entry {
                    tokens,
                    detail: if with_tokens { Detail::Tokens } else { Detail::Categories },
                    is_cancelled,
                    deadline: (wait > 0).then(|| now + Duration::from_secs(wait - 1)),
                })
                .collect();
            let choices = form(entries.iter().copied(), Limits { batch_tokens }, now);
            prop_assert!(!choices.is_empty() && choices.len() <= entries.len());
            let scored: Vec<_> = entries.iter().zip(&choices).filter(|(_, c)| **c == Choice::Score).map(|(e, _)| *e).collect();
            prop_assert!(scored.len() <= 1 || scored.iter().map(|e| e.tokens).sum::<usize>() <= batch_tokens);
            prop_assert!(scored.iter().all(|e| e.detail == scored[0].detail));
            prop_assert!(scored.iter().all(|e| !e.is_cancelled && e.deadline.is_none_or(|deadline| deadline > now)));
        }
    }
}
