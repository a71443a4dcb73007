//! Who may come in: places for requests, for their bytes and for their tokens, and each tenant's allowance, handed out before
//! work is done; and the state of draining. Whoever does the work asks for an [`Admitted`], so that nothing enters
//! unadmitted.

mod allowance;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

pub use allowance::Allowance;

use crate::caller::{Caller, Priority};
use allowance::Allowances;

/// What a request weighs at least, in bytes: what a place, a task and an answer cost apart from the text.
pub const REQUEST_FLOOR_BYTES: usize = 4096;

/// How much may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlightLimits {
    /// Requests from admission until their answer is sent.
    pub requests: usize,
    /// Their text in bytes, each request counted with [`REQUEST_FLOOR_BYTES`] at least.
    pub bytes: usize,
    /// Their tokens, from when a text is read until it is judged.
    pub tokens: usize,
    /// What each tenant may send; none for as much as there is room for.
    pub allowance: Option<Allowance>,
}

impl InFlightLimits {
    /// No limits, for a process that serves nobody but itself.
    pub const NONE: Self = Self { requests: usize::MAX, bytes: usize::MAX, tokens: usize::MAX, allowance: None };
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Requests in flight.
    Requests,
    /// Bytes in flight.
    Bytes,
    /// Tokens in flight.
    Tokens,
}

impl Limit {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Tokens => "tokens",
        }
    }
}

/// Why a request was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much is in flight for a request of this priority; try again later.
    #[error("too much is in flight")]
    Overloaded(Limit),
    /// The tenant has used up its allowance; there is enough for this request after the delay.
    #[error("the tenant's allowance is used up")]
    Allowance(Duration),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Draining,
}

/// What is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Requests.
    pub requests: usize,
    /// Bytes of text, as they are counted.
    pub bytes: usize,
    /// Tokens of text.
    pub tokens: usize,
}

/// The limits on what is in flight.
#[derive(Debug)]
pub struct Admission {
    shared: Arc<Shared>,
    allowances: Mutex<Allowances>,
    draining: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    limits: InFlightLimits,
    in_flight: Mutex<InFlight>,
}

/// Proof that a request was admitted; its share of the limits is given back on drop.
#[derive(Debug)]
pub struct Admitted {
    caller: Caller,
    held: Held,
}

/// A share of the limits.
#[derive(Debug)]
struct Held {
    share: InFlight,
    shared: Arc<Shared>,
}

/// The tokens of a request in flight, given back on drop.
#[derive(Debug)]
pub struct TokensInFlight(#[allow(dead_code, reason = "held for its drop")] Held);

impl Admission {
    /// Nothing in flight, under these limits.
    pub fn new(limits: InFlightLimits) -> Self {
        Self {
            shared: Arc::new(Shared { limits, in_flight: Mutex::default() }),
            allowances: Mutex::default(),
            draining: CancellationToken::new(),
        }
    }

    /// Admits a request with this many bytes of text, now or not at all. One that alone is larger than the limit is
    /// admitted when nothing else is in flight.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn admit(&self, caller: Caller, n_bytes: usize) -> Result<Admitted, Refused> {
        if self.draining.is_cancelled() {
            return Err(Refused::Draining);
        }
        let share = InFlight { requests: 1, bytes: n_bytes.max(REQUEST_FLOOR_BYTES), tokens: 0 };
        let held = Shared::hold(&self.shared, share, caller.priority)?;
        self.charge(&caller, share.bytes)?;
        Ok(Admitted { caller, held })
    }

    /// Admits work of the server's own, in which no tenant's allowance is spent, as the first to be refused.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn admit_own(&self, n_bytes: usize) -> Result<Admitted, Refused> {
        if self.draining.is_cancelled() {
            return Err(Refused::Draining);
        }
        let caller = Caller { priority: Priority::Bulk, ..Caller::default() };
        let share = InFlight { requests: 1, bytes: n_bytes.max(REQUEST_FLOOR_BYTES), tokens: 0 };
        Ok(Admitted { caller, held: Shared::hold(&self.shared, share, caller.priority)? })
    }

    /// Makes room for more text of a request that is in flight, whether or not the server drains.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn grow(&self, admitted: &mut Admitted, n_bytes: usize) -> Result<(), Refused> {
        let share = InFlight { requests: 0, bytes: n_bytes, tokens: 0 };
        let mut more = Shared::hold(&self.shared, share, admitted.caller.priority)?;
        self.charge(&admitted.caller, n_bytes)?;
        admitted.held.share.bytes += std::mem::take(&mut more.share.bytes);
        Ok(())
    }

    /// Takes bytes off a tenant's allowance.
    fn charge(&self, caller: &Caller, n_bytes: usize) -> Result<(), Refused> {
        let Some(allowance) = self.shared.limits.allowance else { return Ok(()) };
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.take(caller.tenant, allowance, n_bytes, Instant::now()).map_err(Refused::Allowance)
    }

    /// What is in flight now.
    pub fn in_flight(&self) -> InFlight {
        *self.shared.lock()
    }

    /// Refuses everything from now on. What was admitted is unaffected.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// True once [`Self::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Resolves when draining begins.
    pub fn drained(&self) -> WaitForCancellationFutureOwned {
        self.draining.clone().cancelled_owned()
    }
}

impl Admitted {
    /// Whose request it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Makes room for the tokens of the request's text, once it was read.
    ///
    /// # Errors
    /// [`Refused::Overloaded`] if there is none.
    pub fn hold_tokens(&self, n_tokens: usize) -> Result<TokensInFlight, Refused> {
        let share = InFlight { requests: 0, bytes: 0, tokens: n_tokens };
        Shared::hold(&self.held.shared, share, self.caller.priority).map(TokensInFlight)
    }

    /// Gives back the room of text that is not needed any more.
    pub fn give_back_bytes(&mut self, n_bytes: usize) {
        let bytes = n_bytes.min(self.held.share.bytes);
        self.held.give_back(InFlight { requests: 0, bytes, tokens: 0 });
    }

    /// Gives back the request's place and keeps its bytes: for an answer that waits to be sent with others.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.held.give_back(InFlight { requests: self.held.share.requests, bytes: 0, tokens: 0 });
        self
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(shared: &Arc<Self>, share: InFlight, priority: Priority) -> Result<Held, Refused> {
        let (limits, mut now) = (&shared.limits, shared.lock());
        let amounts = [
            (Limit::Requests, now.requests, share.requests, limits.requests),
            (Limit::Bytes, now.bytes, share.bytes, limits.bytes),
            (Limit::Tokens, now.tokens, share.tokens, limits.tokens),
        ];
        for (limit, held, wanted, all) in amounts {
            if wanted > 0 && held > 0 && held.saturating_add(wanted) > open_to(priority, all) {
                return Err(Refused::Overloaded(limit));
            }
        }
        now.requests += share.requests;
        now.bytes = now.bytes.saturating_add(share.bytes);
        now.tokens = now.tokens.saturating_add(share.tokens);
        Ok(Held { share, shared: shared.clone() })
    }
}

/// How much of a limit a priority may fill: the rest is kept free for those who are more urgent.
fn open_to(priority: Priority, limit: usize) -> usize {
    match priority {
        Priority::Interactive => limit,
        Priority::Default => limit - limit / 8,
        Priority::Bulk => limit - limit / 2,
    }
}

impl Held {
    fn give_back(&mut self, share: InFlight) {
        let mut now = self.shared.lock();
        now.requests -= share.requests;
        now.bytes -= share.bytes;
        now.tokens -= share.tokens;
        drop(now);
        self.share.requests -= share.requests;
        self.share.bytes -= share.bytes;
        self.share.tokens -= share.tokens;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn admission(requests: usize, bytes: usize, tokens: usize) -> Admission {
        Admission::new(InFlightLimits { requests, bytes, tokens, allowance: None })
    }

    fn of(priority: Priority) -> Caller {
        Caller { priority, ..Caller::default() }
    }

    #[test]
    fn limits_hold_and_recover() {
        let admission = admission(2, 100 * KIB, 100);
        let urgent = of(Priority::Interactive);
        let first = admission.admit(urgent, 60 * KIB).unwrap();
        assert_eq!(admission.admit(urgent, 40 * KIB + 1).unwrap_err(), Refused::Overloaded(Limit::Bytes));
        let second = admission.admit(urgent, 40 * KIB).unwrap();
        assert_eq!(admission.admit(urgent, 0).unwrap_err(), Refused::Overloaded(Limit::Requests));
        let tokens = first.hold_tokens(60).unwrap();
        assert_eq!(second.hold_tokens(41).unwrap_err(), Refused::Overloaded(Limit::Tokens));
        assert!(second.hold_tokens(40).is_ok());
        assert_eq!(admission.in_flight(), InFlight { requests: 2, bytes: 100 * KIB, tokens: 60 });
        drop((first, second, tokens));
        assert_eq!(admission.in_flight(), InFlight::default());
        assert!(admission.admit(urgent, 1000 * KIB).is_ok());
    }

    #[test]
    fn room_is_kept_for_the_urgent() {
        let admission = admission(8, 1000 * KIB, 100);
        let n_admitted = |priority: Priority, held: &mut Vec<Admitted>| {
            let before = held.len();
            held.extend(std::iter::from_fn(|| admission.admit(of(priority), 0).ok()));
            held.len() - before
        };
        let mut held = Vec::new();
        assert_eq!(n_admitted(Priority::Bulk, &mut held), 4);
        assert_eq!(n_admitted(Priority::Default, &mut held), 3);
        assert_eq!(n_admitted(Priority::Interactive, &mut held), 1);
    }

    #[test]
    fn an_answer_that_waits_keeps_its_bytes() {
        let admission = admission(1, 100 * KIB, 100);
        let answered = admission.admit(Caller::default(), 50 * KIB).unwrap().answered();
        assert_eq!(admission.in_flight(), InFlight { requests: 0, bytes: 50 * KIB, tokens: 0 });
        assert!(admission.admit(Caller::default(), 50 * KIB).is_err());
        drop(answered);
        assert_eq!(admission.in_flight(), InFlight::default());
    }

    #[test]
    fn a_text_that_grows_weighs_what_it_has() {
        let admission = admission(4, 100 * KIB, 100);
        let urgent = of(Priority::Interactive);
        let mut scan = admission.admit(urgent, 0).unwrap();
        let other = admission.admit(urgent, 50 * KIB).unwrap();
        admission.grow(&mut scan, 46 * KIB).unwrap();
        assert_eq!(admission.grow(&mut scan, 1).unwrap_err(), Refused::Overloaded(Limit::Bytes));
        scan.give_back_bytes(40 * KIB);
        assert_eq!(admission.in_flight(), InFlight { requests: 2, bytes: 60 * KIB, tokens: 0 });
        admission.drain();
        admission.grow(&mut scan, 40 * KIB).unwrap();
        drop((scan, other));
        assert_eq!(admission.in_flight(), InFlight::default());
    }

    #[test]
    fn draining_refuses_and_keeps_what_it_took() {
        let admission = admission(2, 100 * KIB, 100);
        let _held = admission.admit(Caller::default(), 1).unwrap();
        admission.drain();
        assert_eq!(admission.admit(Caller::default(), 1).unwrap_err(), Refused::Draining);
    }
}
