//! A model is refused, with the reason, if anything about it is not as its manifest says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use portcullis::artifact::{
    ArtifactError, ArtifactFiles, CALIBRATION, FILES, GOLDEN, MANIFEST, ML_BOM, MODEL_CARD, Model, TOKENIZER,
    TrustPolicy, WEIGHTS,
};
use portcullis::model::EngineOptions;
use portcullis::signing::{PrivateKey, SIGNATURE, SigningError, Statement, sign};
use sha2::{Digest, Sha256};

fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let embedded = ArtifactFiles::embedded().unwrap();
    for name in FILES.into_iter().chain([MANIFEST]) {
        std::fs::write(folder.path().join(name), embedded.read(name).unwrap()).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Result<Model, ArtifactError> {
    Model::load(&ArtifactFiles::Folder(folder.to_owned()))
}

fn refusal(folder: &Path) -> ArtifactError {
    load(folder).err().unwrap()
}

/// Changes a file and, with `is_signed_off`, its digest in the manifest too.
fn change(folder: &Path, name: &str, is_signed_off: bool, edit: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    edit(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    if is_signed_off {
        edit_manifest(folder, |manifest| manifest["files"][name] = format!("{:x}", Sha256::digest(&bytes)).into());
    }
}

#[test]
fn a_copy_of_the_embedded_model_loads_and_is_the_same() {
    let folder = copy();
    let embedded = Model::load(&ArtifactFiles::embedded().unwrap()).unwrap();
    assert_eq!(load(folder.path()).unwrap().id, embedded.id);
}

#[test]
fn a_flipped_bit_in_any_file_is_refused() {
    for name in FILES {
        let folder = copy();
        change(folder.path(), name, false, |bytes| *bytes.last_mut().unwrap() ^= 1);
        assert!(matches!(refusal(folder.path()), ArtifactError::Digest { file, .. } if file == name), "{name}");
    }
}

#[test]
fn a_missing_file_is_refused() {
    for name in FILES.into_iter().chain([MANIFEST]) {
        let folder = copy();
        std::fs::remove_file(folder.path().join(name)).unwrap();
        assert!(matches!(refusal(folder.path()), ArtifactError::Read { file, .. } if file == name), "{name}");
    }
}

#[test]
fn a_link_or_folder_in_a_files_place_is_refused() {
    for name in FILES.into_iter().chain([MANIFEST]) {
        let folder = copy();
        let (path, elsewhere) = (folder.path().join(name), folder.path().join("elsewhere"));
        std::fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(matches!(refusal(folder.path()), ArtifactError::NotAFile { file } if file == name), "{name}");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(refusal(folder.path()), ArtifactError::NotAFile { file } if file == name), "{name}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    for name in [MANIFEST, CALIBRATION, GOLDEN, MODEL_CARD, ML_BOM, TOKENIZER, WEIGHTS] {
        let folder = copy();
        // A hole: it takes no room on the disk.
        std::fs::OpenOptions::new().write(true).open(folder.path().join(name)).unwrap().set_len(5 << 30).unwrap();
        assert!(matches!(refusal(folder.path()), ArtifactError::TooLarge { file, .. } if file == name), "{name}");
    }
}

/// What `src/artifact/weights.rs` refuses, through the whole loader.
#[test]
fn weights_that_no_model_has_are_refused() {
    type Edit = fn(&mut Vec<u8>);
    let edits: [(&str, &str, Edit); 4] = [
        ("a number that is none", "not finite", |bytes| {
            let n = bytes.len();
            bytes[n - 2..].copy_from_slice(&0x7e00_u16.to_le_bytes());
        }),
        ("a huge header", "at most", |bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes())),
        ("a header longer than the file", "longer than", |bytes| bytes.truncate(100)),
        ("a tensor twice", "twice", |bytes| {
            let name = b"classifier.bias";
            let twice = b"classifier.weight";
            let at = |bytes: &[u8], name: &[u8]| bytes.windows(name.len()).position(|window| window == name).unwrap();
            let start = at(bytes, twice);
            bytes.splice(start..start + twice.len(), *name);
            // The header's length counts what was cut.
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) - 2;
            bytes[..8].copy_from_slice(&length.to_le_bytes());
        }),
    ];
    for (what, reason, edit) in edits {
        let folder = copy();
        change(folder.path(), WEIGHTS, true, edit);
        let error = refusal(folder.path());
        assert!(matches!(&error, ArtifactError::Invalid { file, .. } if file == WEIGHTS), "{what}: {error}");
        assert!(error.to_string().contains(reason), "{what}: {error}");
    }
}

#[test]
fn weights_of_another_shape_are_refused() {
    for (field, value) in [("hidden_size", 768), ("num_hidden_layers", 7), ("vocab_size", 40_000)] {
        let folder = copy();
        edit_manifest(folder.path(), |manifest| manifest["encoder"][field] = value.into());
        let error = refusal(folder.path());
        assert!(matches!(&error, ArtifactError::Invalid { file, .. } if file == WEIGHTS), "{field}: {error}");
    }
}

fn edit_manifest(folder: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.join(MANIFEST);
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut manifest);
    std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[test]
fn a_model_that_computes_something_else_is_refused() {
    let folder = copy();
    // The exponent of some half-precision weights, past the header and the embeddings.
    change(folder.path(), WEIGHTS, true, |bytes| {
        let n = bytes.len();
        bytes[n - 2_000_000..n - 1_990_000].iter_mut().skip(1).step_by(2).for_each(|byte| *byte ^= 0x08);
    });
    let error = refusal(folder.path());
    assert!(matches!(error, ArtifactError::Golden { .. } | ArtifactError::Score(_)), "{error}");
}

#[test]
fn garbage_that_is_signed_off_is_refused_all_the_same() {
    for name in [WEIGHTS, TOKENIZER, CALIBRATION, GOLDEN] {
        let folder = copy();
        change(folder.path(), name, true, |bytes| bytes.truncate(bytes.len() / 2));
        let error = refusal(folder.path());
        assert!(matches!(&error, ArtifactError::Invalid { file, .. } if file == name), "{name}: {error}");
    }
}

#[test]
fn manifests_that_make_no_sense_are_refused() {
    type Edit = fn(&mut serde_json::Value);
    let edits: [(&str, Edit); 10] = [
        ("another schema", |manifest| manifest["schema_version"] = 99.into()),
        ("a path for a name", |manifest| manifest["name"] = "../x".into()),
        ("labels in another order", |manifest| manifest["labels"].as_array_mut().unwrap().reverse()),
        ("a window longer than the positions", |manifest| manifest["window"]["tokens"] = 100_000.into()),
        ("thresholds out of order", |manifest| manifest["thresholds"]["injection"]["review"] = 2.into()),
        ("a version that is none", |manifest| manifest["version"] = "latest".into()),
        ("a file outside the folder", |manifest| manifest["files"]["../../etc/passwd"] = "00".repeat(32).into()),
        ("a file of another name", |manifest| {
            let files = manifest["files"].as_object_mut().unwrap();
            let digest = files.remove(WEIGHTS).unwrap();
            files.insert("../model.safetensors".to_owned(), digest);
        }),
        ("no commit", |manifest| drop(manifest["provenance"].as_object_mut().unwrap().remove("commit"))),
        ("an unknown field", |manifest| manifest["surprise"] = 1.into()),
    ];
    for (what, edit) in edits {
        let folder = copy();
        edit_manifest(folder.path(), edit);
        assert!(matches!(refusal(folder.path()), ArtifactError::Invalid { file, .. } if file == MANIFEST), "{what}");
    }
}

/// Another model than the embedded one: one that reviews what it would have blocked.
fn other_model() -> tempfile::TempDir {
    let folder = copy();
    edit_manifest(folder.path(), |manifest| manifest["version"] = "9.9.9".into());
    folder
}

fn sign_by(key: &PrivateKey, folder: &Path) {
    let statement = Statement::of_folder(folder).unwrap();
    std::fs::write(folder.join(SIGNATURE), sign(&statement, key).unwrap()).unwrap();
}

#[test]
fn a_trust_policy_admits_what_it_says() {
    let (trusted, stranger) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let keys = vec![trusted.public().unwrap()];
    let policies = [
        TrustPolicy::SignedBy(keys.clone()),
        TrustPolicy::EmbeddedOrSignedBy(keys),
        TrustPolicy::EmbeddedOrSignedBy(Vec::new()),
        TrustPolicy::Anyone,
    ];
    let check = |what: &str, files: &ArtifactFiles, expected: [bool; 4]| {
        let admitted = policies.each_ref().map(|policy| match policy.load(files, EngineOptions::default()) {
            Ok(_) => true,
            Err(ArtifactError::Unsigned | ArtifactError::Signature(SigningError::UnknownKey { .. })) => false,
            Err(error) => panic!("{what}: {error}"),
        });
        assert_eq!(admitted, expected, "{what}");
    };
    let embedded = copy();
    check("the embedded model", &ArtifactFiles::embedded().unwrap(), [false, true, true, true]);
    check("a copy of it", &ArtifactFiles::Folder(embedded.path().to_owned()), [false, true, true, true]);
    let other = other_model();
    let files = ArtifactFiles::Folder(other.path().to_owned());
    check("an unsigned model", &files, [false, false, false, true]);
    sign_by(&stranger, other.path());
    check("a stranger's model", &files, [false, false, false, true]);
    sign_by(&trusted, other.path());
    check("a signed model", &files, [true, true, false, true]);
}

#[test]
fn a_signed_model_with_a_tampered_file_of_any_kind_is_refused() {
    let key = PrivateKey::generate().unwrap();
    let policy = TrustPolicy::EmbeddedOrSignedBy(vec![key.public().unwrap()]);
    let folder = other_model();
    sign_by(&key, folder.path());
    let files = ArtifactFiles::Folder(folder.path().to_owned());
    for name in FILES.into_iter().chain([MANIFEST]) {
        let content = std::fs::read(folder.path().join(name)).unwrap();
        // Also where the manifest was made to agree.
        change(folder.path(), name, name != MANIFEST, |bytes| *bytes.last_mut().unwrap() ^= 1);
        let refused = policy.load(&files, EngineOptions::default()).err().unwrap();
        assert!(matches!(refused, ArtifactError::Signature(SigningError::Changed { .. })), "{name}: {refused}");
        std::fs::write(folder.path().join(name), content).unwrap();
        sign_by(&key, folder.path());
    }
    std::fs::write(folder.path().join("more.bin"), "x").unwrap();
    assert!(matches!(
        policy.load(&files, EngineOptions::default()),
        Err(ArtifactError::Signature(SigningError::Unsigned { .. }))
    ));
}
