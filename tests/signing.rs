//! Signatures by the reference implementation of OpenSSF Model Signing are accepted; whatever was changed after is not.
//!
//! tests/interop/reference was signed by it (`tests/interop/model_signing.py --renew`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use portcullis::signing::{PrivateKey, PublicKey, SIGNATURE, SigningError, Statement, sign, verify};

const FILES: [&str; 5] = ["card.md", "empty", "layers/weights.bin", "layers.txt", "manifest.json"];

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/reference")
}

fn reference_keys() -> Vec<PublicKey> {
    vec![PublicKey::from_pem(&std::fs::read_to_string(reference().join("public.pem")).unwrap()).unwrap()]
}

/// A copy of the signed folder, to change.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("layers")).unwrap();
    for file in FILES.into_iter().chain([SIGNATURE]) {
        std::fs::copy(reference().join("model").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn check(folder: &Path, keys: &[PublicKey]) -> Result<(), SigningError> {
    verify(&std::fs::read(folder.join(SIGNATURE)).unwrap(), keys)?.check_folder(folder)
}

#[test]
fn a_folder_that_the_reference_signed_is_accepted() {
    let folder = copy();
    check(folder.path(), &reference_keys()).unwrap();
    let statement = verify(&std::fs::read(folder.path().join(SIGNATURE)).unwrap(), &reference_keys()).unwrap();
    assert_eq!(statement.name, "model");
    assert_eq!(statement.files.len(), FILES.len());
}

#[test]
fn our_statement_is_the_references_but_for_what_is_ignored_twice() {
    let theirs = verify(&std::fs::read(reference().join("model").join(SIGNATURE)).unwrap(), &reference_keys()).unwrap();
    let mut ours = Statement::of_folder(&reference().join("model")).unwrap();
    let mut ignored = theirs.ignored.clone();
    ignored.sort();
    ours.ignored.sort();
    assert_eq!(ours.ignored, ignored);
    assert_eq!(Statement { ignored: theirs.ignored.clone(), ..ours }, theirs);
}

#[test]
fn a_flipped_byte_in_any_file_is_refused() {
    let folder = copy();
    for file in FILES.into_iter().filter(|file| *file != "empty") {
        let path = folder.path().join(file);
        let content = std::fs::read(&path).unwrap();
        for place in 0..content.len() {
            let mut changed = content.clone();
            changed[place] ^= 1;
            std::fs::write(&path, changed).unwrap();
            let refused = check(folder.path(), &reference_keys());
            assert!(matches!(refused, Err(SigningError::Changed { path }) if path == file), "{file}, byte {place}");
        }
        std::fs::write(&path, content).unwrap();
    }
    check(folder.path(), &reference_keys()).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_a_bundle_is_refused() {
    let keys = reference_keys();
    let bundle = std::fs::read(reference().join("model").join(SIGNATURE)).unwrap();
    for place in 0..bundle.len() {
        for bit in 0..8 {
            let mut changed = bundle.clone();
            changed[place] ^= 1 << bit;
            assert!(verify(&changed, &keys).is_err(), "bit {bit} of byte {place}");
        }
        assert!(verify(&bundle[..place], &keys).is_err(), "cut at {place}");
    }
    assert!(verify(&[bundle.as_slice(), b"x"].concat(), &keys).is_err());
}

#[test]
fn missing_added_and_linked_files_are_refused() {
    for file in FILES {
        let folder = copy();
        std::fs::remove_file(folder.path().join(file)).unwrap();
        assert!(matches!(check(folder.path(), &reference_keys()), Err(SigningError::Missing { path }) if path == file));
        std::os::unix::fs::symlink(reference().join("model").join(file), folder.path().join(file)).unwrap();
        assert!(
            matches!(check(folder.path(), &reference_keys()), Err(SigningError::Path { path, .. }) if path == file)
        );
    }
    for file in ["more", "layers/more", "model.sig.old"] {
        let folder = copy();
        std::fs::write(folder.path().join(file), "").unwrap();
        let refused = check(folder.path(), &reference_keys());
        assert!(matches!(refused, Err(SigningError::Unsigned { path }) if path == file), "{file}");
    }
    let folder = copy();
    std::fs::write(folder.path().join(".gitattributes"), "what git keeps beside a model is no part of it").unwrap();
    check(folder.path(), &reference_keys()).unwrap();
}

#[test]
fn only_trusted_keys_count() {
    let (ours, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let folder = copy();
    let bundle = sign(&Statement::of_folder(folder.path()).unwrap(), &ours).unwrap();
    std::fs::write(folder.path().join(SIGNATURE), &bundle).unwrap();
    check(folder.path(), &[other.public().unwrap(), ours.public().unwrap()]).unwrap();
    for keys in [vec![], vec![other.public().unwrap()]] {
        assert!(matches!(check(folder.path(), &keys), Err(SigningError::UnknownKey { .. })));
    }
    // A bundle that says to be by another key is not believed.
    let said = String::from_utf8(bundle).unwrap().replace(&ours.public().unwrap().id(), &other.public().unwrap().id());
    let refused = verify(said.as_bytes(), &[other.public().unwrap()]);
    assert!(matches!(refused, Err(SigningError::BadSignature)));
}

#[test]
fn keys_are_read_back_and_other_things_are_no_keys() {
    let key = PrivateKey::generate().unwrap();
    let public = key.public().unwrap();
    assert_eq!(PrivateKey::from_pem(&key.to_pem().unwrap()).unwrap().public().unwrap(), public);
    assert_eq!(PublicKey::from_pem(public.to_pem()).unwrap(), public);
    assert_eq!(format!("{key:?}"), "PrivateKey(..)");
    let p384 = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\n-----END PUBLIC KEY-----\n";
    for text in ["", "not a key", key.to_pem().unwrap().as_str(), p384, &public.to_pem()[..100]] {
        assert!(matches!(PublicKey::from_pem(text), Err(SigningError::Key { .. })), "{text}");
    }
    assert!(matches!(PrivateKey::from_pem(public.to_pem()), Err(SigningError::Key { .. })));
}
