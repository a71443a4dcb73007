//! Encoded payloads: stretches of a text that stand for another text, which a reader who decodes them would see.
//!
//! One level at a time: what a payload holds is searched by whoever asks, to the depth that they allow. Each family of
//! encodings is a file in `decode/`. Pure, in linear time, within a [`Budget`]. Gives only what reads as text, so that
//! hashes, identifiers, images and ordinary words make no payload; judges nothing.

mod base64;
mod budget;
mod escapes;
mod hex;
mod inflate;
mod readable;
mod rot13;

use std::ops::Range;

pub use budget::Budget;

use crate::canonical::{CanonicalText, OffsetMap};
use crate::structure::bytes;

/// How a text was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 4648, either alphabet, in one line or many, padded or not.
    Base64,
    /// Hexadecimal digits in a row, or pairs of them in a list.
    Hex,
    /// `\xNN`, `\uXXXX`, `\u{X}`.
    Escapes,
    /// `%NN`, RFC 3986.
    Percent,
    /// `=NN`, RFC 2045.
    QuotedPrintable,
    /// The letters of English moved by 13.
    Rot13,
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
}

/// A text that was found encoded in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// How it was encoded, from the outside in.
    pub encodings: Vec<Encoding>,
    /// The text, with a map to the one that was searched.
    pub text: CanonicalText,
}

/// Finds what is encoded in a text. What does not fit the budget is left out, and the budget remembers.
pub fn search(text: &str, budget: &mut Budget) -> Vec<Payload> {
    let mut search = Search { budget, found: Vec::new() };
    base64::find(text, &mut search);
    hex::find(text, &mut search);
    escapes::find(text, &mut search);
    rot13::find(text, &mut search);
    search.found
}

/// Bytes that a stretch of text may stand for, with a map to the text.
#[derive(Default)]
struct Candidate {
    bytes: Vec<u8>,
    map: OffsetMap,
}

impl Candidate {
    fn push(&mut self, bytes: &[u8], source: Range<usize>) {
        self.bytes.extend_from_slice(bytes);
        self.map.push(bytes.len(), source, false);
    }

    /// Adds text that stands for itself. What is read from a part of a character's bytes, since the whole turns out not to be
    /// UTF-8, points to all of the character.
    fn push_verbatim(&mut self, text: &str, start: usize) {
        self.bytes.extend_from_slice(text.as_bytes());
        for (at, character) in text.char_indices() {
            let source = start + at..start + at + character.len_utf8();
            self.map.push(source.len(), source, character.is_ascii());
        }
    }
}

struct Search<'b> {
    budget: &'b mut Budget,
    found: Vec<Payload>,
}

impl Search<'_> {
    /// Takes what reads as text in a candidate. True if all of it does.
    fn offer(&mut self, encoding: Encoding, candidate: Candidate) -> bool {
        let (Candidate { mut bytes, mut map }, mut encodings) = (candidate, vec![encoding]);
        while let Some(inflated) = inflate::inflate(&bytes, self.budget) {
            let mut whole = OffsetMap::default();
            whole.push(inflated.bytes.len(), map.to_original(0..bytes.len()), false);
            (bytes, map) = (inflated.bytes, whole);
            encodings.push(inflated.encoding);
        }
        // What was inflated is paid for.
        let is_paid = encodings.len() > 1;
        let text = bytes::decode(&bytes).text;
        let stretches = readable::stretches(&text.text);
        let is_whole = stretches.first() == Some(&(0..text.text.len()));
        for stretch in stretches {
            let cost = if is_paid { 0 } else { stretch.len() };
            if self.budget.take_view(cost) {
                let text = text.part(stretch);
                let text = CanonicalText { map: text.map.after(&map), ..text };
                self.found.push(Payload { encodings: encodings.clone(), text });
            }
        }
        is_whole
    }
}

#[cfg(test)]
mod tests;
