//! Bytes to text: UTF-8, or UTF-16 where a byte order mark or a pattern of zeros says so.
//!
//! Refuses no bytes. What is not valid becomes U+FFFD, is counted, and keeps its place in the map. The mark of UTF-8 stays
//! in the text, where it is one of the invisible characters.

use std::ops::Range;

use crate::canonical::{CanonicalText, utf8};

/// Printable ASCII of this many bytes in a row is no UTF-16: sixteen letters of Chinese would have to be made of nothing
/// but such bytes. It is read as what it is, so that a byte order mark hides nothing from us that others can read.
const MIN_ASCII_IN_UTF16: usize = 32;

/// How bytes spell text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteEncoding {
    /// UTF-8, and whatever else is read as it.
    #[default]
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

impl ByteEncoding {
    /// A text in this encoding.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Utf16Be => u16::from_be_bytes(bytes),
            Self::Utf8 | Self::Utf16Le => u16::from_le_bytes(bytes),
        }
    }
}

/// The text that some bytes hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByteText {
    /// The text, with a map to the bytes.
    pub text: CanonicalText,
    /// How many of the bytes are not valid in their encoding.
    pub n_invalid: usize,
    /// Their encoding.
    pub encoding: ByteEncoding,
}

/// Reads bytes as text.
pub fn decode(bytes: &[u8]) -> ByteText {
    match bytes {
        [0xFF, 0xFE, ..] => utf16(bytes, 2, ByteEncoding::Utf16Le),
        [0xFE, 0xFF, ..] => utf16(bytes, 2, ByteEncoding::Utf16Be),
        _ => match zeros(bytes) {
            Some(Zeros::Odd) => utf16(bytes, 0, ByteEncoding::Utf16Le),
            Some(Zeros::Even) => utf16(bytes, 0, ByteEncoding::Utf16Be),
            None => {
                let (text, n_invalid) = utf8::decode(bytes);
                ByteText { text, n_invalid, encoding: ByteEncoding::Utf8 }
            }
        },
    }
}

/// Which bytes of UTF-16 without a mark are zero.
enum Zeros {
    Odd,
    Even,
}

/// Where the zeros of a text stand that is UTF-16 and mostly Latin: in half of the pairs or more, and on one side alone.
fn zeros(bytes: &[u8]) -> Option<Zeros> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let n_even = pairs.iter().filter(|pair| pair[0] == 0).count();
    let n_odd = pairs.iter().filter(|pair| pair[1] == 0).count();
    let is_one_sided = |many: usize, few: usize| many > 0 && many * 2 >= pairs.len() && few * 16 <= many;
    if is_one_sided(n_odd, n_even) {
        Some(Zeros::Odd)
    } else if is_one_sided(n_even, n_odd) {
        Some(Zeros::Even)
    } else {
        None
    }
}

fn utf16(bytes: &[u8], start: usize, encoding: ByteEncoding) -> ByteText {
    let mut read = Reader::new(bytes.len(), encoding);
    let unit_at = |at: usize| bytes.get(at..)?.first_chunk().copied().map(|pair| encoding.unit(pair));
    let (mut at, mut no_ascii_before) = (start, start);
    while let Some(first) = unit_at(at) {
        if at >= no_ascii_before {
            let ascii = ascii_prefix(bytes.get(at..).unwrap_or_default());
            if ascii.len() >= MIN_ASCII_IN_UTF16 {
                // Pairs stay pairs for what follows.
                let is_last = at + ascii.len() == bytes.len();
                let len = if is_last { ascii.len() } else { ascii.len() & !1 };
                read.verbatim(ascii.get(..len).unwrap_or_default(), at);
                at += len;
                continue;
            }
            no_ascii_before = at + ascii.len().max(1);
        }
        let units = [Some(first), unit_at(at + 2)].into_iter().flatten();
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => {
                let len = 2 * character.len_utf16();
                read.character(character, at..at + len);
                at += len;
            }
            _ => {
                read.invalid(at..at + 2);
                at += 2;
            }
        }
    }
    if at < bytes.len() {
        read.invalid(at..bytes.len());
    }
    read.done
}

/// The printable ASCII, with line ends and tabs, that some bytes begin with.
fn ascii_prefix(bytes: &[u8]) -> &str {
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    let len = bytes.iter().position(|byte| !is_text(byte)).unwrap_or(bytes.len());
    bytes.get(..len).and_then(|ascii| std::str::from_utf8(ascii).ok()).unwrap_or_default()
}

struct Reader {
    done: ByteText,
}

impl Reader {
    fn new(capacity: usize, encoding: ByteEncoding) -> Self {
        let mut done = ByteText { encoding, ..ByteText::default() };
        done.text.text.reserve(capacity);
        Self { done }
    }

    fn verbatim(&mut self, text: &str, at: usize) {
        self.done.text.text.push_str(text);
        self.done.text.map.push(text.len(), at..at + text.len(), true);
    }

    fn character(&mut self, character: char, bytes: Range<usize>) {
        self.done.text.text.push(character);
        self.done.text.map.push(character.len_utf8(), bytes, false);
    }

    fn invalid(&mut self, bytes: Range<usize>) {
        self.done.n_invalid += bytes.len();
        self.character(char::REPLACEMENT_CHARACTER, bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "Grüße, 你好 and \u{1F600}; a longer line follows here for the count of zeros.";

    fn le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn be(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    fn check(bytes: &[u8], expected: &str, n_invalid: usize) {
        let decoded = decode(bytes);
        assert_eq!((decoded.text.text.as_str(), decoded.n_invalid), (expected, n_invalid));
    }

    #[test]
    fn encodings_are_told_by_their_mark_or_their_zeros() {
        check(TEXT.as_bytes(), TEXT, 0);
        check(&[b"\xEF\xBB\xBF", TEXT.as_bytes()].concat(), &format!("\u{FEFF}{TEXT}"), 0);
        check(&[b"\xFF\xFE".as_slice(), &le(TEXT)].concat(), TEXT, 0);
        check(&[b"\xFE\xFF".as_slice(), &be(TEXT)].concat(), TEXT, 0);
        check(&[b"\xFF\xFE".as_slice(), &le("你好")].concat(), "你好", 0);
        check(&le(TEXT), TEXT, 0);
        check(&be(TEXT), TEXT, 0);
        check(b"", "", 0);
        check(b"a", "a", 0);
        check(b"\0", "\0", 0);
    }

    #[test]
    fn a_wrong_mark_hides_no_ascii() {
        let text = "These are plain bytes that follow a mark of UTF-16, and a reader of UTF-8 sees them.";
        let chinese = "世界".repeat(40);
        check(&[b"\xFF\xFE", text.as_bytes()].concat(), text, 0);
        let mixed = [b"\xFF\xFE".as_slice(), &le(&chinese), text.as_bytes(), &le(&chinese)].concat();
        let decoded = decode(&mixed).text.text;
        assert!(decoded.contains(text) && decoded.ends_with(&chinese), "{decoded}");
    }

    #[test]
    fn invalid_bytes_are_counted_and_keep_their_place() {
        check(b"ab\xFFcd", "ab\u{FFFD}cd", 1);
        check(b"\xFF\xFEa\0\x00\xD8b\0c", "a\u{FFFD}b\u{FFFD}", 3);
    }

    #[test]
    fn places_are_those_of_the_bytes() {
        let decoded = decode(&[b"\xFF\xFE".as_slice(), &le("ab\u{1F600}c")].concat());
        assert_eq!(decoded.text.map.to_original(1..2), 4..6);
        assert_eq!(decoded.text.map.to_original(2..6), 6..10);
        assert_eq!(decoded.text.map.to_original(6..7), 10..12);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), mark in 0_usize..3) {
            let bytes = [[b"".as_slice(), b"\xFF\xFE", b"\xFE\xFF"][mark], &bytes].concat();
            let decoded = decode(&bytes);
            prop_assert!(decoded.n_invalid <= bytes.len());
            let mut end = 0;
            for (start, character) in decoded.text.text.char_indices() {
                let range = decoded.text.map.to_original(start..start + character.len_utf8());
                prop_assert!(!range.is_empty() && range.start >= end && range.end <= bytes.len());
                end = range.end;
            }
        }
    }
}
