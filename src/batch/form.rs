//! The decision which waiting windows go to the device next. Pure: entries, limits and now come in, a choice an entry goes
//! out.
//!
//! - **Urgency.** Interactive before default before bulk; each [`AGEING`] without a window on the device makes a request one
//!   step more urgent. Who is served does not age, however much of it waits.
//! - **Deadlines.** Inside one step the earliest is first. A deadline counts as [`PATIENCE`] after a request was last served,
//!   or came, at the latest. With ageing that bounds starvation: who has got nothing for [`PATIENCE`] is ahead of all that came
//!   later than that.
//! - **Shares.** Inside one step tenants get equal tokens, and the requests of a tenant take turns, a window a turn, so that
//!   a long document takes what is left over and blocks nobody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::caller::{Caller, Priority, Tenant};
use crate::model::Detail;

/// A request that has got nothing for this long is one step more urgent: well above the wait of a server that keeps up, so that
/// priorities hold under load.
pub(super) const AGEING: Duration = Duration::from_secs(5);
/// Who has got nothing for this long has reached the most urgent step, whatever it asked for.
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
    /// The step of urgency now, 0 the first.
    pub(super) fn step(&self, now: Instant) -> u128 {
        let asked = match self.caller.priority {
            Priority::Interactive => 0_u128,
            Priority::Default => 1,
            Priority::Bulk => 2,
        };
        asked.saturating_sub(now.saturating_duration_since(self.since).as_nanos() / AGEING.as_nanos())
    }

    /// What it is ordered by inside its step.
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
pub(super) fn form(entries: &[Entry<'_>], limits: Limits, now: Instant) -> Vec<Choice> {
    let mut choices: Vec<Choice> = entries.iter().map(|entry| entry.fate(now)).collect();
    let mut turns: Vec<Turn<'_>> = entries
        .iter()
        .enumerate()
        .filter(|(index, _)| matches!(choices.get(*index), Some(Choice::Score(_))))
        .map(|(index, entry)| Turn { step: entry.step(now), due: entry.due(), index, entry, rest: entry.lengths })
        .collect();
    turns.sort_unstable_by_key(|turn| (turn.step, turn.due, turn.index));
    let Some(detail) = turns.first().map(|turn| turn.entry.detail) else { return choices };
    turns.retain(|turn| turn.entry.detail == detail);
    let mut room = Room { tokens: limits.batch_tokens, is_empty: true };
    for step in turns.chunk_by(|one, next| one.step == next.step) {
        for index in share(step, &mut room) {
            if let Some(Choice::Score(n_windows)) = choices.get_mut(index) {
                *n_windows += 1;
            }
        }
    }
    choices
}

/// A request's place in the order, and its windows that are still to be chosen.
#[derive(Clone, Copy)]
struct Turn<'a> {
    step: u128,
    due: Instant,
    index: usize,
    entry: &'a Entry<'a>,
    rest: &'a [usize],
}

/// What is left of a batch.
struct Room {
    tokens: usize,
    is_empty: bool,
}

impl Room {
    fn take(&mut self, tokens: usize) -> bool {
        let fits = tokens <= self.tokens || self.is_empty;
        if fits {
            self.tokens = self.tokens.saturating_sub(tokens);
            self.is_empty = false;
        }
        fits
    }

    fn is_full(&self) -> bool {
        !self.is_empty && self.tokens < SMALLEST_WINDOW
    }
}

/// Fills the room from requests of one step: the tenant that has got least is next, and with it the request of that tenant
/// whose turn it is. Returns a request's index for each of its windows. What does not fit is first in a later batch.
fn share(step: &[Turn<'_>], room: &mut Room) -> Vec<usize> {
    let mut tenants: BTreeMap<Tenant, VecDeque<Turn<'_>>> = BTreeMap::new();
    for turn in step {
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
    let newcomer = Entry { caller: *caller, detail: Detail::Categories, since: now, is_cancelled: false, lengths: &[] };
    let mut of_tenant = 0_usize;
    let mut of_others: BTreeMap<Tenant, usize> = BTreeMap::new();
    for entry in
        entries.iter().filter(|entry| entry.step(now) <= newcomer.step(now) && entry.fate(now) == Choice::Score(0))
    {
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
