//! Hexadecimal digits: in a row, or in a list of pairs that are set apart.

use std::ops::Range;

use super::{Candidate, Encoding, Search};

/// Digits in a row, at least: they make twelve bytes.
const MIN_DIGITS: usize = 24;
/// Pairs of a list, at least: more than a MAC address or a time stamp has.
const MIN_PAIRS: usize = 12;
/// Bytes between two pairs of a list, at most.
const MAX_GAP: usize = 4;

pub(super) fn find(text: &str, search: &mut Search) {
    let mut list = List::default();
    for word in words(text.as_bytes()) {
        match pair(text, &word) {
            Some(pair) => list.push(text, pair, search),
            None => {
                list.finish(search);
                offer_row(text, word, search);
            }
        }
    }
    list.finish(search);
}

/// Stretches of letters and digits.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.iter().position(u8::is_ascii_alphanumeric)?;
        let rest = text.get(start..)?;
        at = start + rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        Some(start..at)
    })
}

/// Digits in a row, from the first that may begin a byte: `0x` before them is no part of them.
fn offer_row(text: &str, word: Range<usize>, search: &mut Search) {
    let digits = match text.get(word.clone()) {
        Some(prefixed) if prefixed.starts_with("0x") || prefixed.starts_with("0X") => word.start + 2..word.end,
        _ => word,
    };
    let Some(row) = text.get(digits.clone()) else { return };
    if row.len() < MIN_DIGITS || !row.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return;
    }
    let mut candidate = Candidate::default();
    let start = digits.start + row.len() % 2;
    for at in (start..digits.end).step_by(2) {
        candidate.push(&[value(text, at..at + 2).unwrap_or_default()], at..at + 2);
    }
    search.offer(Encoding::Hex, candidate);
}

/// One pair of a list.
struct Pair {
    value: u8,
    range: Range<usize>,
    /// It has a letter or the prefix `0x`: a list without any is one of decimal numbers.
    is_hex: bool,
}

fn pair(text: &str, word: &Range<usize>) -> Option<Pair> {
    let digits = match word.len() {
        2 => word.clone(),
        3 | 4 if text.get(word.clone())?.starts_with("0x") => word.start + 2..word.end,
        _ => return None,
    };
    let is_hex = digits != *word || text.get(digits.clone())?.bytes().any(|byte| byte.is_ascii_alphabetic());
    Some(Pair { value: value(text, digits)?, range: word.clone(), is_hex })
}

fn value(text: &str, digits: Range<usize>) -> Option<u8> {
    u8::from_str_radix(text.get(digits)?, 16).ok()
}

/// A list of pairs that is being read.
#[derive(Default)]
struct List {
    candidate: Candidate,
    end: usize,
    is_hex: bool,
}

impl List {
    fn push(&mut self, text: &str, pair: Pair, search: &mut Search) {
        let gap = text.get(self.end..pair.range.start).unwrap_or_default();
        if gap.len() > MAX_GAP || !gap.bytes().all(|byte| b" ,;:-\t\r\n".contains(&byte)) {
            self.finish(search);
        }
        self.candidate.push(&[pair.value], pair.range.clone());
        self.end = pair.range.end;
        self.is_hex |= pair.is_hex;
    }

    fn finish(&mut self, search: &mut Search) {
        let list = std::mem::take(self);
        if list.is_hex && list.candidate.bytes.len() >= MIN_PAIRS {
            search.offer(Encoding::Hex, list.candidate);
        }
    }
}
