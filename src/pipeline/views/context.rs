//! What stands around a text that is hidden or encoded in another one, so that it can be read in its place.
//!
//! Bounded: a window's worth of text beside a payload, less where payloads stand close together, so that the context of
//! all payloads of a text is about as long as the text.

use std::ops::Range;

use crate::canonical::CanonicalText;

/// The most bytes to either side: with a short payload between them they fill one window.
pub(super) const MAX_BYTES: usize = 192;
/// The bytes to either side that every payload gets: the sentence before it begins there.
const MIN_BYTES: usize = 64;

/// The bytes to either side of each of `n` payloads in a text.
pub(super) fn width(n_bytes: usize, n: usize) -> usize {
    (n_bytes / n.max(1) / 2).clamp(MIN_BYTES, MAX_BYTES)
}

/// Canonical text before and behind a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    before: CanonicalText,
    behind: CanonicalText,
}

impl Context {
    /// What stands around a range of a text that stands in this context itself: up to `width` bytes to either side, in
    /// whole words.
    pub(super) fn of(&self, text: &CanonicalText, range: Range<usize>, width: usize) -> Self {
        let before = text.part(tail(text.text.get(..range.start).unwrap_or_default(), width));
        let behind = text.part(shifted(head(text.text.get(range.end..).unwrap_or_default(), width), range.end));
        Self {
            before: joined(last(&self.before, width.saturating_sub(range.start)), &before),
            behind: joined(
                behind,
                &first(&self.behind, width.saturating_sub(text.text.len().saturating_sub(range.end))),
            ),
        }
    }

    /// A text in its place, and where it begins and ends there.
    pub(super) fn around(&self, text: &CanonicalText) -> (CanonicalText, Range<usize>) {
        let before = joined(self.before.clone(), text);
        let start = before.text.len() - text.text.len();
        let end = before.text.len();
        (joined(before, &self.behind), start..end)
    }
}

/// Two texts as one. Words that were apart, by what hid or encoded one of them, stay apart.
fn joined(mut first: CanonicalText, second: &CanonicalText) -> CanonicalText {
    let ends_in_word = first.text.chars().next_back().is_some_and(char::is_alphanumeric);
    if ends_in_word && second.text.starts_with(char::is_alphanumeric) {
        first.append(' ', second);
    } else {
        first.push(second);
    }
    first
}

fn last(text: &CanonicalText, width: usize) -> CanonicalText {
    text.part(tail(&text.text, width))
}

fn first(text: &CanonicalText, width: usize) -> CanonicalText {
    text.part(head(&text.text, width))
}

/// The last bytes of a text, without the word that they would begin in.
fn tail(text: &str, width: usize) -> Range<usize> {
    let start = text.ceil_char_boundary(text.len().saturating_sub(width));
    let cut = text.get(start..).unwrap_or_default();
    let is_whole = text.get(..start).is_none_or(|before| !before.ends_with(char::is_alphanumeric));
    start + if is_whole { 0 } else { word_len(cut.chars()) }..text.len()
}

/// The first bytes of a text, without the word that they would end in.
fn head(text: &str, width: usize) -> Range<usize> {
    let end = text.floor_char_boundary(width);
    let cut = text.get(..end).unwrap_or_default();
    let is_whole = text.get(end..).is_none_or(|behind| !behind.starts_with(char::is_alphanumeric));
    0..end - if is_whole { 0 } else { word_len(cut.chars().rev()) }
}

fn word_len(characters: impl Iterator<Item = char>) -> usize {
    characters.take_while(|character| character.is_alphanumeric()).map(char::len_utf8).sum()
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expects a text in the place of `[…]`, with so many bytes around it, to read as `expected`.
    fn check(place: &str, width: usize, expected: &str) {
        let (start, end) = (place.find('[').unwrap(), place.find(']').unwrap() + 1);
        let context = Context::default().of(&CanonicalText::verbatim(place), start..end, width);
        let (text, own) = context.around(&CanonicalText::standing_for("secret".to_owned(), start..end));
        assert_eq!(text.text, expected);
        assert_eq!(&text.text[own.clone()], "secret");
        assert_eq!(text.map.to_original(own), start..end);
        for (at, character) in text.text.char_indices() {
            assert!(place.get(text.map.to_original(at..at + character.len_utf8())).is_some());
        }
    }

    #[test]
    fn whole_words_stand_around_a_text() {
        check("[x]", 9, "secret");
        check("one two [x] three four", 0, "secret");
        check("one two [x] three four", 5, " two secret ");
        check("one two [x] three four", 6, " two secret three");
        check("one two [x] three four", 99, "one two secret three four");
        check("größer: [x], süß", 4, ": secret, ");
        check("größer: [x], süß", 9, ": secret, süß");
        check("größer: [x], süß", 10, "größer: secret, süß");
        check("one[x]two", 9, "one secret two");
    }

    #[test]
    fn what_surrounds_the_surroundings_is_added() {
        let outer = Context::default().of(&CanonicalText::verbatim("aa bb () cc dd"), 6..8, 99);
        let inner = outer.of(&CanonicalText::standing_for("ee () ff".to_owned(), 6..8), 3..5, 7);
        let (text, _) = inner.around(&CanonicalText::standing_for("secret".to_owned(), 6..8));
        assert_eq!(text.text, " bb ee secret ff cc ");
    }

    #[test]
    fn payloads_that_stand_close_share_the_context() {
        assert_eq!((width(100_000, 1), width(100_000, 250), width(100_000, 2_000)), (192, 192, 64));
        assert_eq!((width(20_000, 100), width(0, 0)), (100, 64));
    }
}
