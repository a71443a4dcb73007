//! The API's edge: the only module that knows tonic and prost. Checks what comes in, converts it, maps errors to codes.

mod call;
mod convert;
mod deadline;
mod models;
mod receive;
mod scan;
mod status;
mod threat;
mod trace;

pub use call::interceptor as call_interceptor;
pub use models::Models;
pub use receive::{Receive, ReceiveLimits, Receiver};
pub use threat::{MessageLimits, Threats};

/// The generated types and services of `portcullis.v1`.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated; documented in proto/")]
pub mod v1 {
    tonic::include_proto!("portcullis.v1");

    /// The descriptors of the API, for reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/portcullis.v1.bin"));
}
