//! Scores by key, bounded in bytes: first in, first out, with a second chance for those that were asked for since.

use std::collections::{HashMap, VecDeque};

use crate::model::WindowScore;

/// An upper bound of what an entry costs beside its token logits: the key twice, the score, and the slack of a table and
/// a queue that have just doubled.
const ENTRY_BYTES: usize = 256;

/// The entries, each once in `order`.
pub(super) struct Store {
    limit: usize,
    bytes: usize,
    entries: HashMap<u128, Known>,
    order: VecDeque<u128>,
}

struct Known {
    score: WindowScore,
    is_asked_for: bool,
}

fn cost(score: &WindowScore) -> usize {
    ENTRY_BYTES + score.tokens.capacity() * size_of::<f32>()
}

impl Store {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&mut self, key: u128) -> Option<WindowScore> {
        let known = self.entries.get_mut(&key)?;
        known.is_asked_for = true;
        Some(known.score.clone())
    }

    /// Keeps a score, if it fits at all, and drops what must go for it.
    pub(super) fn insert(&mut self, key: u128, score: WindowScore) {
        let cost = cost(&score);
        if cost > self.limit || self.entries.contains_key(&key) {
            return;
        }
        while self.bytes + cost > self.limit {
            self.evict();
        }
        self.bytes += cost;
        self.order.push_back(key);
        self.entries.insert(key, Known { score, is_asked_for: false });
    }

    /// Takes one step: drops the oldest, or gives it its second chance.
    fn evict(&mut self) {
        let Some(key) = self.order.pop_front() else { return };
        match self.entries.get_mut(&key) {
            Some(known) if known.is_asked_for => {
                known.is_asked_for = false;
                self.order.push_back(key);
            }
            _ => self.bytes -= self.entries.remove(&key).map_or(0, |known| cost(&known.score)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_asked_for_stays() {
        let mut store = Store::new(10 * ENTRY_BYTES);
        store.insert(0, WindowScore::default());
        for key in 1..100 {
            store.insert(key, WindowScore::default());
            assert!(store.get(0).is_some(), "{key}");
        }
        assert!(store.get(50).is_none() && store.get(99).is_some());
    }

    proptest! {
        #[test]
        fn bytes_never_exceed_the_limit(
            steps in prop::collection::vec((0u128..40, 0usize..300, any::<bool>()), 0..200),
            limit in 0usize..10_000,
        ) {
            let mut store = Store::new(limit);
            for (key, n_tokens, is_read) in steps {
                if is_read {
                    store.get(key);
                } else {
                    store.insert(key, WindowScore { tokens: vec![0.0; n_tokens], ..WindowScore::default() });
                }
                prop_assert!(store.bytes() <= limit);
                prop_assert_eq!(store.order.len(), store.entries.len());
                prop_assert_eq!(store.bytes(), store.entries.values().map(|known| cost(&known.score)).sum::<usize>());
            }
        }
    }
}
