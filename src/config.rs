//! The server's configuration: flags over environment over file over defaults, checked as a whole.
//!
//! The only reader of the environment (through clap). Every mistake is reported at once.

mod model;

pub use model::{HubSettings, ModelSettings, read_keys};

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::batch::Limits;
use crate::grpc::MessageLimits;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How large a message may be.
    pub messages: MessageLimits,
    /// How large a batch may be.
    pub batches: Limits,
    /// Tokens that may wait for the device.
    pub queue_tokens: usize,
    /// Requests in flight.
    pub in_flight_requests: usize,
    /// Bytes of text in flight.
    pub in_flight_bytes: u32,
    /// From the first sign of shutdown, when health turns and new work is refused, until connections are closed.
    pub drain_delay: Duration,
    /// How long shutdown waits for what was accepted.
    pub drain_timeout: Duration,
}

/// What may be set, by flag, environment or file.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:50051]
    #[arg(long, env = "PORTCULLIS_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Which model.
    #[command(flatten)]
    #[serde(flatten)]
    pub model: ModelSettings,
    /// Where models that are no folders come from.
    #[command(flatten)]
    #[serde(flatten)]
    pub hub: HubSettings,
    /// Bytes that one segment may have [default: 1 MiB]
    #[arg(long, env = "PORTCULLIS_MAX_SEGMENT_BYTES", value_name = "N")]
    max_segment_bytes: Option<usize>,
    /// Bytes that one message may have [default: 4 MiB]
    #[arg(long, env = "PORTCULLIS_MAX_MESSAGE_BYTES", value_name = "N")]
    max_message_bytes: Option<usize>,
    /// Segments that one request may have [default: 256]
    #[arg(long, env = "PORTCULLIS_MAX_SEGMENTS", value_name = "N")]
    max_segments: Option<usize>,
    /// Requests that one batch may have [default: 256]
    #[arg(long, env = "PORTCULLIS_MAX_BATCH_REQUESTS", value_name = "N")]
    max_batch_requests: Option<usize>,
    /// Tokens that go to the device together, at most [default: 2048]
    #[arg(long, env = "PORTCULLIS_BATCH_TOKENS", value_name = "N")]
    batch_tokens: Option<usize>,
    /// Tokens that may wait for the device [default: 2 million]
    #[arg(long, env = "PORTCULLIS_QUEUE_TOKENS", value_name = "N")]
    queue_tokens: Option<usize>,
    /// Requests in flight, at most; more are refused [default: 1024]
    #[arg(long, env = "PORTCULLIS_MAX_IN_FLIGHT_REQUESTS", value_name = "N")]
    max_in_flight_requests: Option<usize>,
    /// Bytes of text in flight, at most; more are refused [default: 64 MiB]
    #[arg(long, env = "PORTCULLIS_MAX_IN_FLIGHT_BYTES", value_name = "N")]
    max_in_flight_bytes: Option<u32>,
    /// Milliseconds between refusing new work and closing connections at shutdown [default: 500]
    #[arg(long, env = "PORTCULLIS_DRAIN_DELAY_MS", value_name = "MS")]
    drain_delay_ms: Option<u64>,
    /// Milliseconds that shutdown waits for what was accepted [default: 30000]
    #[arg(long, env = "PORTCULLIS_DRAIN_TIMEOUT_MS", value_name = "MS")]
    drain_timeout_ms: Option<u64>,
}

/// Every mistake of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong:\n  {}", .0.join("\n  "))]
pub struct ConfigError(Vec<String>);

impl Settings {
    /// Reads a TOML file whose keys are the flags' names, with `_` for `-`.
    ///
    /// # Errors
    /// It is unreadable, or holds an unknown key or a wrong value.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError(vec![format!("{}: {error}", path.display())]))?;
        toml::from_str(&text).map_err(|error| ConfigError(vec![format!("{}: {error}", path.display())]))
    }

    /// These settings, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            model: self.model.or(other.model),
            hub: self.hub.or(other.hub),
            max_segment_bytes: self.max_segment_bytes.or(other.max_segment_bytes),
            max_message_bytes: self.max_message_bytes.or(other.max_message_bytes),
            max_segments: self.max_segments.or(other.max_segments),
            max_batch_requests: self.max_batch_requests.or(other.max_batch_requests),
            batch_tokens: self.batch_tokens.or(other.batch_tokens),
            queue_tokens: self.queue_tokens.or(other.queue_tokens),
            max_in_flight_requests: self.max_in_flight_requests.or(other.max_in_flight_requests),
            max_in_flight_bytes: self.max_in_flight_bytes.or(other.max_in_flight_bytes),
            drain_delay_ms: self.drain_delay_ms.or(other.drain_delay_ms),
            drain_timeout_ms: self.drain_timeout_ms.or(other.drain_timeout_ms),
        }
    }

    /// The configuration, with the defaults filled in.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn check(&self) -> Result<Config, ConfigError> {
        let config = Config {
            listen: self.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 50051))),
            messages: MessageLimits {
                segment_bytes: self.max_segment_bytes.unwrap_or(MIB),
                message_bytes: self.max_message_bytes.unwrap_or(4 * MIB),
                segments: self.max_segments.unwrap_or(256),
                batch_requests: self.max_batch_requests.unwrap_or(256),
            },
            batches: Limits { batch_tokens: self.batch_tokens.unwrap_or(2048) },
            queue_tokens: self.queue_tokens.unwrap_or(2_000_000),
            in_flight_requests: self.max_in_flight_requests.unwrap_or(1024),
            in_flight_bytes: self.max_in_flight_bytes.unwrap_or(64 * 1024 * 1024),
            drain_delay: Duration::from_millis(self.drain_delay_ms.unwrap_or(500)),
            drain_timeout: Duration::from_millis(self.drain_timeout_ms.unwrap_or(30_000)),
        };
        let positive = [
            ("max_segment_bytes", config.messages.segment_bytes),
            ("max_message_bytes", config.messages.message_bytes),
            ("max_segments", config.messages.segments),
            ("max_batch_requests", config.messages.batch_requests),
            ("batch_tokens", config.batches.batch_tokens),
            ("queue_tokens", config.queue_tokens),
            ("max_in_flight_requests", config.in_flight_requests),
            ("max_in_flight_bytes", config.in_flight_bytes as usize),
        ];
        let mut mistakes: Vec<String> = positive
            .into_iter()
            .filter(|(_, value)| *value == 0)
            .map(|(name, _)| format!("{name} must be at least 1"))
            .collect();
        if config.messages.segment_bytes > config.messages.message_bytes {
            mistakes.push("max_segment_bytes must not be above max_message_bytes".to_owned());
        }
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_settings_win_and_defaults_fill_in() {
        let flags: Settings = toml::from_str("max_segments = 3\nprecision = \"f32\"").unwrap();
        assert_eq!(flags.model.engine().precision, Precision::F32);
        let file: Settings = toml::from_str("max_segments = 9\nbatch_tokens = 512").unwrap();
        let config = flags.or(file).check().unwrap();
        assert_eq!((config.messages.segments, config.batches.batch_tokens), (3, 512));
        assert_eq!(config.messages.segment_bytes, MIB);
    }

    #[test]
    fn settings_of_the_model_stand_beside_the_others() {
        let settings: Settings = toml::from_str("trusted_key = [\"a.pem\"]\noffline = true\nmax_segments = 3").unwrap();
        let message = settings.model.trust().unwrap_err().to_string();
        assert!(message.contains("a.pem"), "{message}");
        assert!(settings.hub.hub().is_offline && settings.check().is_ok());
        assert!(toml::from_str::<Settings>("model = \"hf:owner/name@main\"").is_err());
        let both: Settings = toml::from_str("trusted_key = [\"a.pem\"]\nallow_unsigned_model = true").unwrap();
        assert!(both.model.trust().unwrap_err().to_string().contains("allow_unsigned_model"));
    }

    #[test]
    fn every_mistake_is_reported() {
        let settings: Settings =
            toml::from_str("max_segments = 0\nbatch_tokens = 0\nmax_segment_bytes = 9000000").unwrap();
        let message = settings.check().unwrap_err().to_string();
        for name in ["max_segments", "batch_tokens", "max_segment_bytes"] {
            assert!(message.contains(name), "{message}");
        }
        assert!(toml::from_str::<Settings>("max_segmnets = 1").is_err());
    }
}
