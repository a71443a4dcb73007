//! Encodings of a whole text in ASCII: base64, hexadecimal, percent-encoding, ROT13.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::Rng;
use rand::rngs::SmallRng;

/// RFC 4648 base64: the standard alphabet with padding, or the URL-safe one without.
pub fn base64(text: &str, rng: &mut SmallRng) -> String {
    if rng.random() { STANDARD.encode(text) } else { URL_SAFE_NO_PAD.encode(text) }
}

/// Two hexadecimal digits a byte, all in upper case or all in lower case.
pub fn hex(text: &str, rng: &mut SmallRng) -> String {
    let is_upper = rng.random();
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let written = if is_upper { write!(encoded, "{byte:02X}") } else { write!(encoded, "{byte:02x}") };
        debug_assert!(written.is_ok(), "a String takes everything");
        encoded
    })
}

/// Every byte as `%XX` (RFC 3986, section 2.1).
pub fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Latin letters moved on by thirteen places; the same again gives the text back.
pub fn rot13(text: &str) -> String {
    let rotate = |letter: char, first: u8| char::from((letter as u8 - first + 13) % 26 + first);
    text.chars()
        .map(|character| match character {
            'a'..='z' => rotate(character, b'a'),
            'A'..='Z' => rotate(character, b'A'),
            _ => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Both variants of a randomised encoding.
    fn variants(encode: fn(&str, &mut SmallRng) -> String, text: &str) -> Vec<String> {
        let mut variants: Vec<_> = (0..20).map(|seed| encode(text, &mut SmallRng::seed_from_u64(seed))).collect();
        variants.sort();
        variants.dedup();
        variants
    }

    #[test]
    fn base64_has_two_alphabets() {
        assert_eq!(variants(base64, "~~?~"), ["fn4/fg==", "fn4_fg"]);
    }

    #[test]
    fn hex_percent_and_rot13() {
        assert_eq!(variants(hex, "é~"), ["C3A97E", "c3a97e"]);
        assert_eq!(percent("a é"), "%61%20%C3%A9");
        assert_eq!(rot13("Hello, Wörld"), "Uryyb, Jöeyq");
        assert_eq!(rot13(&rot13("Hello, Wörld")), "Hello, Wörld");
    }
}
