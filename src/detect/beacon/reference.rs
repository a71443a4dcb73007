//! Where Markdown (CommonMark 0.31) and HTML refer to a URL, and whether showing the text is enough to fetch it.
//!
//! One pass that looks at brackets, attributes and `url(...)`, whatever stands around them: a text is Markdown with HTML
//! inside JSON as often as a document, and renderers differ in what they take for code. No byte is part of more than a few
//! scans, so that the whole is linear.

use std::ops::Range;

/// Open brackets that are remembered; deeper ones forget the outermost.
const MAX_OPEN: usize = 32;
/// Bytes of an attribute's value that may hold white space. A longer one has lost its closing quote.
const MAX_QUOTED: usize = 4096;
/// Bytes of white space or escapes between the parts of a reference.
const MAX_GAP: usize = 8;
/// Bytes of the longest attribute name of [`ATTRIBUTES`].
const MAX_NAME: usize = 10;

/// When a viewer fetches a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// As soon as the text is shown.
    OnDisplay,
    /// When a person follows it.
    OnClick,
}

/// Attributes that hold a URL (HTML Living Standard, "Attributes").
const ATTRIBUTES: [(&str, Load); 9] = [
    ("src", Load::OnDisplay),
    ("srcset", Load::OnDisplay),
    ("poster", Load::OnDisplay),
    ("background", Load::OnDisplay),
    ("data", Load::OnDisplay),
    ("href", Load::OnClick),
    ("action", Load::OnClick),
    ("formaction", Load::OnClick),
    ("ping", Load::OnClick),
];

/// A URL that a text refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub load: Load,
    /// Bytes of the text.
    pub url: Range<usize>,
}

/// The references of a text, in its order.
pub(super) fn find(text: &str) -> impl Iterator<Item = Reference> {
    References { text, at: 0, open: Vec::new(), definitions: definitions_load(text) }
}

/// A definition (`[name]: url`) is fetched on display if an image may use it; which one uses which does not matter here.
fn definitions_load(text: &str) -> Load {
    let is_image_by_name = |(start, _): (usize, &str)| {
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.as_bytes().iter().take(MAX_QUOTED).position(|byte| *byte == b']');
        end.is_some_and(|end| rest.as_bytes().get(end + 1) != Some(&b'('))
    };
    // Looking at the first images is enough to keep this linear; a text has more than these only to hide something.
    let images = || text.match_indices("![");
    let is_used = images().take(MAX_OPEN).any(is_image_by_name) || images().nth(MAX_OPEN).is_some();
    if is_used { Load::OnDisplay } else { Load::OnClick }
}

struct References<'a> {
    text: &'a str,
    at: usize,
    /// Where brackets are open, and whether an image's.
    open: Vec<(usize, bool)>,
    definitions: Load,
}

impl Iterator for References<'_> {
    type Item = Reference;

    fn next(&mut self) -> Option<Reference> {
        while let Some(byte) = self.byte(self.at) {
            let at = self.at;
            self.at += 1;
            let reference = match byte {
                b'\\' => {
                    self.at += 1;
                    None
                }
                b'[' => {
                    self.open_bracket(at);
                    None
                }
                b']' => self.close_bracket(at),
                b'=' => self.attribute(at),
                b'(' => self.style(at),
                _ => None,
            };
            if reference.is_some() {
                return reference;
            }
        }
        None
    }
}

impl References<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The end of the stretch from `start` on whose bytes pass a test, or as far as `limit` goes.
    fn end_of(&self, start: usize, limit: usize, test: impl Fn(u8) -> bool) -> usize {
        let bytes = self.text.as_bytes().get(start..).unwrap_or_default();
        start + bytes.iter().take(limit).take_while(|&&byte| test(byte)).count()
    }

    fn open_bracket(&mut self, at: usize) {
        if self.open.len() == MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push((at, at.checked_sub(1).and_then(|before| self.byte(before)) == Some(b'!')));
    }

    fn close_bracket(&mut self, at: usize) -> Option<Reference> {
        let (opened, is_image) = self.open.pop()?;
        match self.byte(at + 1)? {
            b'(' => self.destination(at + 2, if is_image { Load::OnDisplay } else { Load::OnClick }),
            b':' if self.begins_line(opened) => self.destination(at + 2, self.definitions),
            _ => None,
        }
    }

    /// True if nothing but spaces stands before this place in its line; `\n` spelled out in JSON ends a line too.
    fn begins_line(&self, at: usize) -> bool {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let n_spaces = before.iter().rev().take(MAX_GAP).take_while(|byte| **byte == b' ').count();
        let line = before.get(..before.len() - n_spaces).unwrap_or_default();
        line.is_empty() || line.ends_with(b"\n") || line.ends_with(b"\\n")
    }

    /// The destination of a link: in angle brackets, or up to white space, the closing parenthesis or the next link.
    fn destination(&mut self, start: usize, load: Load) -> Option<Reference> {
        let start = self.end_of(start, MAX_GAP, |byte| byte.is_ascii_whitespace());
        if self.byte(start) == Some(b'<') {
            let end = self.end_of(start + 1, MAX_QUOTED, |byte| !matches!(byte, b'>' | b'\n' | b'<'));
            return reference(start + 1..end, load);
        }
        let bytes = self.text.as_bytes().get(start..).unwrap_or_default();
        let mut n_open = 0_usize;
        let len = bytes
            .iter()
            .zip(bytes.iter().skip(1).chain([&b' ']))
            .take_while(|&(byte, next)| {
                match byte {
                    b'(' => n_open += 1,
                    b')' if n_open == 0 => return false,
                    b')' => n_open -= 1,
                    b']' if *next == b'(' => return false,
                    _ => {}
                }
                !byte.is_ascii_whitespace()
            })
            .count();
        reference(start..start + len, load)
    }

    /// An attribute that holds a URL, with its value in quotes (escaped ones too, as in JSON) or bare.
    fn attribute(&mut self, equals: usize) -> Option<Reference> {
        let before = self.text.as_bytes().get(..equals)?.trim_ascii_end();
        let is_name = |byte: &u8| byte.is_ascii_alphabetic();
        let len = before.iter().rev().take(MAX_NAME + 1).take_while(|byte| is_name(byte)).count();
        let (rest, name) = before.split_at(before.len() - len);
        let load = ATTRIBUTES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?.1;
        if !rest.last().is_some_and(|byte| byte.is_ascii_whitespace() || b"\"'/".contains(byte))
            && !rest.ends_with(b"\\n")
        {
            return None;
        }
        let start = self.end_of(equals + 1, MAX_GAP, |byte| byte.is_ascii_whitespace() || byte == b'\\');
        match self.byte(start)? {
            quote @ (b'"' | b'\'') => reference(self.quoted(start + 1, quote), load),
            _ => self.bare(start, load),
        }
    }

    /// What stands before the closing quote; up to white space if there is none nearby.
    fn quoted(&self, start: usize, quote: u8) -> Range<usize> {
        let end = self.end_of(start, MAX_QUOTED, |byte| byte != quote && byte != b'\n');
        if self.byte(end) == Some(quote) {
            let escape = usize::from(end > start && self.byte(end - 1) == Some(b'\\'));
            return start..end - escape;
        }
        start..self.end_of(start, MAX_QUOTED, |byte| byte != quote && !byte.is_ascii_whitespace())
    }

    /// `url(...)` in a style sheet.
    fn style(&mut self, parenthesis: usize) -> Option<Reference> {
        let before = self.text.as_bytes().get(parenthesis.checked_sub(3)?..parenthesis)?;
        if !before.eq_ignore_ascii_case(b"url") {
            return None;
        }
        let start = self.end_of(parenthesis + 1, MAX_GAP, |byte| b" \t\"'\\".contains(&byte));
        self.bare(start, Load::OnDisplay)
    }

    /// A URL without quotes; the search goes on after it.
    fn bare(&mut self, start: usize, load: Load) -> Option<Reference> {
        self.at = self.end_of(start, usize::MAX, |byte| !byte.is_ascii_whitespace() && !b">)(\"'\\!<".contains(&byte));
        reference(start..self.at, load)
    }
}

fn reference(url: Range<usize>, load: Load) -> Option<Reference> {
    (!url.is_empty()).then_some(Reference { load, url })
}
