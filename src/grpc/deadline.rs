//! A call's deadline, read from its `grpc-timeout` header when the header arrives.

use std::time::{Duration, Instant};

use tonic::Status;
use tonic::metadata::MetadataMap;

/// A call that cannot be answered in time is told so this much before its deadline, or a tenth of its timeout before if
/// that is less: the caller shall read our DEADLINE_EXCEEDED and not the cancellation that tonic's server and client both
/// raise at the deadline itself.
const MARGIN: Duration = Duration::from_millis(250);

/// When a call's answer must be out.
///
/// # Errors
/// INVALID_ARGUMENT if the header is not what the protocol asks for.
#[allow(clippy::result_large_err, reason = "the type is tonic's")]
pub(super) fn deadline(metadata: &MetadataMap) -> Result<Option<Instant>, Status> {
    let Some(header) = metadata.get("grpc-timeout") else { return Ok(None) };
    let timeout = header.to_str().ok().and_then(parse).ok_or_else(|| {
        Status::invalid_argument("grpc-timeout must be 1 to 8 digits and a unit of H, M, S, m, u or n")
    })?;
    Ok(Some(Instant::now() + timeout.saturating_sub(MARGIN.min(timeout / 10))))
}

/// A `TimeoutValue` and `TimeoutUnit` of the gRPC protocol over HTTP/2.
fn parse(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_the_protocol() {
        let table = [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("15S", Some(Duration::from_secs(15))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("7u", Some(Duration::from_micros(7))),
            ("7n", Some(Duration::from_nanos(7))),
            ("100000000m", None),
            ("-1S", None),
            ("+1S", None),
            ("S", None),
            ("", None),
            ("5x", None),
            ("5é", None),
        ];
        for (header, expected) in table {
            assert_eq!(parse(header), expected, "{header:?}");
        }
    }
}
