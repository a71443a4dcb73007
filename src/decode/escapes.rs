//! Characters written as escapes, each or only some: `\xNN` and `\uXXXX`, `%NN`, `=NN`.
//!
//! Escapes that stand close together are one payload with what is between them, and with the words that they touch.

use std::ops::Range;

use super::{Candidate, Encoding, Search};
use crate::structure::json;

/// Bytes between two escapes of one payload, at most: honest text escapes a character here and there.
const MAX_GAP: usize = 16;
/// Bytes of the words that a payload touches, at most.
const MAX_WORD: usize = 64;

/// A way to write characters as escapes.
struct Family {
    encoding: Encoding,
    lead: char,
    /// Escapes of a payload, at least.
    min_escapes: usize,
    /// A payload goes over white space.
    has_spaces: bool,
    parse: fn(&str) -> Option<Escape>,
}

/// What the escape at the start of a text stands for.
struct Escape {
    value: Value,
    len: usize,
    /// It is one that no honest text needs so many of.
    counts: bool,
}

enum Value {
    Byte(u8),
    Character(char),
    Nothing,
}

const FAMILIES: [Family; 3] = [
    Family { encoding: Encoding::Escapes, lead: '\\', min_escapes: 4, has_spaces: true, parse: parse_backslash },
    Family { encoding: Encoding::Percent, lead: '%', min_escapes: 4, has_spaces: false, parse: parse_percent },
    Family { encoding: Encoding::QuotedPrintable, lead: '=', min_escapes: 6, has_spaces: true, parse: parse_equals },
];

pub(super) fn find(text: &str, search: &mut Search) {
    for family in &FAMILIES {
        find_family(text, family, search);
    }
}

fn find_family(text: &str, family: &Family, search: &mut Search) {
    let mut cluster = Cluster::default();
    let (mut at, mut free_from) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(family.lead)) {
        let start = at + found;
        let Some(escape) = text.get(start..).and_then(family.parse) else {
            at = start + 1;
            continue;
        };
        at = start + escape.len;
        if !cluster.reaches(text, start, family) {
            free_from = std::mem::take(&mut cluster).finish(text, free_from, start, family, search);
        }
        cluster.escapes.push((start..at, escape));
    }
    cluster.finish(text, free_from, text.len(), family, search);
}

/// Escapes that stand close together.
#[derive(Default)]
struct Cluster {
    escapes: Vec<(Range<usize>, Escape)>,
}

impl Cluster {
    fn range(&self) -> Option<Range<usize>> {
        Some(self.escapes.first()?.0.start..self.escapes.last()?.0.end)
    }

    /// True if an escape at `next` belongs to this cluster.
    fn reaches(&self, text: &str, next: usize, family: &Family) -> bool {
        let Some(gap) = self.range().and_then(|range| text.get(range.end..next)) else { return true };
        gap.len() <= MAX_GAP && (family.has_spaces || !gap.contains(char::is_whitespace))
    }

    /// Offers the cluster, with the words that it touches between `after` and `before`. Gives where it ends.
    fn finish(self, text: &str, after: usize, before: usize, family: &Family, search: &mut Search) -> usize {
        let Some(range) = self.range() else { return after };
        if self.escapes.iter().filter(|(_, escape)| escape.counts).count() < family.min_escapes {
            return range.end;
        }
        let start = word_start(text, after..range.start);
        let end = word_end(text, range.end..before);
        let mut candidate = Candidate::default();
        let mut at = start;
        for (range, escape) in self.escapes {
            literal(&mut candidate, text, at..range.start);
            at = range.end;
            match escape.value {
                Value::Byte(byte) => candidate.push(&[byte], range),
                Value::Character(character) => {
                    candidate.push(character.encode_utf8(&mut [0; 4]).as_bytes(), range);
                }
                Value::Nothing => {}
            }
        }
        literal(&mut candidate, text, at..end);
        search.offer(family.encoding, candidate);
        end
    }
}

fn literal(candidate: &mut Candidate, text: &str, range: Range<usize>) {
    candidate.push_verbatim(text.get(range.clone()).unwrap_or_default(), range.start);
}

/// Where the word begins that ends with a range.
fn word_start(text: &str, range: Range<usize>) -> usize {
    let from = text.ceil_char_boundary(range.end.saturating_sub(MAX_WORD).max(range.start));
    let before = text.get(from..range.end).unwrap_or_default();
    from + before.char_indices().rev().find(|&(_, c)| ends_word(c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// Where the word ends that begins with a range.
fn word_end(text: &str, range: Range<usize>) -> usize {
    let to = text.floor_char_boundary(range.start.saturating_add(MAX_WORD).min(range.end));
    let after = text.get(range.start..to).unwrap_or_default();
    range.start + after.find(ends_word).unwrap_or(after.len())
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '`' | '<' | '>' | '(' | ')')
}

/// Reads an escape whose backslash may itself have been escaped, again and again.
fn parse_backslash(text: &str) -> Option<Escape> {
    let n_more = text.bytes().skip(1).take(MAX_GAP).take_while(|&byte| byte == b'\\').count();
    let text = text.get(n_more..)?;
    let (value, len) = match text.strip_prefix("\\x").and_then(hex_byte) {
        Some(byte) => (Value::Byte(byte), 4),
        None => json::escape(text).or_else(|| braced(text)).map(|(read, len)| (Value::Character(read), len))?,
    };
    Some(Escape { value, len: n_more + len, counts: len > 2 })
}

/// Reads `\u{X}` with up to six digits.
fn braced(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("\\u{")?;
    let end = digits.bytes().take(7).position(|byte| byte == b'}')?;
    let code = u32::from_str_radix(digits.get(..end)?, 16).ok()?;
    Some((char::from_u32(code)?, end + 4))
}

fn parse_percent(text: &str) -> Option<Escape> {
    Some(Escape { value: Value::Byte(hex_byte(text.strip_prefix('%')?)?), len: 3, counts: true })
}

/// Reads `=NN`, or the `=` at a line's end that joins it to the next.
fn parse_equals(text: &str) -> Option<Escape> {
    let rest = text.strip_prefix('=')?;
    match rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
        Some(after) => Some(Escape { value: Value::Nothing, len: text.len() - after.len(), counts: true }),
        None => Some(Escape { value: Value::Byte(hex_byte(rest)?), len: 3, counts: true }),
    }
}

fn hex_byte(digits: &str) -> Option<u8> {
    let digits = digits.get(..2)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}
