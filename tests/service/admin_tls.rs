//! Certificates on the admin listener: whoever shows none of the right authority changes nothing, and the log names who did.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::process::{BINARY, Process};

/// An authority that signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let (mut params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes a certificate for this name and its key; returns where.
    fn issue(&self, folder: &Path, name: &str) -> [PathBuf; 2] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        [(".pem", certificate.pem()), (".key", key.serialize_pem())].map(|(extension, pem)| {
            let path = folder.join(format!("{name}{extension}"));
            std::fs::write(&path, pem).unwrap();
            path
        })
    }
}

fn load(url: &str, certificates: Option<(&Path, &[PathBuf; 2])>) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["models", "load", "embedded", "--admin", url]);
    if let Some((authorities, [certificate, key])) = certificates {
        command.arg("--tls-ca").arg(authorities).arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_certificates_of_the_authority_rule_and_the_log_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (Authority::new(), Authority::new());
    let authorities = folder.path().join("authorities.pem");
    std::fs::write(&authorities, &right.pem).unwrap();
    let [certificate, key] = right.issue(folder.path(), "server");
    let (alice, mallory) = (right.issue(folder.path(), "alice"), wrong.issue(folder.path(), "mallory"));
    let process = Process::start(
        "info",
        &format!(
            "admin_listen = \"0.0.0.0:0\"\nadmin_tls_cert = {certificate:?}\nadmin_tls_key = {key:?}\n\
             admin_client_ca = {authorities:?}"
        ),
    );
    let port = process.admin.unwrap().port();
    let url = format!("https://127.0.0.1:{port}");
    // The server has this model already, which it says to those who may ask.
    let answer = load(&url, Some((&authorities, &alice)));
    let reason = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(reason.contains("it is the active model"), "{reason}");
    for (url, certificates) in [
        (url.as_str(), Some((authorities.as_path(), &mallory))),
        (&url, None),
        (&format!("http://127.0.0.1:{port}"), None),
        (&format!("http://127.0.0.1:{port}"), Some((&authorities, &alice))),
    ] {
        let answer = load(url, certificates);
        let reason = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(!answer.status.success() && !reason.contains("active model"), "{url}: {reason}");
    }
    drop(process.metrics());
    let log = process.log();
    let changes: Vec<_> = log.lines().filter(|line| line.contains("portcullis::audit")).collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].contains("CN=alice"), "{changes:?}");
}
