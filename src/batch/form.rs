//! The decision which waiting windows go to the device next. Pure: entries, a budget and now come in, a choice an entry goes
//! out.
//!
//! - **Urgency.** Interactive before default before bulk. A batch is of one urgency; less urgent work fills it up only as far
//!   as that keeps it short.
//! - **Starvation.** Who has got nothing for [`PATIENCE`] has a share of the device, the oldest first, whatever else waits. It
//!   is a share and no more: under overload old work would else take the place of all that is urgent. Who is served does not
//!   starve, however much of it waits.
//! - **Deadlines.** Inside one urgency the earliest is first. A deadline counts as [`PATIENCE`] after a request was last served,
//!   or came, at the latest.
//! - **Shares.** Inside one urgency tenants get equal tokens, and the requests of a tenant take turns, a window a turn, so that
//!   a long document takes what is left over and blocks nobody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::caller::{Caller, Priority, Tenant};
use crate::model::Detail;

/// Who has got nothing for this long starves: well above the wait of a server that keeps up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// No window is smaller: it holds its two special tokens.
const SMALLEST_WINDOW: usize = 2;

/// How batches are formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens in one batch, at most; a single larger window goes alone.
    pub batch_tokens: usize,
    /// How long a batch that is not full waits for more. None: the device never waits while there is work.
    pub delay: Duration,
}

impl Limits {
    /// Batches of at most this many tokens, without delay.
    pub fn tokens(batch_tokens: usize) -> Self {
        Self { batch_tokens, delay: Duration::ZERO }
    }
}

/// What the next batch may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Tokens, at most; a single larger window goes alone.
    pub(super) tokens: usize,
    /// Tokens up to which less urgent work than the first may fill it up.
    pub(super) filled_tokens: usize,
    /// Tokens that those who starve may have before all others.
    pub(super) starved_tokens: usize,
    /// Only what is more urgent than this.
    pub(super) above: Option<Priority>,
}

/// What the decision needs to know of a request that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) caller: Caller,
    pub(super) detail: Detail,
    /// When it was last served, or came.
    pub(super) since: Instant,
    pub(super) is_cancelled: bool,
    /// Tokens of each of its windows that wait, in order.
    pub(super) lengths: &'a [usize],
}

/// What becomes of a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This many of its windows, the first ones, go to the device now; the others wait.
    Score(usize),
    /// Its deadline has passed: it is answered with an error.
    Expire,
    /// Nobody waits for it: it is dropped.
    Drop,
}

impl Entry<'_> {
    fn is_starved(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= PATIENCE
    }

    /// What it is ordered by inside its urgency.
    fn due(&self) -> Instant {
        let latest = self.since + PATIENCE;
        self.caller.deadline.map_or(latest, |deadline| deadline.min(latest))
    }

    fn fate(&self, now: Instant) -> Choice {
        if self.is_cancelled {
            Choice::Drop
        } else if self.caller.deadline.is_some_and(|deadline| deadline <= now) {
            Choice::Expire
        } else {
            Choice::Score(0)
        }
    }
}

/// A choice an entry, in their order. A batch is scored in one detail: that of the request which is first.
pub(super) fn form(entries: &[Entry<'_>], budget: &Budget, now: Instant) -> Vec<Choice> {
    let mut choices: Vec<Choice> = entries.iter().map(|entry| entry.fate(now)).collect();
    let turns = entries
        .iter()
        .enumerate()
        .filter(|(index, _)| matches!(choices.get(*index), Some(Choice::Score(_))))
        .filter(|(_, entry)| budget.above.is_none_or(|above| entry.caller.priority < above))
        .map(|(index, entry)| Turn { due: entry.due(), index, entry, rest: entry.lengths });
    let mut turns: Vec<Turn<'_>> = turns.collect();
    let mut room = Room { limit: budget.tokens, used: 0 };
    if let Some(starved) = starved(&turns, budget, now) {
        (turns, room.limit) = (starved, budget.starved_tokens.min(budget.tokens));
    } else {
        turns.sort_unstable_by_key(|turn| (turn.entry.caller.priority, turn.due, turn.index));
    }
    let Some((detail, urgency)) = turns.first().map(|turn| (turn.entry.detail, turn.entry.caller.priority)) else {
        return choices;
    };
    turns.retain(|turn| turn.entry.detail == detail);
    for equals in turns.chunk_by(|one, next| one.entry.caller.priority == next.entry.caller.priority) {
        if equals.first().is_some_and(|turn| turn.entry.caller.priority > urgency) {
            room.limit = room.limit.min(budget.filled_tokens);
        }
        for index in share(equals, &mut room) {
            if let Some(Choice::Score(n_windows)) = choices.get_mut(index) {
                *n_windows += 1;
            }
        }
    }
    choices
}

/// Those who starve, the oldest first and none of another urgency, if what they may have is enough for the first of them.
fn starved<'a>(turns: &[Turn<'a>], budget: &Budget, now: Instant) -> Option<Vec<Turn<'a>>> {
    let mut starved: Vec<_> = turns.iter().copied().filter(|turn| turn.entry.is_starved(now)).collect();
    starved.sort_unstable_by_key(|turn| (turn.due, turn.index));
    let first = starved.first()?.entry;
    let is_enough = first.lengths.first().is_some_and(|length| *length <= budget.starved_tokens);
    starved.retain(|turn| turn.entry.caller.priority == first.caller.priority);
    is_enough.then_some(starved)
}

/// A request's place in the order, and its windows that are still to be chosen.
#[derive(Clone, Copy)]
struct Turn<'a> {
    due: Instant,
    index: usize,
    entry: &'a Entry<'a>,
    rest: &'a [usize],
}

/// The tokens of a batch.
struct Room {
    limit: usize,
    used: usize,
}

impl Room {
    /// Takes a window in, if it fits; a batch that is empty takes any.
    fn take(&mut self, tokens: usize) -> bool {
        let fits = self.used == 0 || self.used + tokens <= self.limit;
        if fits {
            self.used += tokens;
        }
        fits
    }

    fn is_full(&self) -> bool {
        self.used > 0 && self.used + SMALLEST_WINDOW > self.limit
    }
}

/// Fills the room from requests of one urgency: the tenant that has got least is next, and with it the request of that tenant
/// whose turn it is. Returns a request's index for each of its windows. What does not fit is first in a later batch.
fn share(equals: &[Turn<'_>], room: &mut Room) -> Vec<usize> {
    let mut tenants: BTreeMap<Tenant, VecDeque<Turn<'_>>> = BTreeMap::new();
    for turn in equals {
        tenants.entry(turn.entry.caller.tenant).or_default().push_back(*turn);
    }
    let next = |tokens: usize, tenant: Tenant, turns: &VecDeque<Turn<'_>>| {
        turns.front().map(|turn| Reverse((tokens, turn.due, turn.index, tenant)))
    };
    let mut heap: BinaryHeap<_> = tenants.iter().filter_map(|(tenant, turns)| next(0, *tenant, turns)).collect();
    let mut chosen = Vec::new();
    while let Some(Reverse((mut tokens, _, index, tenant))) = heap.pop() {
        if room.is_full() {
            break;
        }
        let Some(turns) = tenants.get_mut(&tenant) else { continue };
        if let Some(turn) = turns.pop_front()
            && let Some((&length, rest)) = turn.rest.split_first()
            && room.take(length)
        {
            chosen.push(index);
            tokens += length;
            if !rest.is_empty() {
                turns.push_back(Turn { rest, ..turn });
            }
        }
        heap.extend(next(tokens, tenant, turns));
    }
    chosen
}

/// How many waiting tokens go to the device before a request of this many tokens that came now is done: of the same tenant,
/// of each request at most as many as its own; of other tenants, at most as many as of its own.
pub(super) fn tokens_ahead(entries: &[Entry<'_>], caller: &Caller, tokens: usize, now: Instant) -> usize {
    let mut of_tenant = 0_usize;
    let mut of_others: BTreeMap<Tenant, usize> = BTreeMap::new();
    let is_ahead = |entry: &Entry<'_>| entry.caller.priority <= caller.priority && entry.fate(now) == Choice::Score(0);
    for entry in entries.iter().filter(|entry| is_ahead(entry)) {
        let waiting: usize = entry.lengths.iter().sum();
        if entry.caller.tenant == caller.tenant {
            of_tenant += waiting.min(tokens);
        } else {
            *of_others.entry(entry.caller.tenant).or_default() += waiting;
        }
    }
    of_tenant + of_others.into_values().map(|waiting| waiting.min(of_tenant + tokens)).sum::<usize>()
}

#[cfg(test)]
mod tests;
