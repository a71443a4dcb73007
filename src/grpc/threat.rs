//! `ThreatService`: one request, many at once, or a stream of them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, Stream, StreamExt};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::deadline::Deadline;
use super::status::{Rejection, to_message};
use super::{convert, v1};
use crate::admission::{Admission, Refused};
use crate::pipeline::Pipeline;

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
    pipeline: Arc<Pipeline>,
    admission: Arc<Admission>,
    limits: MessageLimits,
}

impl Threats {
    /// Serves a pipeline behind an admission.
    pub fn new(pipeline: Arc<Pipeline>, admission: Arc<Admission>, limits: MessageLimits) -> Self {
        Self { pipeline, admission, limits }
    }

    /// Checks a request, lets it in and analyses it.
    async fn answer(
        &self,
        request: v1::AnalyzeRequest,
        deadline: Option<Instant>,
    ) -> Result<v1::AnalyzeResponse, Rejection> {
        self.check_message_size(&request, "segments")?;
        let checked = convert::request(request, &self.limits)?;
        let admitted = self.admission.admit(checked.n_bytes())?;
        let analysis = self.pipeline.analyze(&admitted, checked.segments, checked.options, deadline);
        let analysis = match deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), analysis).await.map_err(|_| Rejection::DeadlineExceeded)?
            }
            None => analysis.await,
        };
        Ok(convert::response(checked.request_id, &checked.segment_ids, analysis?))
    }

    async fn result(&self, request: v1::AnalyzeRequest, deadline: Option<Instant>) -> v1::AnalyzeResult {
        let result = match self.answer(request, deadline).await {
            Ok(response) => v1::analyze_result::Result::Response(response),
            Err(rejection) => v1::analyze_result::Result::Error(to_message(&rejection.into())),
        };
        v1::AnalyzeResult { result: Some(result) }
    }

    async fn stream_item(&self, item: v1::AnalyzeStreamRequest) -> v1::AnalyzeStreamResponse {
        let rejected = |field: &str| {
            let status = Rejection::field(field, "must be set").into();
            v1::AnalyzeResult { result: Some(v1::analyze_result::Result::Error(to_message(&status))) }
        };
        let result = match item.request {
            _ if item.item_id.is_empty() => rejected("item_id"),
            None => rejected("request"),
            Some(request) => self.result(request, None).await,
        };
        v1::AnalyzeStreamResponse { item_id: item.item_id, result: Some(result) }
    }

    fn check_message_size(&self, message: &impl Message, field: &str) -> Result<(), Rejection> {
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
        let deadline = deadline(&request);
        Ok(Response::new(self.answer(request.into_inner(), deadline).await?))
    }

    async fn analyze_batch(
        &self,
        request: Request<v1::AnalyzeBatchRequest>,
    ) -> Result<Response<v1::AnalyzeBatchResponse>, Status> {
        let deadline = deadline(&request);
        let batch = request.into_inner();
        self.check_batch(&batch)?;
        let results = stream::iter(batch.requests)
            .map(|request| self.result(request, deadline))
            .buffered(CONCURRENT_ITEMS)
            .collect()
            .await;
        Ok(Response::new(v1::AnalyzeBatchResponse { results }))
    }

    type AnalyzeStreamStream = Pin<Box<dyn Stream<Item = Result<v1::AnalyzeStreamResponse, Status>> + Send>>;

    /// Reads on while fewer than `CONCURRENT_ITEMS` items are under way, so that a slow reader slows its own stream.
    /// Once the server drains, what was read is answered and the stream ends with UNAVAILABLE.
    async fn analyze_stream(
        &self,
        request: Request<Streaming<v1::AnalyzeStreamRequest>>,
    ) -> Result<Response<Self::AnalyzeStreamStream>, Status> {
        let items = request.into_inner().take_until(self.admission.drained());
        let service = self.clone();
        let answers = items
            .map(move |item| {
                let service = service.clone();
                async move { Ok(service.stream_item(item?).await) }
            })
            .buffer_unordered(CONCURRENT_ITEMS);
        let admission = self.admission.clone();
        let end = stream::once(async move { admission.is_draining() })
            .filter_map(async |is_draining| is_draining.then(|| Err(Rejection::from(Refused::Draining).into())));
        Ok(Response::new(Box::pin(answers.chain(end))))
    }
}

fn deadline<T>(request: &Request<T>) -> Option<Instant> {
    request.extensions().get::<Deadline>().map(|deadline| deadline.0)
}
