//! BERT's words: what stands between white space, each sign of punctuation alone, cut to a fixed length.
//!
//! Plain ASCII, nearly all of most texts, is its own normal form but for case. Only what stands together with another
//! character is normalised.

use std::ops::Range;

use unicode_categories::UnicodeCategories;

use super::Token;
use super::normalize::Normalized;
use super::wordpiece::WordPiece;

/// From text to tokens.
#[derive(Debug)]
pub(super) struct Words {
    vocabulary: WordPiece,
    /// Words are cut after so many characters.
    max_chars: usize,
}

impl Words {
    /// Takes the vocabulary, and the length at which words are cut, if they are.
    pub(super) fn new(vocabulary: WordPiece, max_chars: Option<usize>) -> Self {
        Self { vocabulary, max_chars: max_chars.unwrap_or(usize::MAX) }
    }

    /// The token of a word that cannot be spelled.
    pub(super) fn unknown(&self) -> u32 {
        self.vocabulary.unknown()
    }

    /// Adds the tokens of a text that begins at byte `base` of a longer one.
    pub(super) fn push(&self, text: &str, base: usize, tokens: &mut Vec<Token>) {
        let lower = text.to_ascii_lowercase();
        let mut start = 0;
        while let Some(rest) = lower.get(start..).filter(|rest| !rest.is_empty()) {
            let length = rest.bytes().position(ends_word).unwrap_or(rest.len()).max(1);
            let run = rest.get(..length).unwrap_or(rest);
            if run.bytes().all(|byte| byte.is_ascii_graphic()) {
                self.push_word(run, |range| shift(range, base + start), tokens);
            } else if !run.bytes().all(is_space) {
                self.push_normalized(run, base + start, tokens);
            }
            start += run.len();
        }
    }

    /// Adds the tokens of what may turn out to be several words, or none.
    fn push_normalized(&self, run: &str, base: usize, tokens: &mut Vec<Token>) {
        let normalized = Normalized::new(run);
        let mut push = |start: usize, end: usize| {
            let word = normalized.text.get(start..end).unwrap_or_default();
            self.push_word(word, |range| shift(normalized.source(shift(range, start)), base), tokens);
        };
        let mut start = 0;
        for (index, character) in normalized.text.char_indices() {
            let end = index + character.len_utf8();
            if character.is_whitespace() {
                push(start, index);
                start = end;
            } else if is_punctuation(character) {
                push(start, index);
                push(index, end);
                start = end;
            }
        }
        push(start, normalized.text.len());
    }

    /// Adds the tokens of one word, which may be empty.
    fn push_word(&self, word: &str, source: impl Fn(Range<usize>) -> Range<usize>, tokens: &mut Vec<Token>) {
        let mut rest = word;
        while !rest.is_empty() {
            let start = word.len() - rest.len();
            let (part, after) = cut(rest, self.max_chars);
            self.vocabulary.push(part, |range| source(shift(range, start)), tokens);
            rest = after;
        }
    }
}

/// A word's first characters, and the rest.
fn cut(word: &str, max_chars: usize) -> (&str, &str) {
    if word.len() <= max_chars {
        return (word, "");
    }
    let end = word.char_indices().nth(max_chars).map_or(word.len(), |(index, _)| index);
    word.split_at_checked(end).unwrap_or((word, ""))
}

fn shift(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// White space that normal form keeps; other control characters are not white space to BERT.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a byte is the same in normal form and stands in no word of several characters.
fn ends_word(byte: u8) -> bool {
    is_space(byte) || byte.is_ascii_punctuation()
}

/// Punctuation to BERT: every sign of ASCII that is no letter or digit, and what Unicode calls punctuation.
fn is_punctuation(character: char) -> bool {
    if character.is_ascii() { character.is_ascii_punctuation() } else { character.is_punctuation() }
}
