//! A model's files: what is read of them is sound, whoever wrote them, and nobody signs without the key.

use portcullis::artifact::{GoldenRecord, Manifest, read_weights};
use portcullis::signing::{PublicKey, verify};

/// The owner of this key has signed the one bundle in the corpus.
const KEY: &str = include_str!("../../tests/interop/reference/public.pem");
/// The names of what was signed.
const SIGNED: [&str; 5] = ["card.md", "empty", "layers.txt", "layers/weights.bin", "manifest.json"];

/// The input is read as each kind of file.
pub fn check(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse(data) {
        let again = serde_json::to_vec(&manifest).map(|json| Manifest::parse(&json));
        assert!(matches!(again, Ok(Ok(again)) if again == manifest), "a manifest is not read back");
    }
    if let Ok(tensors) = read_weights(data) {
        let n_numbers: usize = tensors.values().map(|tensor| tensor.elem_count()).sum();
        assert!(n_numbers * 2 <= data.len(), "{n_numbers} numbers from {} bytes", data.len());
        for tensor in tensors.values() {
            let numbers = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            assert!(numbers.is_ok_and(|numbers| numbers.iter().all(|number| number.is_finite())));
        }
    }
    if let Ok(records) = GoldenRecord::parse(data) {
        assert!((1..=1000).contains(&records.len()));
    }
    let key = PublicKey::from_pem(KEY).map_err(|error| error.to_string());
    if let Ok(statement) = key.and_then(|key| verify(data, &[key]).map_err(|error| error.to_string())) {
        assert!(statement.files.keys().map(String::as_str).eq(SIGNED), "somebody else has signed");
    }
    let _ = String::from_utf8(data.to_vec()).map(|pem| PublicKey::from_pem(&pem));
}
