//! The only map from errors to gRPC codes.

use std::time::Duration;

use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::admission::Refused;
use crate::batch::BatchError;
use crate::deploy::DeployError;
use crate::pipeline::AnalyzeError;

/// When an overloaded server may be asked again, at the earliest.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// And at the latest.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Why a request gets no answer.
#[derive(Debug)]
pub(super) enum Rejection {
    /// The request is wrong, in these fields.
    Invalid(Vec<FieldViolation>),
    /// It was not let in.
    Refused(Refused),
    /// It would wait longer for others than it may: this much longer.
    WouldWait(Duration),
    /// It was let in and failed.
    Failed(AnalyzeError),
    /// It was let in and took too long.
    DeadlineExceeded,
}

impl Rejection {
    /// A request that is wrong in one field.
    pub(super) fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldViolation::new(field, description)])
    }
}

impl Rejection {
    /// The cause in metrics; none if it is not the server that refuses.
    pub(super) fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Refused(Refused::Overloaded(limit))
            | Self::Failed(AnalyzeError::Refused(Refused::Overloaded(limit))) => Some(limit.name()),
            Self::Refused(Refused::Allowance(_)) => Some("allowance"),
            Self::Refused(Refused::Draining) => Some("draining"),
            Self::WouldWait(_) => Some("wait"),
            Self::DeadlineExceeded | Self::Failed(AnalyzeError::Batch(BatchError::DeadlineExceeded)) => {
                Some("deadline")
            }
            Self::Failed(_) => Some("fault"),
            Self::Invalid(_) => None,
        }
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<AnalyzeError> for Rejection {
    fn from(error: AnalyzeError) -> Self {
        Self::Failed(error)
    }
}

impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Invalid(violations) => {
                let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
                let message = format!("the request is invalid in: {}", fields.join(", "));
                Self::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request(violations))
            }
            Rejection::Refused(Refused::Overloaded(_)) | Rejection::Failed(AnalyzeError::Refused(_)) => {
                exhausted("overloaded; try again", RETRY_AFTER)
            }
            Rejection::Refused(Refused::Allowance(delay)) => exhausted("the tenant's allowance is used up", delay),
            Rejection::WouldWait(excess) => exhausted("the wait would be too long; nothing was started", excess),
            Rejection::Refused(Refused::Draining) => Self::unavailable("the server is shutting down; try another"),
            Rejection::DeadlineExceeded | Rejection::Failed(AnalyzeError::Batch(BatchError::DeadlineExceeded)) => {
                Self::deadline_exceeded("the deadline passed before the text was scored")
            }
            Rejection::Failed(AnalyzeError::Batch(BatchError::DeviceFailed)) => {
                Self::unavailable("the device has failed; try another server")
            }
            Rejection::Failed(error) => {
                tracing::error!(%error, "a request failed");
                Self::internal("the analysis failed; nothing may be concluded about the text")
            }
        }
    }
}

impl From<DeployError> for Status {
    fn from(error: DeployError) -> Self {
        let message = error.to_string();
        match error {
            DeployError::Changed(_) => Self::aborted(message),
            DeployError::Unknown { n_found: 0, .. } => Self::not_found(message),
            DeployError::Unknown { .. } => Rejection::field("name", message).into(),
            DeployError::Share(_) => Rejection::field("share", message).into(),
            DeployError::Full => exhausted(&message, RETRY_AFTER),
            DeployError::Occupied | DeployError::Active | DeployError::NotReady(_) | DeployError::NothingToRollBack => {
                Self::failed_precondition(message)
            }
            DeployError::Record(error) => {
                tracing::error!(%error, "the active model could not be recorded");
                Self::internal("the change could not be recorded, and was not made")
            }
        }
    }
}

/// RESOURCE_EXHAUSTED, with the delay after which to ask again: for those who read details, and for gRPC clients that retry
/// by themselves.
pub(super) fn exhausted(message: &str, delay: Duration) -> Status {
    let delay = delay.clamp(RETRY_AFTER, LONGEST_RETRY);
    let mut metadata = MetadataMap::new();
    if let Ok(millis) = delay.as_millis().to_string().parse() {
        metadata.insert("grpc-retry-pushback-ms", millis);
    }
    let details = ErrorDetails::with_retry_info(Some(delay));
    Status::with_error_details_and_metadata(Code::ResourceExhausted, message, details, metadata)
}

/// A status as a message, for one item of many.
pub(super) fn to_message(status: &Status) -> tonic_types::pb::Status {
    let bare = || tonic_types::pb::Status {
        code: i32::from(status.code()),
        message: status.message().to_owned(),
        details: Vec::new(),
    };
    if status.details().is_empty() {
        return bare();
    }
    tonic_types::pb::Status::decode(status.details()).unwrap_or_else(|_| bare())
}
