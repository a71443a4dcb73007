//! Decoding: payloads point into the text, cost no more than their budget, and bytes of any kind become text.

use portcullis::decode::{Budget, search};
use portcullis::structure::bytes;

use super::ranges;

/// Bytes and views that a search may take: little, so that inputs of a fuzzer's size reach the bounds.
const MAX_BYTES: usize = 4096;
const MAX_VIEWS: usize = 8;

/// Checks one input.
pub fn check(data: &[u8]) {
    let decoded = bytes::decode(data);
    assert!(decoded.n_invalid <= data.len());
    for (start, character) in decoded.text.text.char_indices() {
        let range = decoded.text.map.to_original(start..start + character.len_utf8());
        assert!(data.get(range).is_some_and(|place| !place.is_empty()));
    }
    let payloads = search(&decoded.text.text, &mut Budget::new(MAX_BYTES, MAX_VIEWS));
    assert!(payloads.len() <= MAX_VIEWS);
    assert!(payloads.iter().map(|payload| payload.text.text.len()).sum::<usize>() <= MAX_BYTES);
    for payload in &payloads {
        assert!(!payload.encodings.is_empty());
        ranges::check(&payload.text, &decoded.text.text);
    }
}
