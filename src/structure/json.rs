//! JSON to the text that it holds: strings without their escapes, in their places, so that one text is read.
//!
//! A scanner, not a parser: a JSON document begins where a line begins with a bracket, and ends where something stands that
//! JSON does not have. The rest is plain text, so that a broken document, JSON Lines and JSON under a heading are read
//! too. Takes linear time and keeps no stack; only strings that hold JSON themselves are entered, to a depth.

use std::ops::Range;

use crate::canonical::{CanonicalText, OffsetMap};

/// How deep JSON is read in the strings of JSON. A quote at depth n needs 2^n - 1 backslashes before it.
const MAX_NESTED: usize = 6;

/// A text whose JSON strings are free of escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unescaped {
    /// The text, with a map to the one that was given.
    pub text: CanonicalText,
    /// Where strings stand.
    pub strings: Strings,
    /// True if JSON in strings of JSON was left escaped, because it is nested too deep.
    pub is_too_deep: bool,
}

/// Where a JSON text holds text: its keys and string values without their quotes, and what is not JSON at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    /// In the order of the text, apart from each other.
    places: Vec<Range<usize>>,
}

impl Strings {
    /// The part of a range of the original from its first string to its last; the range itself if it touches none.
    pub fn narrow(&self, original: Range<usize>) -> Range<usize> {
        match self.touched_by(&original) {
            [] => original,
            [only] => original.start.max(only.start)..original.end.min(only.end),
            [first, .., last] => original.start.max(first.start)..original.end.min(last.end),
        }
    }

    /// The parts of a range of the original that lie in strings; the range itself if it touches none.
    pub fn parts(&self, original: Range<usize>) -> Vec<Range<usize>> {
        match self.touched_by(&original) {
            [] => vec![original],
            places => places.iter().map(|place| original.start.max(place.start)..original.end.min(place.end)).collect(),
        }
    }

    /// Which string a range of the original touches first, by its position among them.
    pub fn first_in(&self, original: &Range<usize>) -> Option<usize> {
        let first = self.places.partition_point(|place| place.end <= original.start);
        self.places.get(first).filter(|place| place.start < original.end).map(|_| first)
    }

    /// The strings that a range of the original touches.
    fn touched_by(&self, original: &Range<usize>) -> &[Range<usize>] {
        let first = self.places.partition_point(|place| place.end <= original.start);
        let after = self.places.partition_point(|place| place.start < original.end);
        self.places.get(first..after).unwrap_or_default()
    }

    /// The same places in an earlier original.
    #[must_use]
    pub fn after(&self, earlier: &OffsetMap) -> Self {
        Self { places: self.places.iter().map(|place| earlier.to_original(place.clone())).collect() }
    }

    fn push(&mut self, place: Range<usize>) {
        if !place.is_empty() {
            self.places.push(place);
        }
    }
}

/// The text without escapes, or nothing if it holds no JSON string.
pub fn unescape(text: &str) -> Option<Unescaped> {
    walk(text, MAX_NESTED)
}

fn walk(source: &str, nested: usize) -> Option<Unescaped> {
    let mut walk = Walk { source, nested, has_string: false, done: Unescaped::default() };
    let mut at = 0;
    while let Some(start) = next_document(source, at) {
        walk.plain(at..start);
        at = walk.document(start);
    }
    walk.plain(at..source.len());
    walk.has_string.then_some(walk.done)
}

/// Where the next line begins with a bracket, at or after `from`; `from` is no line's start unless it is 0.
fn next_document(source: &str, from: usize) -> Option<usize> {
    let next_line = |at: usize| Some(at + source.get(at..)?.find('\n')? + 1);
    let mut line = if from == 0 { 0 } else { next_line(from)? };
    loop {
        let rest = source.get(line..)?;
        let start = line + rest.find(|character: char| !character.is_whitespace() && character != '\u{FEFF}')?;
        if opens(source.get(start..)?) {
            return Some(start);
        }
        line = next_line(start)?;
    }
}

fn opens(text: &str) -> bool {
    text.starts_with(['{', '['])
}

/// The length of what a text begins with that may stand between the strings of JSON: punctuation, white space, numbers
/// and literals.
fn structural_len(text: &str) -> usize {
    let mut rest = text;
    loop {
        let after = rest.trim_start_matches(['{', '}', '[', ']', ':', ',', ' ', '\t', '\r', '\n']);
        let after = match after.strip_prefix(|first: char| first == '-' || first.is_ascii_digit()) {
            Some(digits) => digits.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.eE".contains(c)),
            None => ["true", "false", "null"].iter().find_map(|literal| after.strip_prefix(literal)).unwrap_or(after),
        };
        if after.len() == rest.len() {
            return text.len() - rest.len();
        }
        rest = after;
    }
}

struct Walk<'t> {
    source: &'t str,
    nested: usize,
    has_string: bool,
    done: Unescaped,
}

impl Walk<'_> {
    /// Reads a document and gives where it ends.
    fn document(&mut self, start: usize) -> usize {
        let mut at = start;
        loop {
            let rest = self.source.get(at..).unwrap_or_default();
            let end = at + structural_len(rest);
            self.copy(at..end);
            let Some(content) = string_content(self.source, end) else { return end };
            at = content.end + 1;
            self.copy(end..content.start);
            self.string(content.clone());
            self.copy(content.end..at);
            self.has_string = true;
        }
    }

    fn plain(&mut self, range: Range<usize>) {
        self.copy(range.clone());
        self.done.strings.push(range);
    }

    fn string(&mut self, content: Range<usize>) {
        let raw = self.source.get(content.clone()).unwrap_or_default();
        if !raw.contains('\\') {
            return self.plain(content);
        }
        let text = unescape_string(raw, content.start);
        match self.enter(&text) {
            Some(inner) => {
                self.append(&inner.text.text, &inner.text.map.after(&text.map));
                self.done.strings.places.extend(inner.strings.after(&text.map).places);
                self.done.is_too_deep |= inner.is_too_deep;
            }
            None => {
                self.append(&text.text, &text.map);
                self.done.strings.push(content);
            }
        }
    }

    /// Reads a string that is JSON itself.
    fn enter(&mut self, string: &CanonicalText) -> Option<Unescaped> {
        if !opens(string.text.trim_start()) || !string.text.contains('"') {
            return None;
        }
        let nested = self.nested.checked_sub(1);
        self.done.is_too_deep |= nested.is_none();
        walk(&string.text, nested?)
    }

    fn copy(&mut self, range: Range<usize>) {
        self.done.text.text.push_str(self.source.get(range.clone()).unwrap_or_default());
        self.done.text.map.push(range.len(), range, true);
    }

    fn append(&mut self, text: &str, map: &OffsetMap) {
        self.done.text.text.push_str(text);
        self.done.text.map.append(map);
    }
}

/// The bytes between the quotes of the string that begins at `at`. No string of JSON goes over a line's end.
fn string_content(source: &str, at: usize) -> Option<Range<usize>> {
    let start = at + 1;
    source.get(at..)?.starts_with('"').then_some(())?;
    let mut from = start;
    loop {
        let end = from + source.get(from..)?.find(['"', '\\', '\n'])?;
        let rest = source.get(end..)?;
        if rest.starts_with('"') {
            return Some(start..end);
        }
        from = end + 1 + rest.strip_prefix('\\')?.chars().next()?.len_utf8();
    }
}

/// The text of a string's content that begins at `start`. An escape that JSON does not have stays as it is.
fn unescape_string(raw: &str, start: usize) -> CanonicalText {
    let mut done = CanonicalText::default();
    let mut rest = raw;
    let mut at = start;
    while !rest.is_empty() {
        let (character, len) = match escape(rest) {
            Some((character, len)) => (Some(character), len),
            None => (None, rest.char_indices().skip(1).find(|&(_, c)| c == '\\').map_or(rest.len(), |(len, _)| len)),
        };
        let (piece, after) = rest.split_at(len);
        match character {
            Some(character) => {
                done.text.push(character);
                done.map.push(character.len_utf8(), at..at + len, false);
            }
            None => {
                done.text.push_str(piece);
                done.map.push(len, at..at + len, true);
            }
        }
        at += len;
        rest = after;
    }
    done
}

/// The character that the escape at the start of a text stands for, and the escape's length in bytes.
pub(crate) fn escape(text: &str) -> Option<(char, usize)> {
    let character = match text.strip_prefix('\\')?.chars().next()? {
        plain @ ('"' | '\\' | '/') => plain,
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((character, 2))
}

/// Reads `\uXXXX`, or two of them that are a surrogate pair.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let units = [Some(unit(0)?), unit(6)].into_iter().flatten();
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, 6 * character.len_utf16()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(json: &str, expected: &str) {
        let unescaped = unescape(json).unwrap();
        assert_eq!(unescaped.text.text, expected, "{json}");
        assert!(!unescaped.is_too_deep);
    }

    #[test]
    fn strings_lose_their_escapes_and_the_rest_stays() {
        check(r#"{"a": "one\ntwo", "b": [1.5e3, true, null]}"#, "{\"a\": \"one\ntwo\", \"b\": [1.5e3, true, null]}");
        check(r#"  ["\u0069gn\u006Fre", "\ud83d\ude00", "a\/b"]"#, "  [\"ignore\", \"😀\", \"a/b\"]");
        check(r#"["\ud83d x", "\q", "\u00"]"#, r#"["\ud83d x", "\q", "\u00"]"#);
        check("\u{FEFF}{\"k\\t\":\"\"}", "\u{FEFF}{\"k\t\":\"\"}");
        check("{\"a\":\"x\\ny\"}\n{\"a\":\"z\\nw\"}", "{\"a\":\"x\ny\"}\n{\"a\":\"z\nw\"}");
    }

    #[test]
    fn json_in_strings_is_read_to_a_depth() {
        check(r#"{"a": "{\"b\": \"c\\nd\"}"}"#, "{\"a\": \"{\"b\": \"c\nd\"}\"}");
        let nest = |depth: usize| {
            (0..depth).fold("{\"a\":\"x\\ny\"}".to_owned(), |inner, _| serde_json::json!([inner]).to_string())
        };
        let read = |depth: usize| unescape(&nest(depth)).unwrap();
        assert!(!read(MAX_NESTED).is_too_deep && read(MAX_NESTED).text.text.contains("x\ny"));
        assert!(read(MAX_NESTED + 1).is_too_deep);
    }

    #[test]
    fn what_is_not_json_is_plain_text() {
        for text in [
            "",
            "plain",
            "[link](https://example.com) \"a\\nb\"",
            "{name}, [see below]",
            "{",
            "[1, 2, 3]",
            "x = [\"a\"]",
        ] {
            assert_eq!(unescape(text), None, "{text}");
        }
        check("{\"a\": \"b\\nc\", then it breaks \\n\nplain", "{\"a\": \"b\nc\", then it breaks \\n\nplain");
        check("[\"a\\tb\", \"open \\n\n{\"c\": \"d\\te\"}", "[\"a\tb\", \"open \\n\n{\"c\": \"d\te\"}");
        check("Result:\n\n  {\"a\": \"b\\tc\"}\nDone.", "Result:\n\n  {\"a\": \"b\tc\"}\nDone.");
    }

    #[test]
    fn ranges_are_narrowed_to_strings() {
        let json = r#"{"title": "short", "n": 12, "body": "{\"inner\": \"a\\nb\"}", "empty": ""}"#;
        let strings = unescape(json).unwrap().strings;
        let at = |text: &str| json.find(text).unwrap();
        let narrow = |range: Range<usize>| &json[strings.narrow(range)];
        assert_eq!(narrow(at("short") - 2..at("short") + 7), "short");
        assert_eq!(narrow(at("short") + 1..at("short") + 3), "ho");
        assert_eq!(narrow(at("inner") + 6..at("empty") - 2), r"a\\nb");
        assert_eq!(narrow(0..json.len()), &json[2..at("empty") + 5]);
        assert_eq!(narrow(at("12")..at("12") + 1), "1");
        assert_eq!(strings.narrow(0..1), 0..1);
        assert_eq!(Strings::default().narrow(3..9), 3..9);
    }

    #[test]
    fn plain_text_beside_json_is_no_structure() {
        let text = "before\n[\"a\"]\nafter";
        assert_eq!(unescape(text).unwrap().strings.narrow(0..text.len()), 0..text.len());
    }

    proptest! {
        #[test]
        fn strings_read_as_a_parser_reads_them(value in any::<String>(), key in "[a-z{\\[\"\\\\]{0,6}") {
            prop_assume!(!opens(value.trim_start()) && !opens(key.trim_start()));
            let json = serde_json::json!({ key.as_str(): value.as_str() }).to_string();
            let unescaped = unescape(&json).unwrap();
            prop_assert_eq!(&unescaped.text.text, &format!("{{\"{key}\":\"{value}\"}}"));
            let start = unescaped.text.text.len() - value.len() - 2;
            let original = unescaped.text.map.to_original(start..start + value.len());
            let quoted = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&json[original], &quoted[1..quoted.len() - 1]);
        }

        #[test]
        fn any_text_is_read_on_its_boundaries(text in "[\\[{\"\\\\nu0d8 :,a\n}é]{0,60}") {
            let Some(unescaped) = unescape(&text) else { return Ok(()) };
            let mut end = 0;
            for (start, character) in unescaped.text.text.char_indices() {
                let range = unescaped.text.map.to_original(start..start + character.len_utf8());
                prop_assert!(range.start >= end && text.get(range.clone()).is_some_and(|slice| !slice.is_empty()));
                end = range.end;
            }
            let mut end = 0;
            for place in &unescaped.strings.places {
                prop_assert!(place.start >= end && text.get(place.clone()).is_some());
                end = place.end;
            }
        }
    }
}
