//! WordPiece (Schuster and Nakajima 2012; as BERT has it): a word becomes the longest entry of the vocabulary that it begins
//! with, then the longest that goes on from there, and so on; if that leads nowhere, the whole word is unknown.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Token;
use super::trie::{Node, Trie};

/// A vocabulary.
#[derive(Debug)]
pub(super) struct WordPiece {
    trie: Trie,
    /// Where entries that go on within a word begin; none if there is no such entry.
    continuation: Option<Node>,
    unknown: u32,
    max_chars: usize,
}

impl WordPiece {
    /// Takes the entries, the prefix of those that go on within a word, the number of the unknown token, and how many
    /// characters a word may have before it is unknown.
    pub(super) fn new(vocabulary: &BTreeMap<String, u32>, prefix: &str, unknown: u32, max_chars: usize) -> Self {
        let entries: Vec<(&[u8], u32)> = vocabulary.iter().map(|(entry, id)| (entry.as_bytes(), *id)).collect();
        let trie = Trie::new(&entries);
        Self { continuation: trie.find(prefix.as_bytes()), trie, unknown, max_chars }
    }

    /// The token of a word that cannot be spelled.
    pub(super) fn unknown(&self) -> u32 {
        self.unknown
    }

    /// Adds the tokens of a word. `source` maps a range of its bytes to the text that it was read from.
    pub(super) fn push(&self, word: &str, source: impl Fn(Range<usize>) -> Range<usize>, tokens: &mut Vec<Token>) {
        let n_before = tokens.len();
        let is_short = word.len() <= self.max_chars || word.chars().count() <= self.max_chars;
        let mut rest = if is_short { word.as_bytes() } else { &[] };
        let mut from = Some(Trie::ROOT);
        while let Some((id, length)) = from.and_then(|node| self.trie.longest(node, rest)) {
            let start = word.len() - rest.len();
            tokens.push(Token { id, range: source(start..start + length) });
            rest = rest.get(length..).unwrap_or_default();
            from = self.continuation;
        }
        if !rest.is_empty() || !is_short {
            tokens.truncate(n_before);
            tokens.push(Token { id: self.unknown, range: source(0..word.len()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &[(u32, Range<usize>)]) {
        let entries = ["[UNK]", "un", "unit", "##s", "##ited", "##ité", "a"];
        let vocabulary = entries.into_iter().map(str::to_owned).zip(0..).collect();
        let mut tokens = Vec::new();
        WordPiece::new(&vocabulary, "##", 0, 6).push(word, |range| range, &mut tokens);
        let tokens: Vec<_> = tokens.into_iter().map(|token| (token.id, token.range)).collect();
        assert_eq!(tokens, expected, "{word}");
    }

    #[test]
    fn words_are_spelled_greedily() {
        check("a", &[(6, 0..1)]);
        check("units", &[(2, 0..4), (3, 4..5)]);
        // "unit" is the longer beginning, and leads nowhere; "un" and "##ited" are not tried.
        check("united", &[(0, 0..6)]);
        check("uns", &[(1, 0..2), (3, 2..3)]);
        check("sun", &[(0, 0..3)]);
        // Six characters are a word, seven are not.
        check("assssé", &[(0, 0..7)]);
        check("asssss", &[(6, 0..1), (3, 1..2), (3, 2..3), (3, 3..4), (3, 4..5), (3, 5..6)]);
        check("assssss", &[(0, 0..7)]);
    }
}
