//! Scores of windows that were read before, and of those under way: each distinct window is computed once.
//!
//! A window is known by the keyed 128-bit hash (SipHash-2-4) of the model's digest, the tenant, the channel, the detail and
//! the token ids, under a key drawn at start: nobody can make two windows collide, no text is kept, and another model or
//! tenant never hits. Entries are bounded in bytes and leave by second chance (CLOCK), so that a flood of new windows does
//! not drive out those that are asked for again.

mod store;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use siphasher::sip128::{Hasher128, SipHasher24};
use tokio::sync::oneshot;

use crate::caller::{Caller, Priority};
use crate::model::{Detail, WindowScore};
use crate::threat::Channel;
use store::Store;

/// What a cache may hold, and who shares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of entries; 0 for none. Windows under way are shared even then.
    pub bytes: usize,
    /// Tenants hit each other's entries. Then the time of an answer tells one tenant what another has sent.
    pub is_shared: bool,
}

impl CacheLimits {
    /// Nothing is kept.
    pub const NONE: Self = Self { bytes: 0, is_shared: false };
}

/// The cache of one process.
pub struct ScoreCache {
    limits: CacheLimits,
    hasher: SipHasher24,
    state: Arc<Mutex<State>>,
}

/// A window's key.
type Key = u128;

struct State {
    known: Store,
    under_way: HashMap<Key, UnderWay>,
    n_leads: u64,
}

/// A window that someone computes, and who else waits for it.
struct UnderWay {
    lead: u64,
    priority: Priority,
    followers: Vec<oneshot::Sender<WindowScore>>,
}

/// What is to be done about a window.
pub enum Claim {
    /// Nothing: this is its score.
    Known(WindowScore),
    /// Compute it, and say so.
    Lead(Lead),
    /// Wait: another request computes it.
    Follow(Follow),
}

/// The duty to compute a window. Dropped without a score, those who follow learn that they must claim it again.
pub struct Lead {
    key: Key,
    number: u64,
    state: Arc<Mutex<State>>,
    is_done: bool,
}

/// A score that another request computes.
pub struct Follow(oneshot::Receiver<WindowScore>);

impl ScoreCache {
    /// An empty cache.
    ///
    /// # Errors
    /// The system gives no random key.
    pub fn new(limits: CacheLimits) -> std::io::Result<Self> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        let state = State { known: Store::new(limits.bytes), under_way: HashMap::new(), n_leads: 0 };
        Ok(Self { limits, hasher: SipHasher24::new_with_key(&key), state: Arc::new(Mutex::new(state)) })
    }

    /// The window's score, or who computes it. A caller follows only those who are as urgent as itself.
    pub fn claim(&self, model_digest: &str, caller: &Caller, ids: &[u32], channel: Channel, detail: Detail) -> Claim {
        let key = self.key(model_digest, caller, ids, channel, detail);
        let mut state = lock(&self.state);
        if let Some(score) = state.known.get(key) {
            return Claim::Known(score);
        }
        state.n_leads += 1;
        let number = state.n_leads;
        match state.under_way.entry(key) {
            Entry::Occupied(mut entry) => {
                let under_way = entry.get_mut();
                if under_way.priority <= caller.priority {
                    let (sender, receiver) = oneshot::channel();
                    under_way.followers.push(sender);
                    return Claim::Follow(Follow(receiver));
                }
                (under_way.lead, under_way.priority) = (number, caller.priority);
            }
            Entry::Vacant(entry) => {
                entry.insert(UnderWay { lead: number, priority: caller.priority, followers: Vec::new() });
            }
        }
        drop(state);
        Claim::Lead(Lead { key, number, state: self.state.clone(), is_done: false })
    }

    /// Bytes of entries.
    pub fn bytes(&self) -> usize {
        lock(&self.state).known.bytes()
    }

    fn key(&self, model_digest: &str, caller: &Caller, ids: &[u32], channel: Channel, detail: Detail) -> Key {
        let tenant = if self.limits.is_shared { [0; 8] } else { caller.tenant.to_bytes() };
        let detail = match detail {
            Detail::Categories => 0,
            Detail::Tokens => 1,
        };
        let mut hasher = self.hasher;
        hasher.write(model_digest.as_bytes());
        hasher.write(&tenant);
        hasher.write(&channel.token_type().to_le_bytes());
        hasher.write(&[detail]);
        let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        hasher.write(&ids);
        hasher.finish128().as_u128()
    }
}

/// A panic while the lock is held can leave only a window without its entry.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lead {
    /// Keeps the score and hands it to those who wait for it.
    pub fn publish(mut self, score: &WindowScore) {
        self.is_done = true;
        let mut state = lock(&self.state);
        state.known.insert(self.key, score.clone());
        let followers = state.under_way.remove(&self.key).map(|under_way| under_way.followers).unwrap_or_default();
        drop(state);
        for follower in followers {
            // That it is gone by now is no fault.
            let _ = follower.send(score.clone());
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut state = lock(&self.state);
        let is_mine = state.under_way.get(&self.key).is_some_and(|under_way| under_way.lead == self.number);
        let given_up = is_mine.then(|| state.under_way.remove(&self.key));
        drop(state);
        drop(given_up);
    }
}

impl Follow {
    /// The score, or none if who computed it gave up.
    pub async fn score(self) -> Option<WindowScore> {
        self.0.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Tenant;

    const IDS: [u32; 3] = [101, 7, 102];

    fn cache(is_shared: bool) -> ScoreCache {
        ScoreCache::new(CacheLimits { bytes: 1 << 20, is_shared }).unwrap()
    }

    fn of(tenant: &str, priority: Priority) -> Caller {
        Caller { tenant: Tenant::named(tenant), priority, deadline: None }
    }

    fn score(number: f32) -> WindowScore {
        WindowScore { tokens: vec![number], ..WindowScore::default() }
    }

    fn claim(cache: &ScoreCache, caller: &Caller) -> Claim {
        cache.claim("digest", caller, &IDS, Channel::Data, Detail::Categories)
    }

    fn lead(claim: Claim) -> Lead {
        let Claim::Lead(lead) = claim else { panic!("not a lead") };
        lead
    }

    fn follow(claim: Claim) -> Follow {
        let Claim::Follow(follow) = claim else { panic!("not to follow") };
        follow
    }

    #[test]
    fn only_the_same_question_hits() {
        let cache = cache(false);
        let caller = of("a", Priority::Default);
        lead(claim(&cache, &caller)).publish(&score(1.0));
        assert!(matches!(claim(&cache, &caller), Claim::Known(known) if known == score(1.0)));
        assert!(matches!(claim(&cache, &of("a", Priority::Bulk)), Claim::Known(_)));
        let others = [
            cache.claim("another", &caller, &IDS, Channel::Data, Detail::Categories),
            cache.claim("digest", &of("b", Priority::Default), &IDS, Channel::Data, Detail::Categories),
            cache.claim("digest", &caller, &[101, 8, 102], Channel::Data, Detail::Categories),
            cache.claim("digest", &caller, &IDS, Channel::Instruction, Detail::Categories),
            cache.claim("digest", &caller, &IDS, Channel::Data, Detail::Tokens),
        ];
        assert!(others.iter().all(|claim| matches!(claim, Claim::Lead(_))));
    }

    #[test]
    fn tenants_share_only_if_asked_to() {
        let cache = cache(true);
        lead(claim(&cache, &of("a", Priority::Default))).publish(&score(1.0));
        assert!(matches!(claim(&cache, &of("b", Priority::Default)), Claim::Known(_)));
    }

    #[tokio::test]
    async fn equal_windows_under_way_are_computed_once() {
        let cache = cache(false);
        let caller = of("a", Priority::Default);
        let first = lead(claim(&cache, &caller));
        let followers = [follow(claim(&cache, &caller)), follow(claim(&cache, &of("a", Priority::Bulk)))];
        first.publish(&score(2.0));
        for follower in followers {
            assert_eq!(follower.score().await, Some(score(2.0)));
        }
    }

    #[tokio::test]
    async fn a_leader_that_gives_up_fails_nobody() {
        let cache = cache(false);
        let caller = of("a", Priority::Default);
        let first = lead(claim(&cache, &caller));
        let follower = follow(claim(&cache, &caller));
        drop(first);
        assert_eq!(follower.score().await, None);
        lead(claim(&cache, &caller)).publish(&score(3.0));
        assert!(matches!(claim(&cache, &caller), Claim::Known(_)));
    }

    /// An urgent request does not wait for the turn of a bulk document; whoever is first answers all.
    #[tokio::test]
    async fn the_urgent_does_not_follow_the_patient() {
        let cache = cache(false);
        let patient = lead(claim(&cache, &of("a", Priority::Bulk)));
        let waiting = follow(claim(&cache, &of("a", Priority::Bulk)));
        let urgent = lead(claim(&cache, &of("a", Priority::Interactive)));
        drop(patient);
        let late = follow(claim(&cache, &of("a", Priority::Default)));
        urgent.publish(&score(4.0));
        assert_eq!((waiting.score().await, late.score().await), (Some(score(4.0)), Some(score(4.0))));
    }

    #[tokio::test]
    async fn without_room_windows_under_way_are_still_shared() {
        let cache = ScoreCache::new(CacheLimits { bytes: 0, is_shared: false }).unwrap();
        let caller = of("a", Priority::Default);
        let first = lead(claim(&cache, &caller));
        let follower = follow(claim(&cache, &caller));
        first.publish(&score(5.0));
        assert_eq!(follower.score().await, Some(score(5.0)));
        assert_eq!(cache.bytes(), 0);
        assert!(matches!(claim(&cache, &caller), Claim::Lead(_)));
    }
}
