//! A model is refused, with the reason, if anything about it is not as its manifest says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use portcullis::artifact::{
    ArtifactError, ArtifactFiles, CALIBRATION, GOLDEN, MANIFEST, MODEL_CARD, Model, TOKENIZER, WEIGHTS,
};
use sha2::{Digest, Sha256};

fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let embedded = ArtifactFiles::embedded().unwrap();
    for name in [MANIFEST, WEIGHTS, TOKENIZER, CALIBRATION, GOLDEN, MODEL_CARD] {
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
        let path = folder.join(MANIFEST);
        let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["files"][name] = format!("{:x}", Sha256::digest(&bytes)).into();
        std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
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
    for name in [WEIGHTS, TOKENIZER, CALIBRATION, GOLDEN, MODEL_CARD] {
        let folder = copy();
        change(folder.path(), name, false, |bytes| *bytes.last_mut().unwrap() ^= 1);
        assert!(matches!(refusal(folder.path()), ArtifactError::Digest { file, .. } if file == name), "{name}");
    }
}

#[test]
fn a_missing_file_is_refused() {
    for name in [MANIFEST, WEIGHTS, TOKENIZER, CALIBRATION, GOLDEN, MODEL_CARD] {
        let folder = copy();
        std::fs::remove_file(folder.path().join(name)).unwrap();
        assert!(matches!(refusal(folder.path()), ArtifactError::Read { file, .. } if file == name), "{name}");
    }
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
    let edits: [(&str, Edit); 6] = [
        ("another schema", |manifest| manifest["schema_version"] = 99.into()),
        ("a path for a name", |manifest| manifest["name"] = "../x".into()),
        ("labels in another order", |manifest| manifest["labels"].as_array_mut().unwrap().reverse()),
        ("a window longer than the positions", |manifest| manifest["window"]["tokens"] = 100_000.into()),
        ("thresholds out of order", |manifest| manifest["thresholds"]["injection"]["review"] = 2.into()),
        ("an unknown field", |manifest| manifest["surprise"] = 1.into()),
    ];
    for (what, edit) in edits {
        let folder = copy();
        let path = folder.path().join(MANIFEST);
        let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        edit(&mut manifest);
        std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
        assert!(matches!(refusal(folder.path()), ArtifactError::Invalid { file, .. } if file == MANIFEST), "{what}");
    }
}
