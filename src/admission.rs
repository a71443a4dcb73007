//! Who may come in: permits for requests and for their bytes, handed out before any work is done, and the state of
//! draining. Whoever does the work asks for an [`Admitted`], so that nothing enters unadmitted.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Proof that a request was admitted; its share of the limits is given back on drop.
#[derive(Debug)]
pub struct Admitted {
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// Why a request was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much is in flight. Nothing was started; try again later.
    #[error("too many requests are in flight")]
    Overloaded,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Draining,
}

/// The limits on what is in flight.
#[derive(Debug)]
pub struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_bytes: u32,
    draining: CancellationToken,
}

impl Admission {
    /// Limits the requests in flight, and their text in bytes.
    pub fn new(max_requests: usize, max_bytes: u32) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(max_requests.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(max_bytes as usize)),
            max_bytes,
            draining: CancellationToken::new(),
        }
    }

    /// Admits a request with this many bytes of text, now or not at all. One that alone is larger than the limit is
    /// admitted when nothing else is in flight.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn admit(&self, n_bytes: usize) -> Result<Admitted, Refused> {
        if self.draining.is_cancelled() {
            return Err(Refused::Draining);
        }
        let n_bytes = u32::try_from(n_bytes).unwrap_or(u32::MAX).min(self.max_bytes);
        let request = self.requests.clone().try_acquire_owned().map_err(|_| Refused::Overloaded)?;
        let bytes = self.bytes.clone().try_acquire_many_owned(n_bytes).map_err(|_| Refused::Overloaded)?;
        Ok(Admitted { _request: request, _bytes: bytes })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_recover() {
        let admission = Admission::new(2, 100);
        let first = admission.admit(60).unwrap();
        assert_eq!(admission.admit(41).unwrap_err(), Refused::Overloaded);
        let second = admission.admit(40).unwrap();
        assert_eq!(admission.admit(0).unwrap_err(), Refused::Overloaded);
        drop((first, second));
        assert!(admission.admit(1_000).is_ok());
    }

    #[test]
    fn draining_refuses_and_keeps_what_it_took() {
        let admission = Admission::new(2, 100);
        let _held = admission.admit(1).unwrap();
        admission.drain();
        assert_eq!(admission.admit(1).unwrap_err(), Refused::Draining);
    }
}
