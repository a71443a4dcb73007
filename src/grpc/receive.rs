//! What is received and what waits to be sent, bounded over all connections. A message is decoded only when it is there as
//! a whole, so that its bytes must be counted before: from its length prefix, when its first bytes arrive.
//!
//! A message holds its bytes until the call is answered, or, in a stream, until it was taken. An answer holds its request's
//! share of the limits until it is sent. What finds no room is refused at once, and a message that trickles in times out.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, Service, http};
use tonic::server::NamedService;

use super::status::exhausted;
use crate::admission::Admitted;
use crate::telemetry::Metrics;

/// The calls that take many messages.
const STREAMS: [&str; 2] = ["/AnalyzeStream", "/ScanStream"];
/// A message must be there this long after its first bytes.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Messages above this size leave a quarter of the room to smaller ones.
const LARGE_MESSAGE_BYTES: usize = 16 * 1024;
/// Compression flag and length, in front of each message of the gRPC protocol.
const PREFIX_BYTES: usize = 5;

/// How much may be received at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveLimits {
    /// Bytes of messages.
    pub bytes: usize,
    /// Bytes of one message; larger ones are refused by the decoder.
    pub message_bytes: usize,
    /// Calls that are open.
    pub calls: usize,
}

/// The room for messages, over all connections.
pub struct Receiver {
    limits: ReceiveLimits,
    bytes: AtomicUsize,
    calls: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Receiver {
    /// Room under these limits.
    pub fn new(limits: ReceiveLimits, metrics: Arc<Metrics>) -> Arc<Self> {
        let calls = Arc::new(Semaphore::new(limits.calls.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { limits, bytes: AtomicUsize::new(0), calls, metrics })
    }

    /// Bytes of messages that are held.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn hold(&self, n_bytes: usize) -> bool {
        let all = self.limits.bytes;
        let open = if n_bytes > LARGE_MESSAGE_BYTES { all - all / 4 } else { all };
        let take = |held: usize| (held == 0 || held + n_bytes <= open).then_some(held + n_bytes);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn refuse(&self, cause: &'static str, message: &str) -> Status {
        self.metrics.refused(cause, "unknown");
        exhausted(message, Duration::ZERO)
    }
}

/// A service whose messages are counted.
#[derive(Clone)]
pub struct Receive<S> {
    inner: S,
    receiver: Arc<Receiver>,
}

impl<S> Receive<S> {
    /// Counts the messages of a service.
    pub fn new(inner: S, receiver: Arc<Receiver>) -> Self {
        Self { inner, receiver }
    }
}

impl<S: NamedService> NamedService for Receive<S> {
    const NAME: &'static str = S::NAME;
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<S> Service<http::Request<Body>> for Receive<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Answering {
        let Ok(call) = self.receiver.calls.clone().try_acquire_owned() else {
            let status = self.receiver.refuse("calls", "too many calls are open");
            return Box::pin(std::future::ready(Ok(status.into_http())));
        };
        let held = Arc::new(Held { receiver: self.receiver.clone(), bytes: Mutex::new(0), _call: call });
        let is_stream = STREAMS.iter().any(|stream| request.uri().path().ends_with(stream));
        let request = request.map(|body| Body::new(Incoming::new(body, held.clone(), is_stream)));
        let answering = self.inner.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            let admitted = response.extensions_mut().remove::<Arc<Vec<Admitted>>>();
            Ok(response.map(|body| Body::new(Outgoing { body, _admitted: admitted, _held: held })))
        })
    }
}

/// What a call holds of the room.
struct Held {
    receiver: Arc<Receiver>,
    bytes: Mutex<usize>,
    _call: OwnedSemaphorePermit,
}

impl Held {
    /// Holds a message's bytes in place of those of the one before.
    fn replace(&self, n_bytes: usize) -> bool {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        self.receiver.bytes.fetch_sub(std::mem::take(&mut *bytes), Ordering::Relaxed);
        let is_held = n_bytes == 0 || self.receiver.hold(n_bytes);
        if is_held {
            *bytes = n_bytes;
        }
        is_held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.replace(0);
    }
}

/// A request's body, counted as it arrives.
struct Incoming {
    body: Body,
    held: Arc<Held>,
    is_stream: bool,
    messages: Messages,
    timeout: Pin<Box<Sleep>>,
}

impl Incoming {
    fn new(body: Body, held: Arc<Held>, is_stream: bool) -> Self {
        let timeout = Box::pin(tokio::time::sleep(MESSAGE_TIMEOUT));
        Self { body, held, is_stream, messages: Messages::default(), timeout }
    }

    fn count(&mut self, data: &[u8]) -> Result<(), Status> {
        let was_inside = self.messages.is_inside();
        let largest = self.messages.read(data);
        if let Some(n_bytes) = largest
            && n_bytes <= self.held.receiver.limits.message_bytes
            && !self.held.replace(n_bytes)
        {
            return Err(self.held.receiver.refuse("receiving", "too much is being received; try again"));
        }
        if self.is_stream && !self.messages.is_inside() {
            self.held.replace(0);
        }
        if self.messages.is_inside() && (!was_inside || largest.is_some()) {
            self.timeout.as_mut().reset(Instant::now() + MESSAGE_TIMEOUT);
        }
        Ok(())
    }
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let counted = frame.data_ref().map_or(Ok(()), |data| this.count(data));
                Poll::Ready(Some(counted.map(|()| frame)))
            }
            Poll::Pending if this.messages.is_inside() && this.timeout.as_mut().poll(context).is_ready() => {
                Poll::Ready(Some(Err(Status::deadline_exceeded("the message took too long to arrive"))))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// Where in the sequence of length-prefixed messages a body is.
#[derive(Default)]
struct Messages {
    prefix: [u8; PREFIX_BYTES],
    n_prefix: usize,
    /// Bytes of the message that are still to come.
    rest: usize,
}

impl Messages {
    /// Reads on; the length of the largest message that begins in these bytes, with its prefix.
    fn read(&mut self, mut data: &[u8]) -> Option<usize> {
        let mut largest = None;
        while !data.is_empty() {
            if self.rest > 0 {
                let n_bytes = self.rest.min(data.len());
                self.rest -= n_bytes;
                data = data.get(n_bytes..).unwrap_or_default();
                continue;
            }
            let (byte, behind) = data.split_first()?;
            if let Some(slot) = self.prefix.get_mut(self.n_prefix) {
                *slot = *byte;
            }
            (data, self.n_prefix) = (behind, self.n_prefix + 1);
            if self.n_prefix == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                (self.rest, self.n_prefix) = (u32::from_be_bytes(length) as usize, 0);
                largest = largest.max(Some(self.rest + PREFIX_BYTES));
            }
        }
        largest
    }

    /// True if a message has begun and is not there as a whole.
    fn is_inside(&self) -> bool {
        self.rest > 0 || self.n_prefix > 0
    }
}

/// An answer's body. It goes when the answer is with the transport, and with it what the call held.
struct Outgoing {
    body: Body,
    _admitted: Option<Arc<Vec<Admitted>>>,
    _held: Arc<Held>,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receiver(bytes: usize) -> Arc<Receiver> {
        Receiver::new(ReceiveLimits { bytes, message_bytes: bytes, calls: 9 }, Arc::default())
    }

    #[test]
    fn room_is_held_and_given_back() {
        let receiver = receiver(100_000);
        let held = |n_bytes: usize| {
            let call = receiver.calls.clone().try_acquire_owned().unwrap();
            let held = Held { receiver: receiver.clone(), bytes: Mutex::new(0), _call: call };
            held.replace(n_bytes).then_some(held)
        };
        let (large, small) = (held(70_000).unwrap(), held(9_000).unwrap());
        assert!(held(20_000).is_none(), "a large message leaves room to small ones");
        assert!(held(10_000).is_some());
        drop(large);
        assert!(small.replace(60_000));
        assert_eq!(receiver.bytes(), 60_000);
        drop(small);
        assert_eq!(receiver.bytes(), 0);
        assert!(held(1_000_000).is_some(), "what is larger than the room is taken alone");
    }

    proptest! {
        #[test]
        fn messages_are_followed_however_they_are_cut(
            lengths in prop::collection::vec(0usize..50, 0..20),
            cuts in prop::collection::vec(1usize..30, 1..200),
        ) {
            let bytes: Vec<u8> = lengths
                .iter()
                .flat_map(|&length| [&[0][..], &(length as u32).to_be_bytes(), &vec![7; length]].concat())
                .collect();
            let (mut messages, mut rest, mut begun) = (Messages::default(), bytes.as_slice(), Vec::new());
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                begun.extend(messages.read(head));
                rest = tail;
            }
            prop_assert!(!messages.is_inside());
            prop_assert_eq!(begun.iter().max().copied(), lengths.iter().map(|length| length + PREFIX_BYTES).max());
        }
    }
}
