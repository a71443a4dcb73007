//! Base64, in either alphabet, wrapped or not, padded or not, and where a word stands right before it.

use std::ops::Range;

use super::{Candidate, Encoding, Search};

/// Symbols of a run, at least: they make twelve bytes. Shorter ones cannot be told from words.
const MIN_SYMBOLS: usize = 16;
/// Symbols of a line, at least, for the next one to go on with it: otherwise lines of words would be joined.
const MIN_LINE_SYMBOLS: usize = 32;

pub(super) fn find(text: &str, search: &mut Search) {
    for lines in runs(text.as_bytes()) {
        if !offer(text.as_bytes(), &lines, search) && lines.len() > 1 {
            for line in lines {
                offer(text.as_bytes(), &[line], search);
            }
        }
    }
}

/// Decodes some lines as one. What stands before a payload without a gap shifts it, so that every shift is tried.
fn offer(text: &[u8], lines: &[Range<usize>], search: &mut Search) -> bool {
    (0..4).any(|shift| search.offer(Encoding::Base64, decode(text, lines, shift)))
}

/// Stretches of symbols that are long enough, with the lines that they go over.
fn runs(text: &[u8]) -> Vec<Vec<Range<usize>>> {
    let mut runs: Vec<Vec<Range<usize>>> = Vec::new();
    let mut at = 0;
    while let Some(start) = position(text, at, |byte| symbol(byte).is_some()) {
        let end = position(text, start, |byte| symbol(byte).is_none()).unwrap_or(text.len());
        match runs.last_mut() {
            Some(lines) if lines.last().is_some_and(|line| goes_on(text, line, start)) => lines.push(start..end),
            _ if end - start >= MIN_SYMBOLS => runs.push(std::iter::once(start..end).collect()),
            _ => {}
        }
        at = end;
    }
    runs
}

fn position(text: &[u8], from: usize, test: impl Fn(u8) -> bool) -> Option<usize> {
    Some(from + text.get(from..)?.iter().position(|&byte| test(byte))?)
}

/// True if nothing but a line's end, indentation and quote marks stand between a line and what begins at `next`.
fn goes_on(text: &[u8], line: &Range<usize>, next: usize) -> bool {
    let gap = text.get(line.end..next).unwrap_or_default();
    line.len() >= MIN_LINE_SYMBOLS
        && gap.len() <= 16
        && gap.contains(&b'\n')
        && gap.iter().all(|byte| b" \t\r\n>".contains(byte))
}

/// Decodes symbols in groups of four. A lone symbol at the end stands for nothing.
fn decode(text: &[u8], lines: &[Range<usize>], shift: usize) -> Candidate {
    let mut candidate = Candidate::default();
    let (mut group, mut n_symbols, mut start, mut end) = (0_u32, 0_usize, 0, 0);
    for at in lines.iter().cloned().flatten().skip(shift) {
        let Some(value) = text.get(at).copied().and_then(symbol) else { continue };
        if n_symbols == 0 {
            start = at;
        }
        (group, n_symbols, end) = (group << 6 | u32::from(value), n_symbols + 1, at + 1);
        if n_symbols == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            candidate.push(&bytes, start..end);
            (group, n_symbols) = (0, 0);
        }
    }
    let padding = text.get(end..).unwrap_or_default().iter().take(2).take_while(|&&byte| byte == b'=').count();
    let [_, first, second, _] = (group << (6 * (4 - n_symbols.min(4)))).to_be_bytes();
    match n_symbols {
        2 => candidate.push(&[first], start..end + padding),
        3 => candidate.push(&[first, second], start..end + padding),
        _ => {}
    }
    candidate
}

fn symbol(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
