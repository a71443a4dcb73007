//! How models take each other's place, and who may make them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use serde::Deserialize;

use super::MIB;
use crate::deploy::{DeployLimits, FolderWatch, GuardLimits, MAX_MODELS, StateFolder};

/// Where the admin listener listens if only asked for.
const ADMIN_ADDRESS: &str = "127.0.0.1:50052";

/// How models take each other's place.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct DeploySettings {
    /// Let models be changed while the server runs, through this address and port, which must be of this machine unless
    /// callers show certificates [default if given without: 127.0.0.1:50052]
    #[arg(long, env = "PORTCULLIS_ADMIN_LISTEN", num_args = 0..=1, default_missing_value = ADMIN_ADDRESS, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// Certificate of the admin listener, a PEM file with those that vouch for it: TLS, and only for callers who show a
    /// certificate by --admin-client-ca
    #[arg(long, env = "PORTCULLIS_ADMIN_TLS_CERT", value_name = "FILE")]
    admin_tls_cert: Option<PathBuf>,
    /// Private key of that certificate, a PEM file
    #[arg(long, env = "PORTCULLIS_ADMIN_TLS_KEY", value_name = "FILE")]
    admin_tls_key: Option<PathBuf>,
    /// Whose certificates may change models: authorities, a PEM file
    #[arg(long, env = "PORTCULLIS_ADMIN_CLIENT_CA", value_name = "FILE")]
    admin_client_ca: Option<PathBuf>,
    /// Folder in which it is written down which model is active, so that a restart begins with it
    #[arg(long, env = "PORTCULLIS_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Folder that is watched for models: one that is newer than the active one is loaded beside it
    #[arg(long, env = "PORTCULLIS_MODELS_DIR", value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Promote what --models-dir has brought, without waiting for a person
    #[arg(long, env = "PORTCULLIS_PROMOTE_NEW", value_parser = BoolishValueParser::new())]
    promote_new: bool,
    /// Seconds that a model stays in memory after another took its place, for a quick way back [default: 600]
    #[arg(long, env = "PORTCULLIS_KEEP_PREVIOUS_S", value_name = "S")]
    keep_previous_s: Option<u64>,
    /// Bytes that a model may take while it is loaded beside others [default: 1 GiB]
    #[arg(long, env = "PORTCULLIS_MAX_MODEL_BYTES", value_name = "N")]
    max_model_bytes: Option<u64>,
    /// Requests by which a new model is judged, at least, before it is taken back by itself [default: 50]
    #[arg(long, env = "PORTCULLIS_GUARD_MIN_REQUESTS", value_name = "N")]
    guard_min_requests: Option<u64>,
    /// Share of its requests that a new model may fail, above that of the one before it [default: 0.02]
    #[arg(long, env = "PORTCULLIS_GUARD_FAULT_RATE", value_name = "SHARE")]
    guard_fault_rate: Option<f64>,
    /// How many times as long a window a new model may take as the one before it [default: 3]
    #[arg(long, env = "PORTCULLIS_GUARD_LATENCY_RATIO", value_name = "X")]
    guard_latency_ratio: Option<f64>,
    /// Share of the compared requests on which a new model may have another verdict [default: 0.1]
    #[arg(long, env = "PORTCULLIS_GUARD_FLIP_RATE", value_name = "SHARE")]
    guard_flip_rate: Option<f64>,
    /// Seconds after which a new model's golden inputs are scored again [default: 60]
    #[arg(long, env = "PORTCULLIS_GUARD_GOLDEN_S", value_name = "S")]
    guard_golden_s: Option<u64>,
}

/// How models take each other's place, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployConfig {
    /// Where models can be changed; none for nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// Who may change them there; none for whoever is on this machine.
    pub admin_tls: Option<AdminTls>,
    /// What survives a restart.
    pub state: Option<StateFolder>,
    /// What is watched.
    pub folder: Option<FolderWatch>,
    /// What holds of every change.
    pub limits: DeployLimits,
}

/// PEM files of a listener that knows its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTls {
    /// The listener's certificate, with those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities whose certificates callers must show.
    pub client_ca: PathBuf,
}

impl DeployConfig {
    /// Models that may be in memory at the same time: those beside each other, and one that is only validated.
    pub fn max_models(&self) -> usize {
        if self.admin_listen.is_some() || self.folder.is_some() { MAX_MODELS + 1 } else { 1 }
    }
}

impl DeploySettings {
    /// These settings, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            admin_listen: self.admin_listen.or(other.admin_listen),
            admin_tls_cert: self.admin_tls_cert.or(other.admin_tls_cert),
            admin_tls_key: self.admin_tls_key.or(other.admin_tls_key),
            admin_client_ca: self.admin_client_ca.or(other.admin_client_ca),
            state_dir: self.state_dir.or(other.state_dir),
            models_dir: self.models_dir.or(other.models_dir),
            promote_new: self.promote_new || other.promote_new,
            keep_previous_s: self.keep_previous_s.or(other.keep_previous_s),
            max_model_bytes: self.max_model_bytes.or(other.max_model_bytes),
            guard_min_requests: self.guard_min_requests.or(other.guard_min_requests),
            guard_fault_rate: self.guard_fault_rate.or(other.guard_fault_rate),
            guard_latency_ratio: self.guard_latency_ratio.or(other.guard_latency_ratio),
            guard_flip_rate: self.guard_flip_rate.or(other.guard_flip_rate),
            guard_golden_s: self.guard_golden_s.or(other.guard_golden_s),
        }
    }

    /// The configuration, with the defaults filled in; its mistakes are added to the others.
    pub(super) fn check(&self, mistakes: &mut Vec<String>) -> DeployConfig {
        let default = GuardLimits::default();
        let guard = GuardLimits {
            min_requests: self.guard_min_requests.unwrap_or(default.min_requests),
            fault_rate: self.guard_fault_rate.unwrap_or(default.fault_rate),
            latency_ratio: self.guard_latency_ratio.unwrap_or(default.latency_ratio),
            flip_rate: self.guard_flip_rate.unwrap_or(default.flip_rate),
        };
        for (name, share) in [("guard_fault_rate", guard.fault_rate), ("guard_flip_rate", guard.flip_rate)] {
            if !(0.0..=1.0).contains(&share) {
                mistakes.push(format!("{name} must be from 0 to 1"));
            }
        }
        if guard.latency_ratio.is_nan() || guard.latency_ratio < 1.0 {
            mistakes.push("guard_latency_ratio must be at least 1".to_owned());
        }
        if guard.min_requests == 0 || self.guard_golden_s == Some(0) {
            mistakes.push("guard_min_requests and guard_golden_s must be at least 1".to_owned());
        }
        let admin_tls = self.admin_tls(mistakes);
        if self.admin_listen.is_some_and(|address| !address.ip().is_loopback()) && admin_tls.is_none() {
            let reason = "admin_listen must be an address of this machine, as 127.0.0.1, without admin_tls_cert, \
                          admin_tls_key and admin_client_ca: who reaches it rules";
            mistakes.push(reason.to_owned());
        }
        if self.promote_new && self.models_dir.is_none() {
            mistakes.push("promote_new needs models_dir".to_owned());
        }
        DeployConfig {
            admin_listen: self.admin_listen,
            admin_tls,
            state: self.state_dir.clone().map(StateFolder::new),
            folder: self.models_dir.clone().map(|folder| FolderWatch { folder, promotes: self.promote_new }),
            limits: DeployLimits {
                keep_previous: Duration::from_secs(self.keep_previous_s.unwrap_or(600)),
                model_bytes: self.max_model_bytes.unwrap_or(1024 * MIB as u64),
                guard,
                golden_interval: Duration::from_secs(self.guard_golden_s.unwrap_or(60)),
            },
        }
    }
}

impl DeploySettings {
    /// All of the three files, or none of them.
    fn admin_tls(&self, mistakes: &mut Vec<String>) -> Option<AdminTls> {
        match (self.admin_tls_cert.clone(), self.admin_tls_key.clone(), self.admin_client_ca.clone()) {
            (Some(certificate), Some(key), Some(client_ca)) => Some(AdminTls { certificate, key, client_ca }),
            (None, None, None) => None,
            _ => {
                let reason = "admin_tls_cert, admin_tls_key and admin_client_ca are given together or not at all";
                mistakes.push(reason.to_owned());
                None
            }
        }
    }
}

/// Where the client looks for an admin listener.
pub fn default_admin_url() -> String {
    format!("http://{ADMIN_ADDRESS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, n_mistakes: usize) -> DeployConfig {
        let mut mistakes = Vec::new();
        let config = toml::from_str::<DeploySettings>(toml).unwrap().check(&mut mistakes);
        assert_eq!(mistakes.len(), n_mistakes, "{toml}: {mistakes:?}");
        config
    }

    #[test]
    fn nobody_else_reaches_the_admin_listener() {
        assert_eq!(check("", 0).max_models(), 1);
        assert_eq!(check("admin_listen = \"127.0.0.1:0\"", 0).max_models(), MAX_MODELS + 1);
        check("admin_listen = \"[::1]:7\"", 0);
        check("admin_listen = \"0.0.0.0:7\"", 1);
        check("admin_listen = \"192.0.2.1:7\"", 1);
        let tls = "admin_tls_cert = \"a\"\nadmin_tls_key = \"b\"\nadmin_client_ca = \"c\"";
        assert!(check(&format!("admin_listen = \"0.0.0.0:7\"\n{tls}"), 0).admin_tls.is_some());
        check("admin_listen = \"127.0.0.1:7\"\nadmin_tls_cert = \"a\"\nadmin_tls_key = \"b\"", 1);
        check("admin_listen = \"0.0.0.0:7\"\nadmin_client_ca = \"c\"", 2);
    }

    #[test]
    fn guards_that_make_no_sense_are_mistakes() {
        check("guard_fault_rate = 1.5", 1);
        check("guard_flip_rate = nan", 1);
        check("guard_latency_ratio = 0.5", 1);
        check("guard_min_requests = 0", 1);
        check("promote_new = true", 1);
        check("promote_new = true\nmodels_dir = \"models\"", 0);
    }
}
