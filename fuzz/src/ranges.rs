//! The one property that every map shares: what is found in a derived text lies in the original.

use portcullis::canonical::CanonicalText;

/// Panics unless each character of a text maps to a range of the original: in bounds, not empty, on the boundaries of
/// characters.
pub fn check(derived: &CanonicalText, original: &str) {
    for (start, character) in derived.text.char_indices() {
        let range = derived.map.to_original(start..start + character.len_utf8());
        let place = original.get(range.clone());
        assert!(place.is_some_and(|place| !place.is_empty()), "byte {start} maps to {range:?}");
    }
}
