//! What a call's metadata says beside its message: its deadline, tenant, priority and trace. Read when the header arrives.

use tonic::metadata::MetadataMap;
use tonic::{Request, Status};
use tracing::Span;

use super::deadline::deadline;
use super::status::Rejection;
use super::trace::Trace;
use crate::caller::{Caller, Priority, Tenant};
use crate::telemetry::continue_trace;

const TENANT: &str = "x-portcullis-tenant";
const SESSION: &str = "x-portcullis-session";
/// Bytes of a tenant's or session's name.
const MAX_NAME_BYTES: usize = 128;
const PRIORITY: &str = "x-portcullis-priority";

/// A call's metadata, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) caller: Caller,
    /// Whose calls stay with one model while several answer: a session's, or else a tenant's.
    pub(super) model_key: Option<Tenant>,
    trace: Option<Trace>,
}

/// Notes what a call's metadata says in its extensions.
///
/// # Errors
/// INVALID_ARGUMENT if something in it is wrong.
#[allow(clippy::result_large_err, reason = "the type is tonic's")]
pub fn interceptor(mut request: Request<()>) -> Result<Request<()>, Status> {
    let metadata = request.metadata();
    let (tenant, session) = (name(metadata, TENANT)?, name(metadata, SESSION)?);
    let caller = Caller {
        tenant: tenant.unwrap_or(Tenant::UNNAMED),
        priority: priority(metadata)?,
        deadline: deadline(metadata)?,
    };
    let trace = metadata.get("traceparent").and_then(|header| Trace::parse(header.to_str().ok()?));
    request.extensions_mut().insert(Call { caller, model_key: session.or(tenant), trace });
    Ok(request)
}

#[allow(clippy::result_large_err, reason = "the type is tonic's")]
fn name(metadata: &MetadataMap, key: &str) -> Result<Option<Tenant>, Status> {
    let Some(value) = metadata.get(key) else { return Ok(None) };
    match value.to_str() {
        Ok(name) if (1..=MAX_NAME_BYTES).contains(&name.len()) => Ok(Some(Tenant::named(name))),
        _ => Err(Rejection::field(key, format!("must be 1 to {MAX_NAME_BYTES} bytes of ASCII")).into()),
    }
}

#[allow(clippy::result_large_err, reason = "the type is tonic's")]
fn priority(metadata: &MetadataMap) -> Result<Priority, Status> {
    let Some(value) = metadata.get(PRIORITY) else { return Ok(Priority::default()) };
    let named = value.to_str().ok().and_then(Priority::named);
    named.ok_or_else(|| Rejection::field(PRIORITY, "must be interactive, default or bulk").into())
}

impl Call {
    /// What the interceptor has noted.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// The same call with all the time there is.
    pub(super) fn without_deadline(mut self) -> Self {
        self.caller.deadline = None;
        self
    }

    /// The caller's trace, as hexadecimal digits.
    pub(super) fn trace_id(&self) -> Option<&str> {
        self.trace.as_ref().map(|trace| trace.trace_id.as_str())
    }

    /// What logs of the call stand in, as a part of the caller's trace.
    pub(super) fn span(&self) -> Span {
        let (trace_id, parent_id) =
            self.trace.as_ref().map(|trace| (trace.trace_id.as_str(), trace.parent_id.as_str())).unzip();
        let span = tracing::info_span!("call", priority = self.caller.priority.name(), trace_id, parent_id);
        if let Some(trace) = &self.trace {
            continue_trace(&span, &trace.trace_id, &trace.parent_id, trace.is_sampled);
        }
        span
    }
}
