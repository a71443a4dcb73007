//! ECDSA keys on P-256 (FIPS 186-5), in PEM.

use std::fmt;

use p256::SecretKey;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use sha2::{Digest, Sha256};

use super::SigningError;

/// Signs. The key itself never shows in a message.
pub struct PrivateKey(SecretKey);

/// Checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    pem: String,
}

impl PrivateKey {
    /// A new key from the system's random numbers.
    ///
    /// # Errors
    /// The system has none.
    pub fn generate() -> Result<Self, SigningError> {
        // Asked first by hand, because the library would panic where the system fails.
        OsRng.try_fill_bytes(&mut [0; 1]).map_err(|error| SigningError::Random(error.to_string()))?;
        Ok(Self(SecretKey::random(&mut OsRng)))
    }

    /// Reads a key in PKCS #8 or SEC 1 (`EC PRIVATE KEY`), not encrypted.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_pem(pem: &str) -> Result<Self, SigningError> {
        let key = SecretKey::from_pkcs8_pem(pem).or_else(|error| SecretKey::from_sec1_pem(pem).map_err(|_| error));
        key.map(Self).map_err(|error| wrong("an unencrypted private key", &error))
    }

    /// The key in PKCS #8, overwritten in memory when dropped.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SigningError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|error| wrong("a private key", &error))
    }

    /// The key that checks what this one signs.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn public(&self) -> Result<PublicKey, SigningError> {
        PublicKey::new(VerifyingKey::from(SigningKey::from(&self.0)))
    }

    /// The signature of a message (SHA-256, deterministic by RFC 6979), in DER.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = SigningKey::from(&self.0).sign(message);
        signature.as_bytes().to_vec()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

impl PublicKey {
    fn new(key: VerifyingKey) -> Result<Self, SigningError> {
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(|error| wrong("a public key", &error))?;
        Ok(Self { key, pem })
    }

    /// Reads a key as SubjectPublicKeyInfo (`PUBLIC KEY`).
    ///
    /// # Errors
    /// It is something else.
    pub fn from_pem(pem: &str) -> Result<Self, SigningError> {
        let key = VerifyingKey::from_public_key_pem(pem);
        Self::new(key.map_err(|error| wrong("a public key", &error))?)
    }

    /// The key as SubjectPublicKeyInfo, in lines of 64 characters.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// What a bundle calls the key: the SHA-256 of its PEM, hexadecimal.
    pub fn id(&self) -> String {
        format!("{:x}", Sha256::digest(&self.pem))
    }

    /// Whether a signature in DER is this key's over a message.
    pub(super) fn is_signature(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature).is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

fn wrong(expected: &'static str, error: &dyn fmt::Display) -> SigningError {
    SigningError::Key { expected, reason: error.to_string() }
}
