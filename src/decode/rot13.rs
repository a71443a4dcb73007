//! ROT13: stretches that read as English once each letter is moved by 13, and do not as they stand.
//!
//! Two statistics, the frequencies of letters and common words, find where such a stretch begins and ends; words confirm
//! it. Other languages than English are not found.

use std::ops::Range;

use super::{Candidate, Encoding, Search};
use crate::canonical::is_wordlike;

/// How much likelier each letter from a to m is in English than the one 13 places on: the natural logarithm of the ratio
/// of their frequencies (e is 12.7 % and r 6.0 %), cut at 2.5 so that a rare letter decides little. For the letters from
/// n on the sign turns.
const LIKELIHOOD: [f32; 13] = [0.2, -1.61, 0.39, 2.5, 0.75, -1.05, -1.52, 0.78, 1.97, -2.5, 1.64, 0.69, 2.5];
/// Taken off for each letter. English moved by 13 gains 0.7 a letter and loses as much as it stands; letters at random
/// gain nothing, and must not become a stretch by chance.
const DRIFT: f32 = 0.1;
/// What a word gains that is common once it is moved, and one loses that is common as it stands.
const WORD_GAIN: f32 = 3.0;
/// What a stretch gains, at least: two short words, or about fifteen letters.
const MIN_GAIN: f32 = 10.0;
/// A stretch ends before the words that took this much of its gain.
const MAX_LOSS: f32 = 8.0;
/// Bytes between two words of a stretch, at most.
const MAX_GAP: usize = 24;
/// Of the words of a stretch, one in this many is a common one.
const WORDS_PER_COMMON: usize = 4;
/// Common words of a stretch, at least.
const MIN_COMMON: usize = 2;
/// Words of a stretch, at least.
const MIN_WORDS: usize = 3;
/// The same, of three letters or more, if none of them need be a common one.
const MIN_WORDS_OF_ANY_LANGUAGE: usize = 4;
/// Words that are added to a stretch at its sentence's end, at most.
const MAX_MORE_WORDS: usize = 4;

/// Words of two letters or more that sentences of English are made of, and orders to a model in particular.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "about", "above", "access", "account", "add", "admin", "after", "all", "also", "always", "an", "and", "answer",
    "any", "are", "as", "at", "be", "because", "been", "before", "but", "by", "can", "code", "command", "could",
    "data", "day", "delete", "did", "do", "does", "email", "every", "file", "first", "follow", "following", "for",
    "forget", "from", "full", "get", "give", "go", "had", "has", "have", "he", "her", "here", "his", "how", "if",
    "ignore", "in", "information", "instead", "instruction", "instructions", "into", "is", "it", "its", "key",
    "know", "like", "list", "make", "message", "model", "more", "must", "my", "name", "need", "never", "new", "no",
    "not", "now", "of", "on", "once", "one", "only", "or", "other", "our", "out", "over", "password", "people",
    "please", "previous", "print", "prompt", "put", "read", "repeat", "reply", "request", "reveal", "rule", "rules",
    "say", "secret", "see", "send", "set", "she", "show", "so", "some", "system", "take", "tell", "text", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "time", "to", "told", "tool", "up",
    "us", "use", "user", "was", "we", "were", "what", "when", "where", "which", "who", "will", "with", "without",
    "word", "words", "work", "would", "write", "you", "your",
];

/// The length of the longest of them.
const MAX_COMMON_LEN: usize = 12;

pub(super) fn find(text: &str, search: &mut Search) {
    let mut stretch = Stretch::default();
    for word in words(text) {
        if !stretch.goes_on(&word) {
            std::mem::take(&mut stretch).finish(text, search);
        }
        stretch.push(text, word);
    }
    stretch.finish(text, search);
}

/// Stretches of letters and digits of any alphabet, so that no piece of a foreign word counts as a word.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(char::is_alphanumeric)?;
        let rest = text.get(start..)?;
        at = start + rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        Some(start..at)
    })
}

/// Words that gain by being moved, up to the one with which they gain most.
#[derive(Default)]
struct Stretch {
    start: usize,
    /// The end of the last word.
    end: usize,
    gain: f32,
    best_gain: f32,
    best_end: usize,
}

impl Stretch {
    fn goes_on(&self, next: &Range<usize>) -> bool {
        self.gain > 0.0 && self.gain > self.best_gain - MAX_LOSS && next.start - self.end <= MAX_GAP
    }

    fn push(&mut self, text: &str, word: Range<usize>) {
        if self.best_gain <= 0.0 {
            self.start = word.start;
        }
        self.end = word.end;
        self.gain += word_gain(text.get(word).unwrap_or_default());
        if self.gain > self.best_gain {
            (self.best_gain, self.best_end) = (self.gain, self.end);
        }
    }

    fn finish(self, text: &str, search: &mut Search) {
        let range = self.start..self.best_end;
        if let Some(encoded) = text.get(range.clone())
            && self.best_gain >= MIN_GAIN
            && (is_english_once_moved(encoded) || are_words_once_moved(encoded))
        {
            search.offer(Encoding::Rot13, decode(text, range.start..self.end_of_sentence(text)));
        }
    }

    /// Where the stretch ends with the words behind it, to the end of the sentence, that read as words once they are moved:
    /// rare ones gain nothing.
    fn end_of_sentence(&self, text: &str) -> usize {
        let rest = text.get(self.best_end..).unwrap_or_default();
        let sentence =
            rest.find(['.', '!', '?', '\n', ':', ';']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
        let moved_words = words(sentence).take(MAX_MORE_WORDS).take_while(|range| {
            let word = sentence.get(range.clone()).unwrap_or_default();
            !is_common(word, |letter| letter) && (word.len() == 1 || is_wordlike(&in_clear(word)))
        });
        self.best_end + moved_words.last().map_or(0, |range| range.end)
    }
}

/// What a word gains by being moved. One that is not all English letters loses as a word does that is common as it stands;
/// a number is the same either way.
fn word_gain(word: &str) -> f32 {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0.0;
    }
    if !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return -WORD_GAIN;
    }
    let letters: f32 = word.bytes().map(letter_gain).sum();
    let words = f32::from(i8::from(is_common(word, moved)) - i8::from(is_common(word, |letter| letter)));
    letters + words * WORD_GAIN
}

/// What a letter gains by being moved.
fn letter_gain(letter: u8) -> f32 {
    let place = usize::from(letter.to_ascii_lowercase().saturating_sub(b'a'));
    let likelihood = |place: usize| LIKELIHOOD.get(place).copied();
    likelihood(place).map_or_else(|| likelihood(place - LIKELIHOOD.len()).unwrap_or_default(), |l| -l) - DRIFT
}

/// True if the words, of whatever language, read as words once they are moved and not as they stand.
fn are_words_once_moved(encoded: &str) -> bool {
    let (mut n_words, mut n_before, mut n_after) = (0, 0, 0);
    for word in words(encoded).filter_map(|range| encoded.get(range)).filter(|word| word.len() > 2) {
        n_words += 1;
        n_before += usize::from(is_wordlike(word));
        n_after += usize::from(is_wordlike(&in_clear(word)));
    }
    n_words >= MIN_WORDS_OF_ANY_LANGUAGE && 5 * n_after >= 4 * n_words && 5 * n_before <= 2 * n_words
}

fn is_english_once_moved(encoded: &str) -> bool {
    let (mut n_words, mut n_common, mut n_common_before) = (0, 0, 0);
    for word in words(encoded).filter_map(|range| encoded.get(range)) {
        n_words += 1;
        n_common += usize::from(is_common(word, moved));
        n_common_before += usize::from(is_common(word, |letter| letter));
    }
    n_words >= MIN_WORDS
        && n_common >= MIN_COMMON
        && n_common * WORDS_PER_COMMON >= n_words
        && n_common_before * WORDS_PER_COMMON <= n_common
}

/// True if a word, read through a change of letters, is a common one.
fn is_common(word: &str, read: fn(u8) -> u8) -> bool {
    let letters = || word.bytes().map(|letter| read(letter).to_ascii_lowercase());
    word.len() <= MAX_COMMON_LEN && COMMON.binary_search_by(|common| common.bytes().cmp(letters())).is_ok()
}

/// A word with its letters moved.
fn in_clear(word: &str) -> String {
    word.bytes().map(|byte| char::from(moved(byte))).collect()
}

fn moved(byte: u8) -> u8 {
    match byte {
        b'a'..=b'm' | b'A'..=b'M' => byte + 13,
        b'n'..=b'z' | b'N'..=b'Z' => byte - 13,
        other => other,
    }
}

fn decode(text: &str, range: Range<usize>) -> Candidate {
    let mut candidate = Candidate::default();
    let mut at = range.start;
    for word in words(text.get(range.clone()).unwrap_or_default()) {
        let word = range.start + word.start..range.start + word.end;
        candidate.push_verbatim(text.get(at..word.start).unwrap_or_default(), at);
        at = word.end;
        let encoded = text.get(word.clone()).unwrap_or_default();
        candidate.push(&encoded.bytes().map(moved).collect::<Vec<_>>(), word);
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_in_order() {
        assert!(COMMON.is_sorted());
        assert_eq!(COMMON.iter().map(|word| word.len()).max(), Some(MAX_COMMON_LEN));
    }

    #[test]
    fn moving_twice_changes_nothing() {
        for byte in 0..=u8::MAX {
            assert_eq!(moved(moved(byte)), byte);
            if byte.is_ascii_alphabetic() {
                assert!((letter_gain(byte) + letter_gain(moved(byte)) + 2.0 * DRIFT).abs() < 1e-6);
            }
        }
    }
}
