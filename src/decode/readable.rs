//! Which part of a decoded text reads as text: what tells a message from the bytes of a hash or an image.

use std::ops::Range;

/// Of a hundred characters of a text, so many may be junk: control characters and what is not valid.
const MAX_JUNK_PERCENT: usize = 10;
/// Of a hundred characters, so many are letters or spaces. Prose has over 95, code and JSON about 60, random bytes 20.
const MIN_WORDY_PERCENT: usize = 60;
/// The same of a text without any junk. Logs and leetspeak have about 50.
const MIN_WORDY_PERCENT_OF_CLEAN: usize = 45;
/// Letters that a text has at least.
const MIN_LETTERS: usize = 8;
/// A stretch of this many characters without junk is text whatever surrounds it: random bytes make one in 10^16.
const MIN_LONG_STRETCH: usize = 40;
/// A stretch of this many is text if it is at least half of the whole.
const MIN_STRETCH: usize = 16;

/// The byte ranges that read as text: all of it, or those stretches of it that do.
pub(super) fn stretches(text: &str) -> Vec<Range<usize>> {
    let whole = Stretch::of(text, 0..text.len());
    if whole.n_junk * 100 <= whole.n_characters * MAX_JUNK_PERCENT && whole.is_wordy() {
        return vec![whole.range];
    }
    let is_long = |n: usize| n >= MIN_LONG_STRETCH || (n >= MIN_STRETCH && 2 * n >= whole.n_characters);
    clean(text).filter(|stretch| is_long(stretch.n_characters) && stretch.is_wordy()).map(|s| s.range).collect()
}

/// The stretches without junk.
fn clean(text: &str) -> impl Iterator<Item = Stretch> {
    let mut start = 0;
    text.split(is_junk).map(move |piece| {
        let range = start..start + piece.len();
        let junk = text.get(range.end..).and_then(|rest| rest.chars().next());
        start = range.end + junk.map_or(0, char::len_utf8);
        Stretch::of(text, range)
    })
}

struct Stretch {
    range: Range<usize>,
    n_characters: usize,
    n_letters: usize,
    n_spaces: usize,
    n_junk: usize,
}

impl Stretch {
    fn of(text: &str, range: Range<usize>) -> Self {
        let mut stretch = Self { range, n_characters: 0, n_letters: 0, n_spaces: 0, n_junk: 0 };
        for character in text.get(stretch.range.clone()).unwrap_or_default().chars() {
            stretch.n_characters += 1;
            stretch.n_letters += usize::from(character.is_alphabetic());
            stretch.n_spaces += usize::from(character.is_whitespace());
            stretch.n_junk += usize::from(is_junk(character));
        }
        stretch
    }

    fn is_wordy(&self) -> bool {
        let n_wordy = self.n_letters + self.n_spaces;
        let min_percent = if self.n_junk == 0 { MIN_WORDY_PERCENT_OF_CLEAN } else { MIN_WORDY_PERCENT };
        self.n_letters >= MIN_LETTERS && n_wordy * 100 >= self.n_characters * min_percent
    }
}

fn is_junk(character: char) -> bool {
    character == char::REPLACEMENT_CHARACTER || (character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = stretches(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn text_is_told_from_bytes() {
        let long = "a message of more than forty characters, in the middle of bytes";
        check("a plain sentence", &["a plain sentence"]);
        check("Привет всем, 你好世界", &["Привет всем, 你好世界"]);
        check("tiny", &[]);
        check("1234567890-=+/1234567890", &[]);
        check("\u{1}\u{2}\u{FFFD}\u{3}rest of a sentence", &["rest of a sentence"]);
        check("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", &[]);
        let junk = "\u{FFFD}x\u{1}".repeat(60);
        check(&format!("{junk}rest of a sentence"), &[]);
        check(&format!("{junk}{long}{junk}{long}"), &[long, long]);
        check("", &[]);
    }
}
