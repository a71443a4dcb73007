//! Lines on standard error, written by a thread of their own: whoever reads them may be slow or stop, and no request waits for
//! that. What finds no room is dropped and counted.

use std::io::stderr;
use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that wait to be written: a megabyte, about.
const WAITING_LINES: usize = 4096;

/// There is one standard error, and so one count.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// The thread that writes. Dropped, it writes what is left, for a second at most.
pub struct Logs(#[allow(dead_code, reason = "held for its drop")] WorkerGuard);

impl Logs {
    /// Starts the thread.
    pub(super) fn start() -> (Self, NonBlocking) {
        let (writer, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(WAITING_LINES)
            .thread_name("portcullis-log")
            .finish(stderr());
        // It is set once: a second logger is refused by the caller.
        let _ = DROPPED.set(writer.error_counter());
        (Self(guard), writer)
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped_lines() -> usize {
        DROPPED.get().map_or(0, ErrorCounter::dropped_lines)
    }
}
