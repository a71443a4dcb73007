//! Rule: bytes to text. What is not valid UTF-8 becomes U+FFFD, is counted, and keeps its place in the map.

use super::{CanonicalText, OffsetMap};

/// The text that some bytes hold, and how many of them are not valid UTF-8.
pub fn decode(bytes: &[u8]) -> (CanonicalText, usize) {
    let mut text = String::with_capacity(bytes.len());
    let mut map = OffsetMap::default();
    let (mut start, mut n_invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let (valid, invalid) = (chunk.valid(), chunk.invalid());
        text.push_str(valid);
        map.push(valid.len(), start..start + valid.len(), true);
        start += valid.len();
        if !invalid.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            map.push(char::REPLACEMENT_CHARACTER.len_utf8(), start..start + invalid.len(), false);
            start += invalid.len();
            n_invalid += invalid.len();
        }
    }
    (CanonicalText { text, map }, n_invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_are_counted_and_keep_their_place() {
        let (decoded, n_invalid) = decode(b"ab\xFF\xFEcd\xE4\xBD");
        assert_eq!(decoded.text, "ab\u{FFFD}\u{FFFD}cd\u{FFFD}");
        assert_eq!(n_invalid, 4);
        assert_eq!(decoded.map.to_original(8..10), 4..6);
        assert_eq!(decoded.map.to_original(10..13), 6..8);
    }

    #[test]
    fn valid_bytes_are_the_text() {
        let (decoded, n_invalid) = decode("héllo".as_bytes());
        assert_eq!((decoded.text.as_str(), n_invalid), ("héllo", 0));
    }
}
