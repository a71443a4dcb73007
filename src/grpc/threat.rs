//! `ThreatService`: one request, many at once, a stream of them, or one text that grows (`scan`).

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, Stream, StreamExt};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::call::Call;
use super::convert::CheckedRequest;
use super::status::{Rejection, to_message};
use super::{convert, scan, v1};
use crate::admission::{Admission, Admitted, Refused};
use crate::deploy::{Deployment, Opinion, Route};

/// Requests of one batch or stream that are analysed at the same time: enough to fill a device's batches.
const CONCURRENT_ITEMS: usize = 64;

/// How large a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// Bytes of one segment's content.
    pub segment_bytes: usize,
    /// Bytes of one message, encoded.
    pub message_bytes: usize,
    /// Segments of one request.
    pub segments: usize,
    /// Requests of one batch.
    pub batch_requests: usize,
}

/// The service.
#[derive(Clone)]
pub struct Threats {
    pub(super) deployment: Deployment,
    pub(super) admission: Arc<Admission>,
    pub(super) limits: MessageLimits,
    longest_wait: Duration,
}

/// An answer that keeps its request's share of the limits until it is sent.
type Answered = (v1::AnalyzeResponse, Admitted);

impl Threats {
    /// Serves the models of a deployment behind an admission; what would wait longer than `longest_wait` for others is refused.
    pub fn new(
        deployment: Deployment,
        admission: Arc<Admission>,
        limits: MessageLimits,
        longest_wait: Duration,
    ) -> Self {
        Self { deployment, admission, limits, longest_wait }
    }

    /// The model that reads a call, all of it.
    fn route(&self, call: &Call) -> Route {
        self.deployment.route(call.model_key)
    }

    /// Checks a request, lets it in and analyses it; counts and logs how it went.
    async fn answer(&self, request: v1::AnalyzeRequest, call: &Call, route: &Route) -> Result<Answered, Rejection> {
        let (started, priority, metrics) = (Instant::now(), call.caller.priority.name(), route.pipeline().metrics());
        let result = self.analyzed(request, call, route).instrument(call.span()).await;
        let elapsed = started.elapsed();
        match &result {
            Ok(_) => metrics.answered(priority, elapsed, call.trace_id()),
            Err(rejection) => rejection.cause().into_iter().for_each(|cause| metrics.refused(cause, priority)),
        }
        result
    }

    async fn analyzed(&self, request: v1::AnalyzeRequest, call: &Call, route: &Route) -> Result<Answered, Rejection> {
        self.check_message_size(&request, "segments")?;
        let checked = convert::request(request, &self.limits)?;
        let n_bytes = checked.n_bytes();
        self.check_wait(call, n_bytes, route)?;
        let admitted = self.admission.admit(call.caller, n_bytes)?;
        let CheckedRequest { request_id, segment_ids, segments, options } = checked;
        let sources: Vec<_> = segments.iter().map(|segment| segment.source).collect();
        let shadow = route.shadow(&segments, &options);
        let analysis = route.pipeline().analyze(&admitted, segments, options);
        let analysis = match call.caller.deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), analysis).await.map_err(|_| Rejection::DeadlineExceeded)?
            }
            None => analysis.await,
        };
        let analysis = analysis.inspect_err(|error| route.failed(error))?;
        route.answered(&analysis);
        if let Some(shadow) = shadow {
            let opinion = Opinion::of(&analysis, &sources);
            tokio::spawn(shadow.compare(route.clone(), self.admission.clone(), opinion));
        }
        let (windows, verdict) = (analysis.coverage.windows, analysis.verdict.name());
        tracing::debug!(bytes = n_bytes, windows, cached = analysis.timings.cached_windows, verdict, "answered");
        Ok((convert::response(request_id, &segment_ids, analysis), admitted))
    }

    /// Refuses what is late, and what would be because of what waits already, before it costs anything.
    pub(super) fn check_wait(&self, call: &Call, n_bytes: usize, route: &Route) -> Result<(), Rejection> {
        let left = call.caller.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Rejection::DeadlineExceeded);
        }
        let longest = left.map_or(self.longest_wait, |left| left.min(self.longest_wait));
        let excess = route.pipeline().estimated_wait(&call.caller, n_bytes).saturating_sub(longest);
        if excess.is_zero() { Ok(()) } else { Err(Rejection::WouldWait(excess)) }
    }

    /// The answer to one request of many, with what it holds of the limits.
    async fn result(
        &self,
        request: v1::AnalyzeRequest,
        call: &Call,
        route: &Route,
    ) -> (v1::AnalyzeResult, Option<Admitted>) {
        let (result, admitted) = match self.answer(request, call, route).await {
            Ok((response, admitted)) => (v1::analyze_result::Result::Response(response), Some(admitted.answered())),
            Err(rejection) => (v1::analyze_result::Result::Error(to_message(&rejection.into())), None),
        };
        (v1::AnalyzeResult { result: Some(result) }, admitted)
    }

    async fn stream_item(
        &self,
        item: v1::AnalyzeStreamRequest,
        call: &Call,
        route: &Route,
    ) -> (v1::AnalyzeStreamResponse, Option<Admitted>) {
        let rejected = |field: &str| {
            let status = Rejection::field(field, "must be set").into();
            (v1::AnalyzeResult { result: Some(v1::analyze_result::Result::Error(to_message(&status))) }, None)
        };
        let (result, admitted) = match item.request {
            _ if item.item_id.is_empty() => rejected("item_id"),
            None => rejected("request"),
            Some(request) => self.result(request, call, route).await,
        };
        (v1::AnalyzeStreamResponse { item_id: item.item_id, result: Some(result) }, admitted)
    }

    /// Refuses a message that is too large, in the name of the field that makes it so.
    pub(super) fn check_message_size(&self, message: &impl Message, field: &str) -> Result<(), Rejection> {
        let (n_bytes, limit) = (message.encoded_len(), self.limits.message_bytes);
        if n_bytes > limit {
            return Err(Rejection::field(
                field,
                format!("make a message of {n_bytes} bytes; at most {limit} are accepted"),
            ));
        }
        Ok(())
    }

    fn check_batch(&self, batch: &v1::AnalyzeBatchRequest) -> Result<(), Rejection> {
        let (n_requests, limit) = (batch.requests.len(), self.limits.batch_requests);
        if n_requests == 0 {
            return Err(Rejection::field("requests", "must hold at least one request"));
        }
        if n_requests > limit {
            return Err(Rejection::field(
                "requests",
                format!("holds {n_requests} requests; at most {limit} are accepted"),
            ));
        }
        self.check_message_size(batch, "requests")
    }
}

#[tonic::async_trait]
impl v1::threat_service_server::ThreatService for Threats {
    async fn analyze(&self, request: Request<v1::AnalyzeRequest>) -> Result<Response<v1::AnalyzeResponse>, Status> {
        let call = Call::of(&request);
        let (answer, admitted) = self.answer(request.into_inner(), &call, &self.route(&call)).await?;
        Ok(holding(Response::new(answer), vec![admitted]))
    }

    async fn analyze_batch(
        &self,
        request: Request<v1::AnalyzeBatchRequest>,
    ) -> Result<Response<v1::AnalyzeBatchResponse>, Status> {
        let call = Call::of(&request);
        let (batch, route) = (request.into_inner(), self.route(&call));
        self.check_batch(&batch)?;
        let answers: Vec<_> = stream::iter(batch.requests)
            .map(|request| self.result(request, &call, &route))
            .buffered(CONCURRENT_ITEMS)
            .collect()
            .await;
        let (results, admitted): (_, Vec<_>) = answers.into_iter().unzip();
        let held = admitted.into_iter().flatten().collect();
        Ok(holding(Response::new(v1::AnalyzeBatchResponse { results }), held))
    }

    type AnalyzeStreamStream = Pin<Box<dyn Stream<Item = Result<v1::AnalyzeStreamResponse, Status>> + Send>>;

    /// Keeps to one model, however long the stream is. Reads on while fewer than `CONCURRENT_ITEMS` items are under way, so
    /// that a slow reader slows its own stream. Once the server drains, what was read is answered and the stream ends with UNAVAILABLE.
    async fn analyze_stream(
        &self,
        request: Request<Streaming<v1::AnalyzeStreamRequest>>,
    ) -> Result<Response<Self::AnalyzeStreamStream>, Status> {
        // The call's deadline is that of the stream; its items have none of their own.
        let call = Arc::new(Call::of(&request).without_deadline());
        let items = request.into_inner().take_until(self.admission.drained());
        let (service, route) = (self.clone(), self.route(&call));
        let answers = items
            .map(move |item| {
                let (service, call, route) = (service.clone(), call.clone(), route.clone());
                async move { Ok(service.stream_item(item?, &call, &route).await) }
            })
            .buffer_unordered(CONCURRENT_ITEMS)
            .map(|answer| answer.map(|(response, _sent)| response));
        let admission = self.admission.clone();
        let end = stream::once(async move { admission.is_draining() })
            .filter_map(async |is_draining| is_draining.then(|| Err(Rejection::from(Refused::Draining).into())));
        Ok(Response::new(Box::pin(answers.chain(end))))
    }

    type ScanStreamStream = scan::Answers;

    async fn scan_stream(
        &self,
        request: Request<Streaming<v1::ScanRequest>>,
    ) -> Result<Response<Self::ScanStreamStream>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(scan::answers(self.clone(), self.route(&call), call, request.into_inner())))
    }
}

/// Lets an answer hold shares of the limits until it is sent: a caller that does not read must not make room for more.
fn holding<T>(mut response: Response<T>, admitted: Vec<Admitted>) -> Response<T> {
    response.extensions_mut().insert(Arc::new(admitted));
    response
}
