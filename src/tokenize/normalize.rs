//! BERT's normal form of a text: control characters removed, ideographs set apart, accents stripped, lower case; each byte
//! with the character that it was read from.
//!
//! The tables are those that the models' vocabularies were applied with, by the `tokenizers` crate: categories of Unicode 8
//! and decompositions of Unicode 9. A newer table would read some texts otherwise than the model learned to.

use std::ops::Range;

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

/// A text in normal form.
#[derive(Debug, Default)]
pub(super) struct Normalized {
    /// The text.
    pub(super) text: String,
    /// For each byte of it the bytes of the character that it was read from.
    sources: Vec<Range<usize>>,
}

impl Normalized {
    /// Normalises a text.
    pub(super) fn new(text: &str) -> Self {
        let cleaned: Vec<(char, Range<usize>)> = text.char_indices().flat_map(clean).collect();
        let decomposed = cleaned.iter().map(|(character, _)| *character).nfd();
        let mut sources = cleaned.iter().map(|(_, source)| source);
        let (mut normalized, mut source) = (Self::default(), 0..0);
        for (character, n_added) in decomposed {
            // Where marks change places, sources do not: they are told by how many characters were read so far.
            if n_added == 0 {
                source = sources.next().map_or(source, Clone::clone);
            }
            if !character.is_mark_nonspacing() {
                character.to_lowercase().for_each(|character| normalized.push(character, &source));
            }
        }
        normalized
    }

    fn push(&mut self, character: char, source: &Range<usize>) {
        self.text.push(character);
        self.sources.resize(self.text.len(), source.clone());
    }

    /// What a range of the normal form was read from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        match self.sources.get(range) {
            Some([first, .., last]) => first.start..last.end,
            Some([only]) => only.clone(),
            _ => 0..0,
        }
    }
}

/// The characters that one is replaced by, with its place: none, itself, a space, or itself between spaces.
fn clean((start, character): (usize, char)) -> impl Iterator<Item = (char, Range<usize>)> {
    let source = start..start + character.len_utf8();
    let cleaned = match character {
        _ if is_removed(character) => [None, None, None],
        _ if character.is_whitespace() => [None, Some(' '), None],
        _ if is_ideograph(character) => [Some(' '), Some(character), Some(' ')],
        _ => [None, Some(character), None],
    };
    cleaned.into_iter().flatten().map(move |character| (character, source.clone()))
}

/// Control characters other than those that space, what formats, private use, and the sign of broken text.
fn is_removed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{FFFD}' => true,
        _ => character.is_other(),
    }
}

/// The blocks of ideographs that BERT reads one by one.
fn is_ideograph(character: char) -> bool {
    matches!(character,
        '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{2A6DF}'
        | '\u{2A700}'..='\u{2B81F}'
        | '\u{2B920}'..='\u{2CEAF}'
        | '\u{2F800}'..='\u{2FA1F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, sources: &[(usize, usize)]) {
        let normalized = Normalized::new(text);
        assert_eq!(normalized.text, expected);
        let found: Vec<_> = expected
            .char_indices()
            .map(|(start, character)| normalized.source(start..start + character.len_utf8()))
            .map(|source| (source.start, source.end))
            .collect();
        assert_eq!(found, sources, "{text:?}");
    }

    #[test]
    fn each_step_is_applied_and_traced() {
        check("É", "e", &[(0, 2)]);
        check("e\u{301}a", "ea", &[(0, 1), (3, 4)]);
        check("a\u{200B}\u{FFFD}\0B", "ab", &[(0, 1), (8, 9)]);
        check("a\u{3000}b", "a b", &[(0, 1), (1, 4), (4, 5)]);
        check("日b", " 日 b", &[(0, 3), (0, 3), (0, 3), (3, 4)]);
        // A syllable becomes its letters, all read from it.
        check("각", "\u{1100}\u{1161}\u{11A8}", &[(0, 3), (0, 3), (0, 3)]);
        check("", "", &[]);
    }
}
