//! The walk of JSON: the text without escapes points into the original, and so does every narrowed range.

use portcullis::structure::json::unescape;

use super::ranges;

/// Checks one input.
pub fn check(data: &[u8]) {
    let original = String::from_utf8_lossy(data);
    let Some(unescaped) = unescape(&original) else { return };
    ranges::check(&unescaped.text, &original);
    for (start, character) in unescaped.text.text.char_indices() {
        let range = unescaped.text.map.to_original(start..start + character.len_utf8());
        assert!(
            original.get(unescaped.strings.narrow(range.clone())).is_some(),
            "{range:?} is narrowed out of the text"
        );
    }
}
