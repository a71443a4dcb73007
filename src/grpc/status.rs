//! The only map from errors to gRPC codes.

use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::admission::Refused;
use crate::batch::BatchError;
use crate::pipeline::AnalyzeError;

/// When an overloaded server may be asked again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Why a request gets no answer.
#[derive(Debug)]
pub(super) enum Rejection {
    /// The request is wrong, in these fields.
    Invalid(Vec<FieldViolation>),
    /// It was not let in.
    Refused(Refused),
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
            Rejection::Refused(Refused::Overloaded) | Rejection::Failed(AnalyzeError::Batch(BatchError::Full)) => {
                let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
                Self::with_error_details(Code::ResourceExhausted, "overloaded; nothing was started, try again", details)
            }
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
