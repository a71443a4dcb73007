//! The server's configuration: flags over environment over file over defaults, checked as a whole.
//!
//! The only reader of the environment (through clap). Every mistake is reported at once.

mod deploy;
pub mod memory;
mod model;

pub use deploy::{AdminTls, DeployConfig, DeploySettings, default_admin_url};
pub use model::{HubSettings, ModelSettings, read_keys};

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::admission::{Allowance, InFlightLimits};
use crate::batch::Limits;
use crate::cache::CacheLimits;
use crate::grpc::MessageLimits;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How large a message may be.
    pub messages: MessageLimits,
    /// How large a batch may be.
    pub batches: Limits,
    /// How much may be in flight, and what a tenant may send.
    pub in_flight: InFlightLimits,
    /// Bytes of messages that may be received at the same time.
    pub receive_bytes: usize,
    /// Connections.
    pub connections: usize,
    /// After this long a connection is asked to end, so that load balancers can spread.
    pub connection_age: Duration,
    /// Longer waits for others are refused.
    pub longest_wait: Duration,
    /// What is kept of windows that were read.
    pub cache: CacheLimits,
    /// Where metrics and health are told.
    pub metrics_listen: SocketAddr,
    /// From the first sign of shutdown, when health turns and new work is refused, until connections are closed.
    pub drain_delay: Duration,
    /// How long shutdown waits for what was accepted.
    pub drain_timeout: Duration,
    /// How models take each other's place.
    pub deploy: DeployConfig,
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
    /// How models take each other's place.
    #[command(flatten)]
    #[serde(flatten)]
    pub deploy: DeploySettings,
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
    /// Requests in flight, at most; more are refused [default: 1024]
    #[arg(long, env = "PORTCULLIS_MAX_IN_FLIGHT_REQUESTS", value_name = "N")]
    max_in_flight_requests: Option<usize>,
    /// Bytes of text in flight, at most; more are refused [default: 64 MiB]
    #[arg(long, env = "PORTCULLIS_MAX_IN_FLIGHT_BYTES", value_name = "N")]
    max_in_flight_bytes: Option<usize>,
    /// Milliseconds between refusing new work and closing connections at shutdown [default: 500]
    #[arg(long, env = "PORTCULLIS_DRAIN_DELAY_MS", value_name = "MS")]
    drain_delay_ms: Option<u64>,
    /// Milliseconds that shutdown waits for what was accepted [default: 30000]
    #[arg(long, env = "PORTCULLIS_DRAIN_TIMEOUT_MS", value_name = "MS")]
    drain_timeout_ms: Option<u64>,
    /// Tokens in flight, at most, each window counted with 32 at least; more are refused [default: 2 million]
    #[arg(long, env = "PORTCULLIS_MAX_IN_FLIGHT_TOKENS", value_name = "N")]
    max_in_flight_tokens: Option<usize>,
    /// Bytes of messages that are received at the same time; more are refused [default: 64 MiB]
    #[arg(long, env = "PORTCULLIS_MAX_RECEIVE_BYTES", value_name = "N")]
    max_receive_bytes: Option<usize>,
    /// Connections; more are closed at once [default: 512]
    #[arg(long, env = "PORTCULLIS_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<usize>,
    /// Seconds after which a connection is asked to end [default: 1800]
    #[arg(long, env = "PORTCULLIS_MAX_CONNECTION_AGE_S", value_name = "S")]
    max_connection_age_s: Option<u64>,
    /// Milliseconds that a request may wait for others, by estimate; longer waits are refused [default: 30000]
    #[arg(long, env = "PORTCULLIS_MAX_WAIT_MS", value_name = "MS")]
    max_wait_ms: Option<u64>,
    /// Microseconds that a batch which is not full waits for more [default: 0]
    #[arg(long, env = "PORTCULLIS_BATCH_DELAY_US", value_name = "US")]
    batch_delay_us: Option<u64>,
    /// Bytes of text that each tenant may send a second, in the long run; 0 for no limit [default: 0]
    #[arg(long, env = "PORTCULLIS_TENANT_BYTES_PER_SECOND", value_name = "N")]
    tenant_bytes_per_second: Option<usize>,
    /// Bytes of text that a tenant may send at once after a pause [default: what it may send in 10 seconds]
    #[arg(long, env = "PORTCULLIS_TENANT_BURST_BYTES", value_name = "N")]
    tenant_burst_bytes: Option<usize>,
    /// Bytes of scores that are kept of windows read before; 0 for none [default: 64 MiB]
    #[arg(long, env = "PORTCULLIS_CACHE_BYTES", value_name = "N")]
    cache_bytes: Option<usize>,
    /// Let tenants hit each other's scores: the time of an answer then tells one what another has sent
    #[arg(long, env = "PORTCULLIS_SHARE_CACHE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    share_cache: Option<bool>,
    /// Address and port of /metrics and /healthz [default: 127.0.0.1:9464]
    #[arg(long, env = "PORTCULLIS_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
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
            deploy: self.deploy.or(other.deploy),
            max_segment_bytes: self.max_segment_bytes.or(other.max_segment_bytes),
            max_message_bytes: self.max_message_bytes.or(other.max_message_bytes),
            max_segments: self.max_segments.or(other.max_segments),
            max_batch_requests: self.max_batch_requests.or(other.max_batch_requests),
            batch_tokens: self.batch_tokens.or(other.batch_tokens),
            max_in_flight_requests: self.max_in_flight_requests.or(other.max_in_flight_requests),
            max_in_flight_bytes: self.max_in_flight_bytes.or(other.max_in_flight_bytes),
            drain_delay_ms: self.drain_delay_ms.or(other.drain_delay_ms),
            drain_timeout_ms: self.drain_timeout_ms.or(other.drain_timeout_ms),
            max_in_flight_tokens: self.max_in_flight_tokens.or(other.max_in_flight_tokens),
            max_receive_bytes: self.max_receive_bytes.or(other.max_receive_bytes),
            max_connections: self.max_connections.or(other.max_connections),
            max_connection_age_s: self.max_connection_age_s.or(other.max_connection_age_s),
            max_wait_ms: self.max_wait_ms.or(other.max_wait_ms),
            batch_delay_us: self.batch_delay_us.or(other.batch_delay_us),
            tenant_bytes_per_second: self.tenant_bytes_per_second.or(other.tenant_bytes_per_second),
            tenant_burst_bytes: self.tenant_burst_bytes.or(other.tenant_burst_bytes),
            cache_bytes: self.cache_bytes.or(other.cache_bytes),
            share_cache: self.share_cache.or(other.share_cache),
            metrics_listen: self.metrics_listen.or(other.metrics_listen),
        }
    }

    /// The configuration, with the defaults filled in.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn check(&self) -> Result<Config, ConfigError> {
        let mut mistakes = Vec::new();
        let config = Config {
            listen: self.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 50051))),
            messages: MessageLimits {
                segment_bytes: self.max_segment_bytes.unwrap_or(MIB),
                message_bytes: self.max_message_bytes.unwrap_or(4 * MIB),
                segments: self.max_segments.unwrap_or(256),
                batch_requests: self.max_batch_requests.unwrap_or(256),
            },
            batches: Limits {
                batch_tokens: self.batch_tokens.unwrap_or(2048),
                delay: Duration::from_micros(self.batch_delay_us.unwrap_or(0)),
            },
            in_flight: InFlightLimits {
                requests: self.max_in_flight_requests.unwrap_or(1024),
                bytes: self.max_in_flight_bytes.unwrap_or(64 * MIB),
                tokens: self.max_in_flight_tokens.unwrap_or(2_000_000),
                allowance: self.allowance(),
            },
            receive_bytes: self.max_receive_bytes.unwrap_or(64 * MIB),
            connections: self.max_connections.unwrap_or(512),
            connection_age: Duration::from_secs(self.max_connection_age_s.unwrap_or(1800)),
            longest_wait: Duration::from_millis(self.max_wait_ms.unwrap_or(30_000)),
            cache: CacheLimits {
                bytes: self.cache_bytes.unwrap_or(64 * MIB),
                is_shared: self.share_cache.unwrap_or(false),
            },
            metrics_listen: self.metrics_listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))),
            drain_delay: Duration::from_millis(self.drain_delay_ms.unwrap_or(500)),
            drain_timeout: Duration::from_millis(self.drain_timeout_ms.unwrap_or(30_000)),
            deploy: self.deploy.check(&mut mistakes),
        };
        let positive = [
            ("max_segment_bytes", config.messages.segment_bytes),
            ("max_message_bytes", config.messages.message_bytes),
            ("max_segments", config.messages.segments),
            ("max_batch_requests", config.messages.batch_requests),
            ("batch_tokens", config.batches.batch_tokens),
            ("max_in_flight_requests", config.in_flight.requests),
            ("max_in_flight_bytes", config.in_flight.bytes),
            ("max_in_flight_tokens", config.in_flight.tokens),
            ("max_receive_bytes", config.receive_bytes),
            ("max_connections", config.connections),
            ("max_connection_age_s", config.connection_age.as_secs() as usize),
        ];
        let zeros = positive.into_iter().filter(|(_, value)| *value == 0);
        mistakes.extend(zeros.map(|(name, _)| format!("{name} must be at least 1")));
        if config.messages.segment_bytes > config.messages.message_bytes {
            mistakes.push("max_segment_bytes must not be above max_message_bytes".to_owned());
        }
        if config.in_flight.bytes < config.messages.message_bytes {
            mistakes.push("max_in_flight_bytes must not be below max_message_bytes".to_owned());
        }
        if self.tenant_burst_bytes.is_some() && config.in_flight.allowance.is_none() {
            mistakes.push("tenant_burst_bytes needs tenant_bytes_per_second".to_owned());
        }
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
    }

    fn allowance(&self) -> Option<Allowance> {
        let bytes_per_second = self.tenant_bytes_per_second.filter(|rate| *rate > 0)?;
        let burst_bytes = self.tenant_burst_bytes.unwrap_or(bytes_per_second.saturating_mul(10));
        Some(Allowance { bytes_per_second, burst_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Precision;

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
