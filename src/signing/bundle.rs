//! A signed statement as a file: a DSSE envelope in a Sigstore bundle v0.3, both as JSON.
//!
//! <https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md>,
//! <https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{PrivateKey, PublicKey, SigningError, Statement};

/// Bytes that a bundle may have: room for the names and digests of some ten thousand files.
pub const MAX_BUNDLE_BYTES: u64 = 4 * 1024 * 1024;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Signs a statement; the bundle as JSON.
///
/// # Errors
/// The statement cannot be encoded.
pub fn sign(statement: &Statement, key: &PrivateKey) -> Result<Vec<u8>, SigningError> {
    let payload = statement.to_json()?;
    let signature = Signature { sig: STANDARD.encode(key.sign(&authenticated(&payload))), keyid: String::new() };
    let bundle = Bundle {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material: Material { public_key: KeyName { hint: key.public()?.id() }, tlog_entries: [] },
        dsse_envelope: Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: [signature],
        },
    };
    serde_json::to_vec(&bundle).map_err(invalid)
}

/// The statement of a bundle that one of the keys signed.
///
/// # Errors
/// It is no bundle, the key is none of these, the signature is not the key's, or what it signed is no statement.
pub fn verify(bundle: &[u8], keys: &[PublicKey]) -> Result<Statement, SigningError> {
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(invalid)?;
    let Bundle { media_type, verification_material, dsse_envelope } = bundle;
    let [signature] = dsse_envelope.signatures;
    for (what, actual, expected) in [
        ("mediaType", &media_type, MEDIA_TYPE),
        ("payloadType", &dsse_envelope.payload_type, PAYLOAD_TYPE),
        // Not signed, and not needed where one key has signed.
        ("keyid", &signature.keyid, ""),
    ] {
        if actual != expected {
            return Err(invalid(format!("{what} is {actual:?}, not {expected:?}")));
        }
    }
    let id = verification_material.public_key.hint;
    let key = keys.iter().find(|key| key.id() == id).ok_or(SigningError::UnknownKey { id })?;
    let payload = STANDARD.decode(dsse_envelope.payload).map_err(invalid)?;
    let signature = STANDARD.decode(signature.sig).map_err(invalid)?;
    if !key.is_signature(&authenticated(&payload), &signature) {
        return Err(SigningError::BadSignature);
    }
    Statement::from_json(&payload)
}

/// What is really signed: DSSE's pre-authentication encoding, which ties the payload to its type.
fn authenticated(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn invalid(reason: impl ToString) -> SigningError {
    SigningError::Bundle(reason.to_string())
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material {
    public_key: KeyName,
    /// None: keys are not logged.
    #[serde(default)]
    tlog_entries: [(); 0],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyName {
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: [Signature; 1],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    sig: String,
    #[serde(default)]
    keyid: String,
}
