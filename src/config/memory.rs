//! How large the server may grow, as a formula of its limits; docs/OPERATIONS.md explains each term. Pure.

use super::{Config, KIB, MIB};
use crate::deploy::SHADOWS_AT_A_TIME;
use crate::pipeline::{LONG_REQUEST_BYTES, ReaderCounts};

/// A connection: its buffers, and what HTTP/2 lets it send ahead.
pub const CONNECTION_BYTES: usize = 64 * KIB + CONNECTION_WINDOW_BYTES;
/// What a connection may send before it is read.
pub const CONNECTION_WINDOW_BYTES: usize = 256 * KIB;
/// An open call: its task, headers and HTTP/2 stream.
pub const CALL_BYTES: usize = 32 * KIB;
/// A request in flight: what it may decode beside what its size pays for, and its bookkeeping.
pub const REQUEST_BYTES: usize = 64 * KIB;
/// Text in flight, a byte: the text, its canonical form, what was decoded from it, and the maps between them.
pub const PER_TEXT_BYTE: usize = 16;
/// A token in flight: its identifier in each window, its place in the text, its share of a window's bookkeeping.
pub const PER_TOKEN: usize = 64;
/// Text while it is read, a byte: the tokenizer's own structures on top.
pub const PER_READ_BYTE: usize = 320;
/// A token on the device: the activations of one layer, the widest of them four times as wide as the model, in f32.
pub const PER_DEVICE_TOKEN: usize = 64 * KIB;
/// The runtime's threads, the allocator's reserve and everything that does not grow.
pub const FIXED_BYTES: usize = 128 * MIB;

impl Config {
    /// Bytes that the server may take beyond what it takes when it starts to listen, at most.
    pub fn memory_bound(&self) -> usize {
        let readers = ReaderCounts::of_this_machine();
        let n_models = self.deploy.max_models();
        let model_bytes = usize::try_from(self.deploy.limits.model_bytes).unwrap_or(usize::MAX);
        let terms = [
            (self.connections, CONNECTION_BYTES),
            (self.calls(), CALL_BYTES),
            (self.receive_bytes, 2),
            (self.in_flight.requests, REQUEST_BYTES),
            (self.in_flight.bytes, PER_TEXT_BYTE),
            (self.in_flight.tokens, PER_TOKEN),
            (readers.short * LONG_REQUEST_BYTES + readers.long * self.messages.message_bytes, PER_READ_BYTE),
            (self.batches.batch_tokens.saturating_mul(n_models), PER_DEVICE_TOKEN),
            (self.cache.bytes, n_models),
            (n_models - 1, model_bytes),
            (if n_models > 1 { SHADOWS_AT_A_TIME } else { 0 }, self.messages.message_bytes),
            (1, FIXED_BYTES),
        ];
        terms.into_iter().fold(0, |sum: usize, (n, bytes)| sum.saturating_add(n.saturating_mul(bytes)))
    }

    /// Calls that may be open: those in flight, and as many again three times that are about to be refused.
    pub fn calls(&self) -> usize {
        self.in_flight.requests.saturating_mul(4)
    }
}
