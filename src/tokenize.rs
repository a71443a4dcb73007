//! Canonical text to overlapping windows of token ids, so that every byte of a text of any length is read.
//!
//! The vocabulary and its rules are the artefact's `tokenizer.json`; `rules` says which are understood, `words` and
//! `wordpiece` apply them, and give the tokens that the `tokenizers` crate gives. Nothing is ever truncated; special
//! tokens that stand in a text are read as the plain text that they are.

mod layout;
mod normalize;
mod rules;
mod trie;
mod wordpiece;
mod words;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::rules::{ModelRule, Rules};
use self::wordpiece::WordPiece;
use self::words::Words;

/// Long texts are tokenised in pieces of about this many bytes, cut at white space, so that memory beside the tokens is
/// bounded whatever stands in them.
const PIECE_BYTES: usize = 8 * 1024;

/// How a text is laid out in windows. Part of the artefact, since the model is trained and calibrated for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowLayout {
    /// The longest window in tokens, with `[CLS]` and `[SEP]`.
    pub tokens: usize,
    /// Tokens that a window shares with the one before it, in a text that needs more than one.
    pub overlap: usize,
}

impl WindowLayout {
    /// Tokens of text in a full window.
    pub fn content(self) -> usize {
        self.tokens.saturating_sub(2)
    }

    /// Checks that windows advance and fit the encoder.
    ///
    /// # Errors
    /// A sentence that names what is off.
    pub fn validate(self, max_positions: usize) -> Result<(), String> {
        if self.tokens > max_positions {
            return Err(format!("window.tokens is {}; the encoder has {max_positions} positions", self.tokens));
        }
        if self.overlap * 2 > self.content() || self.content() == 0 {
            return Err("window.overlap must be at most half of a window's content".to_owned());
        }
        Ok(())
    }
}

/// One window: token ids with their special tokens, and the bytes of canonical text that they were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// `[CLS]`, the text's tokens, `[SEP]`.
    pub ids: Vec<u32>,
    /// The bytes read. The windows of a text cover all of it.
    pub range: Range<usize>,
    /// The text's tokens in this window, as positions in [`Windows::tokens`].
    pub tokens: Range<usize>,
}

/// A whole text in windows; always at least one, so that the empty text has a score too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// In the order of the text.
    pub windows: Vec<Window>,
    /// The bytes of canonical text that each token was read from, in the order of the text.
    pub tokens: Vec<Range<usize>>,
    /// How many of them the vocabulary does not know: read as one and the same unknown word.
    pub n_unknown: usize,
}

/// Why a tokenizer could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizeError {
    /// `tokenizer.json` could not be read.
    #[error("tokenizer.json: {0}")]
    Parse(String),
    /// `tokenizer.json` lacks a token that windows need.
    #[error("tokenizer.json has no token {0}")]
    MissingToken(String),
    /// `tokenizer.json` asks for what this crate does not do.
    #[error("tokenizer.json asks for {0}, which is not supported")]
    Unsupported(&'static str),
}

/// Turns canonical text into windows.
#[derive(Debug)]
pub struct Tokenizer {
    words: Words,
    cls: u32,
    sep: u32,
    n_ids: usize,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// It does not parse, asks for rules that are not supported, or lacks `[CLS]`, `[SEP]` or the unknown token.
    pub fn from_bytes(json: &[u8]) -> Result<Self, TokenizeError> {
        let rules = Rules::parse(json)?;
        let max_chars = rules.max_word_chars()?;
        let ModelRule::WordPiece { unk_token, continuing_subword_prefix, max_input_chars_per_word, vocab } =
            rules.model;
        let id = |token: &str| vocab.get(token).copied().ok_or_else(|| TokenizeError::MissingToken(token.to_owned()));
        let vocabulary = WordPiece::new(&vocab, &continuing_subword_prefix, id(&unk_token)?, max_input_chars_per_word);
        Ok(Self {
            words: Words::new(vocabulary, max_chars),
            cls: id("[CLS]")?,
            sep: id("[SEP]")?,
            n_ids: vocab.values().max().map_or(0, |largest| *largest as usize + 1),
        })
    }

    /// The number of rows that a table of embeddings needs: one more than the largest id.
    pub fn vocab_size(&self) -> usize {
        self.n_ids
    }

    /// Lays a text out in windows.
    pub fn windows(&self, text: &str, layout: WindowLayout) -> Windows {
        let tokens = self.tokens(text);
        let windows = layout::windows(&tokens, layout)
            .into_iter()
            .map(|range| {
                let covered = tokens.get(range.clone()).unwrap_or_default();
                let first_byte =
                    if range.start == 0 { 0 } else { covered.first().map_or(0, |token| token.range.start) };
                let last_byte = tokens.get(range.end).map_or(text.len(), |next| next.range.start);
                Window { ids: self.with_special_tokens(covered), range: first_byte..last_byte, tokens: range }
            })
            .collect();
        let n_unknown = tokens.iter().filter(|token| token.id == self.words.unknown()).count();
        Windows { windows, tokens: tokens.into_iter().map(|token| token.range).collect(), n_unknown }
    }

    fn with_special_tokens(&self, tokens: &[Token]) -> Vec<u32> {
        let mut ids = Vec::with_capacity(tokens.len() + 2);
        ids.push(self.cls);
        ids.extend(tokens.iter().map(|token| token.id));
        ids.push(self.sep);
        ids
    }

    fn tokens(&self, text: &str) -> Vec<Token> {
        // About four bytes make a token of plain text.
        let mut tokens = Vec::with_capacity(text.len() / 4);
        for piece in pieces(text) {
            self.words.push(text.get(piece.clone()).unwrap_or_default(), piece.start, &mut tokens);
        }
        tokens
    }
}

/// A token and the bytes of the whole text that it was read from.
#[derive(Clone)]
struct Token {
    id: u32,
    range: Range<usize>,
}

/// Cuts a text behind white space into pieces of about [`PIECE_BYTES`]; inside a word only where it is longer than that.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE_BYTES + 1);
    let mut start = 0;
    while text.len() - start > PIECE_BYTES {
        let limit = text.floor_char_boundary(start + PIECE_BYTES);
        let head = text.get(start..limit).unwrap_or_default();
        let end = head.rfind(char::is_whitespace).filter(|&space| space > 0).map_or(limit, |space| start + space);
        pieces.push(start..end);
        start = end;
    }
    pieces.push(start..text.len());
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_cover_a_text(words in prop::collection::vec("[a-zé你 ]{0,3000}", 0..40)) {
            let text = words.join("\n");
            let pieces = pieces(&text);
            prop_assert_eq!(pieces.first().map(|piece| piece.start), Some(0));
            prop_assert_eq!(pieces.last().map(|piece| piece.end), Some(text.len()));
            for (piece, next) in pieces.iter().zip(pieces.iter().skip(1)) {
                prop_assert_eq!(piece.end, next.start);
                prop_assert!(text.is_char_boundary(piece.end));
                prop_assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
            }
        }
    }

    #[test]
    fn layouts_that_do_not_advance_are_refused() {
        assert!(WindowLayout { tokens: 128, overlap: 32 }.validate(512).is_ok());
        assert!(WindowLayout { tokens: 128, overlap: 64 }.validate(512).is_err());
        assert!(WindowLayout { tokens: 513, overlap: 0 }.validate(512).is_err());
        assert!(WindowLayout { tokens: 2, overlap: 0 }.validate(512).is_err());
    }
}
