//! What is signed: an in-toto Statement v1 whose predicate lists a folder's files.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>; the predicate is that of
//! <https://model_signing/signature/v1.0>, serialised by files. Its subject's digest is the SHA-256 over the files' digests,
//! one after the other in the order listed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{SigningError, folder};

/// The file in a folder that holds its signature.
pub const SIGNATURE: &str = "model.sig";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
const METHOD: &str = "files";
const ALGORITHM: &str = "sha256";

/// What is no part of a model: its signature, and what version control keeps beside it.
const IGNORED: [&str; 5] = [SIGNATURE, ".git", ".gitattributes", ".github", ".gitignore"];

/// Every file of a folder with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The folder's name; says nothing for certain.
    pub name: String,
    /// SHA-256, hexadecimal, of each file by its path in the folder, with `/` between the parts.
    pub files: BTreeMap<String, String>,
    /// Paths in the folder that were left out, with all that is below them.
    pub ignored: Vec<String>,
}

impl Statement {
    /// Reads a folder as it is now. Its signature and the files of git are left out.
    ///
    /// # Errors
    /// A file cannot be read, or something is no file.
    pub fn of_folder(path: &Path) -> Result<Self, SigningError> {
        let ignored: Vec<_> = IGNORED.map(str::to_owned).to_vec();
        let name = path.canonicalize().ok();
        let name = name.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, files: folder::digests(path, &ignored)?, ignored })
    }

    /// Compares a folder with the statement: the same files with the same content, and no other.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_folder(&self, path: &Path) -> Result<(), SigningError> {
        let ignored: Vec<_> = self.ignored.iter().cloned().chain(IGNORED.map(str::to_owned)).collect();
        // What was signed must be there, also under a name that is mostly left out.
        let ignored: Vec<_> = ignored.into_iter().filter(|path| !self.files.contains_key(path)).collect();
        let mut actual = folder::digests(path, &ignored)?;
        for (path, digest) in &self.files {
            match actual.remove(path) {
                None => return Err(SigningError::Missing { path: path.clone() }),
                Some(actual) if actual != *digest => return Err(SigningError::Changed { path: path.clone() }),
                Some(_) => {}
            }
        }
        match actual.into_keys().next() {
            Some(path) => Err(SigningError::Unsigned { path }),
            None => Ok(()),
        }
    }

    /// The statement as JSON.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, SigningError> {
        let mut files: Vec<_> = self.files.iter().collect();
        // The reference's order: a path is compared part by part.
        files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
        let resources: Vec<_> = files
            .into_iter()
            .map(|(name, digest)| Resource {
                name: name.clone(),
                algorithm: ALGORITHM.to_owned(),
                digest: digest.clone(),
            })
            .collect();
        let payload = Payload {
            kind: STATEMENT_TYPE.to_owned(),
            subject: [Subject { name: self.name.clone(), digest: SubjectDigest { sha256: root(&resources)? } }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                serialization: Serialization {
                    method: METHOD.to_owned(),
                    hash_type: ALGORITHM.to_owned(),
                    allow_symlinks: false,
                    ignore_paths: self.ignored.clone(),
                },
                resources,
            },
        };
        serde_json::to_vec(&payload).map_err(invalid)
    }

    /// Reads a statement that was verified.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, SigningError> {
        let payload: Payload = serde_json::from_slice(json).map_err(invalid)?;
        let Predicate { serialization, resources } = payload.predicate;
        let [subject] = payload.subject;
        for (what, actual, expected) in [
            ("_type", &payload.kind, STATEMENT_TYPE),
            ("predicateType", &payload.predicate_type, PREDICATE_TYPE),
            ("method", &serialization.method, METHOD),
            ("hash_type", &serialization.hash_type, ALGORITHM),
            ("the subject's digest", &subject.digest.sha256, &root(&resources)?),
        ] {
            if actual != expected {
                return Err(invalid(format!("{what} is {actual:?}, not {expected:?}")));
            }
        }
        let mut files = BTreeMap::new();
        for Resource { name, digest, .. } in resources {
            if files.insert(name.clone(), digest).is_some() {
                return Err(invalid(format!("{name:?} is listed twice")));
            }
        }
        Ok(Self { name: subject.name, files, ignored: serialization.ignore_paths })
    }
}

/// The digest of all digests.
fn root(resources: &[Resource]) -> Result<String, SigningError> {
    let mut hasher = Sha256::new();
    for Resource { name, algorithm, digest } in resources {
        let bytes = decode_hex(digest).filter(|_| algorithm == ALGORITHM);
        hasher.update(bytes.ok_or_else(|| invalid(format!("{name:?} has no SHA-256 in lower-case hexadecimal")))?);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

/// The bytes of a SHA-256 in lower-case hexadecimal.
fn decode_hex(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let pairs: &[[u8; 2]; 32] = hex.as_bytes().as_chunks().0.try_into().ok().filter(|_| hex.len() == 64)?;
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

fn invalid(reason: impl ToString) -> SigningError {
    SigningError::Statement(reason.to_string())
}

// Unknown fields are read over in all of these, as the predicate's specification asks: they are signed, too.

#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(rename = "_type")]
    kind: String,
    subject: [Subject; 1],
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        let digest = |byte: &str| byte.repeat(32);
        Statement {
            name: "m".to_owned(),
            files: [("a.txt".to_owned(), digest("0a")), ("a/b".to_owned(), digest("ff"))].into(),
            ignored: vec![SIGNATURE.to_owned()],
        }
    }

    #[test]
    fn a_statement_is_read_back() {
        assert_eq!(Statement::from_json(&statement().to_json().unwrap()).unwrap(), statement());
    }

    #[test]
    fn files_are_listed_in_the_order_of_their_parts() {
        let json: serde_json::Value = serde_json::from_slice(&statement().to_json().unwrap()).unwrap();
        let names = json["predicate"]["resources"].as_array().unwrap().iter().map(|resource| &resource["name"]);
        assert_eq!(names.collect::<Vec<_>>(), ["a/b", "a.txt"]);
    }

    #[test]
    fn statements_of_another_kind_are_refused() {
        type Edit = fn(&mut serde_json::Value);
        let edits: [(&str, Edit); 9] = [
            ("type", |json| json["_type"] = "https://in-toto.io/Statement/v0.1".into()),
            ("predicate", |json| json["predicateType"] = "https://model_signing/Digests/v0.1".into()),
            ("subjects", |json| json["subject"] = serde_json::json!([])),
            ("root digest", |json| json["subject"][0]["digest"]["sha256"] = "00".repeat(32).into()),
            ("method", |json| json["predicate"]["serialization"]["method"] = "shards".into()),
            ("hash", |json| json["predicate"]["serialization"]["hash_type"] = "blake2b".into()),
            ("algorithm", |json| json["predicate"]["resources"][0]["algorithm"] = "blake3".into()),
            ("digest", |json| json["predicate"]["resources"][0]["digest"] = "FF".repeat(32).into()),
            ("short digest", |json| json["predicate"]["resources"][0]["digest"] = "ff".into()),
        ];
        for (what, edit) in edits {
            let mut json = serde_json::from_slice(&statement().to_json().unwrap()).unwrap();
            edit(&mut json);
            let refused = Statement::from_json(&serde_json::to_vec(&json).unwrap());
            assert!(matches!(refused, Err(SigningError::Statement(_))), "{what}");
        }
        let mut json: serde_json::Value = serde_json::from_slice(&statement().to_json().unwrap()).unwrap();
        let resources = &mut json["predicate"]["resources"];
        *resources = serde_json::json!([resources[0], resources[0]]);
        let twice = root(&serde_json::from_value::<Vec<Resource>>(resources.clone()).unwrap()).unwrap();
        json["subject"][0]["digest"]["sha256"] = twice.into();
        let refused = Statement::from_json(&serde_json::to_vec(&json).unwrap()).unwrap_err();
        assert!(refused.to_string().contains("twice"), "{refused}");
    }
}
