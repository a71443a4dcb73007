//! `ScanStream`: one text that grows. Reads what arrives, tells how far the text is safe, and answers at its end as
//! `Analyze` would. Between two messages nothing is read ahead, so that a text which comes faster than it is read waits with
//! its sender.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::stream::{self, Stream};
use tokio::time::timeout_at;
use tonic::{Status, Streaming};
use tracing::Instrument;

use super::call::Call;
use super::status::Rejection;
use super::threat::Threats;
use super::v1::scan_request::Message;
use super::{convert, v1};
use crate::admission::Admitted;
use crate::deploy::Route;
use crate::pipeline::{AnalyzeError, Progress, Scan};

/// Who sends nothing for so long gives up the place.
const SILENCE: Duration = Duration::from_secs(30);

/// The answers of one scan.
pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<v1::ScanResponse, Status>> + Send>>;

/// Scans the text that a stream of messages brings.
pub(super) fn answers(service: Threats, route: Route, call: Call, messages: Streaming<v1::ScanRequest>) -> Answers {
    let span = call.span();
    let scanning = Scanning { service, route, call, messages, open: None, is_done: false };
    Box::pin(stream::try_unfold(scanning, move |scanning| scanning.next().instrument(span.clone())))
}

/// A scan, and where its messages come from.
struct Scanning {
    service: Threats,
    /// The model that reads all of the text.
    route: Route,
    call: Call,
    messages: Streaming<v1::ScanRequest>,
    open: Option<Open>,
    is_done: bool,
}

/// A text that was let in.
struct Open {
    segment_id: String,
    is_sanitized: bool,
    scan: Scan,
    admitted: Admitted,
    /// What has arrived and is not in the scan.
    arrived: Vec<u8>,
}

impl Scanning {
    /// The next answer, with what is needed for the one after it.
    async fn next(mut self) -> Result<Option<(v1::ScanResponse, Self)>, Status> {
        if self.is_done {
            return Ok(None);
        }
        match self.answer().await {
            Ok(answer) => Ok(Some((answer, self))),
            Err(Ended::Received(status)) => Err(status),
            Err(Ended::Rejected(rejection)) => {
                let (metrics, priority) = (self.route.pipeline().metrics(), self.call.caller.priority.name());
                rejection.cause().into_iter().for_each(|cause| metrics.refused(cause, priority));
                Err(rejection.into())
            }
        }
    }

    /// Takes messages until there is something to answer.
    async fn answer(&mut self) -> Result<v1::ScanResponse, Ended> {
        loop {
            if let Some(answer) = self.read_on().await? {
                return Ok(answer);
            }
            match (self.message().await?, &mut self.open) {
                (Message::Open(open), None) => self.open = Some(self.opened(open)?),
                (Message::Open(_), Some(_)) | (_, None) => {
                    return Err(Rejection::field("open", "must be the first message, and no other").into());
                }
                (Message::Chunk(bytes), Some(open)) => {
                    self.service.admission.grow(&mut open.admitted, bytes.len()).map_err(Rejection::from)?;
                    open.arrived = bytes;
                }
                (Message::End(_), Some(_)) => return self.finish().await,
            }
        }
    }

    /// The next message, unless it takes too long.
    async fn message(&mut self) -> Result<Message, Ended> {
        let silence = Instant::now() + SILENCE;
        let until = self.call.caller.deadline.map_or(silence, |deadline| deadline.min(silence));
        let message =
            timeout_at(until.into(), self.messages.message()).await.map_err(|_| Rejection::DeadlineExceeded)?;
        match message.map_err(Ended::Received)? {
            Some(message) => {
                self.service.check_message_size(&message, "chunk")?;
                message.message.ok_or_else(|| Rejection::field("message", "must be set").into())
            }
            None => Err(Rejection::field("end", "must be the last message: the text may be cut off").into()),
        }
    }

    fn opened(&self, open: v1::ScanOpen) -> Result<Open, Rejection> {
        let (source, options) = convert::scan_open(open.source, open.options)?;
        self.service.check_wait(&self.call, 0, &self.route)?;
        let admitted = self.service.admission.admit(self.call.caller, 0)?;
        let is_sanitized = options.sanitize.is_some();
        let scan = Scan::new(source, options, self.service.limits.segment_bytes);
        Ok(Open { segment_id: open.segment_id, is_sanitized, scan, admitted, arrived: Vec::new() })
    }

    /// Puts what has arrived into the scan; how far the text is safe, each time that it was read.
    async fn read_on(&mut self) -> Result<Option<v1::ScanResponse>, Ended> {
        let (route, deadline) = (&self.route, self.call.caller.deadline);
        let Some(open) = &mut self.open else { return Ok(None) };
        while !open.arrived.is_empty() {
            if open.scan.is_full() {
                if open.is_sanitized {
                    let description = "is for texts that fit a segment, which this one does not any more";
                    return Err(Rejection::field("open.options.sanitize", description).into());
                }
                let n_gone = within(deadline, route, open.scan.next_block(route.pipeline(), &open.admitted)).await?;
                open.admitted.give_back_bytes(n_gone);
            }
            let n_taken = open.scan.push(&open.arrived);
            open.arrived.drain(..n_taken);
            if open.scan.is_due() {
                let progress = within(deadline, route, open.scan.read(route.pipeline(), &open.admitted)).await?;
                return Ok(Some(v1::ScanResponse {
                    safe_up_to_byte: progress.safe_up_to as u64,
                    verdict: convert::verdict(progress.verdict).into(),
                    blocks: convert::count(open.scan.n_blocks()),
                    result: None,
                }));
            }
        }
        Ok(None)
    }

    /// The last answer.
    async fn finish(&mut self) -> Result<v1::ScanResponse, Ended> {
        let (started, route) = (Instant::now(), &self.route);
        let Some(open) = &mut self.open else { return Err(Rejection::field("open", "must be set").into()) };
        let analysis =
            within(self.call.caller.deadline, route, open.scan.finish(route.pipeline(), &open.admitted)).await?;
        route.answered(&analysis);
        self.is_done = true;
        route.pipeline().metrics().answered(self.call.caller.priority.name(), started.elapsed(), self.call.trace_id());
        let progress = Progress::of(&analysis);
        let result = convert::response(String::new(), std::slice::from_ref(&open.segment_id), analysis);
        Ok(v1::ScanResponse {
            safe_up_to_byte: progress.safe_up_to as u64,
            verdict: result.verdict,
            blocks: convert::count(open.scan.n_blocks()),
            result: Some(result),
        })
    }
}

/// Why a scan ends before its text does.
enum Ended {
    /// By what was received, or was not.
    Received(Status),
    Rejected(Rejection),
}

impl From<Rejection> for Ended {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// What comes out by the deadline; a fault of the model is counted as such.
async fn within<T>(
    deadline: Option<Instant>,
    route: &Route,
    reading: impl Future<Output = Result<T, AnalyzeError>>,
) -> Result<T, Rejection> {
    let read = match deadline {
        Some(deadline) => timeout_at(deadline.into(), reading).await.map_err(|_| Rejection::DeadlineExceeded)?,
        None => reading.await,
    };
    Ok(read.inspect_err(|error| route.failed(error))?)
}
