//! Rule: HTML character references (`&#105;`, `&#x69;`, `&lt;`) become the characters that they stand for.
//!
//! Decodes until none is left, so that `&amp;lt;` does not hide a layer below. A named reference needs its semicolon:
//! `?a=1&copy=2` is an address. Knows the names that a text attack can be built of, not the 2,231 of HTML.

use memchr::memchr;

use super::edit::Edit;

/// The longest reference that is decoded, without its `&`: leading zeros make numeric ones long.
const MAX_REFERENCE_BYTES: usize = 32;

/// Named references: the special characters, spaces, punctuation and the accented letters of Western Europe.
const NAMED: &[(&str, char)] = &[
    ("AMP", '&'),
    ("Aacute", 'Á'),
    ("Agrave", 'À'),
    ("Auml", 'Ä'),
    ("Eacute", 'É'),
    ("GT", '>'),
    ("LT", '<'),
    ("NewLine", '\n'),
    ("NoBreak", '\u{2060}'),
    ("Ouml", 'Ö'),
    ("QUOT", '"'),
    ("Tab", '\t'),
    ("Uuml", 'Ü'),
    ("ZeroWidthSpace", '\u{200B}'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("aelig", 'æ'),
    ("agrave", 'à'),
    ("amp", '&'),
    ("apos", '\''),
    ("aring", 'å'),
    ("ast", '*'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("bsol", '\\'),
    ("bull", '•'),
    ("ccedil", 'ç'),
    ("cent", '¢'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("copy", '©'),
    ("deg", '°'),
    ("dollar", '$'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("egrave", 'è'),
    ("emsp", '\u{2003}'),
    ("ensp", '\u{2002}'),
    ("equals", '='),
    ("euml", 'ë'),
    ("euro", '€'),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("hellip", '…'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iexcl", '¡'),
    ("iquest", '¿'),
    ("laquo", '«'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("ldquo", '“'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lrm", '\u{200E}'),
    ("lsqb", '['),
    ("lsquo", '‘'),
    ("lt", '<'),
    ("mdash", '—'),
    ("middot", '·'),
    ("nbsp", '\u{A0}'),
    ("ndash", '–'),
    ("ntilde", 'ñ'),
    ("num", '#'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("oelig", 'œ'),
    ("oslash", 'ø'),
    ("ouml", 'ö'),
    ("para", '¶'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("pound", '£'),
    ("quest", '?'),
    ("quot", '"'),
    ("raquo", '»'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rdquo", '”'),
    ("reg", '®'),
    ("rlm", '\u{200F}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("rsquo", '’'),
    ("sect", '§'),
    ("semi", ';'),
    ("shy", '\u{AD}'),
    ("sol", '/'),
    ("szlig", 'ß'),
    ("thinsp", '\u{2009}'),
    ("times", '×'),
    ("trade", '™'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("verbar", '|'),
    ("yen", '¥'),
    ("zwj", '\u{200D}'),
    ("zwnj", '\u{200C}'),
];

/// Decodes the references.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    let mut from = 0;
    while let Some(start) = text.as_bytes().get(from..).and_then(|rest| memchr(b'&', rest)).map(|at| from + at) {
        let (decoded, end) = decode(text, start);
        if let Some(character) = decoded {
            edit.replace(start..end, character.encode_utf8(&mut [0; 4]));
        }
        from = end;
    }
}

/// The character of the reference at `start`, through all its layers, and where to go on.
fn decode(text: &str, start: usize) -> (Option<char>, usize) {
    let mut decoded = None;
    let mut end = start + 1;
    // Each layer that decodes to an ampersand makes a new reference with what follows it.
    while let Some((character, len)) = text.get(end..).and_then(reference) {
        decoded = Some(character);
        end += len;
        if character != '&' {
            break;
        }
    }
    (decoded, end)
}

/// The character of the reference that a text, which follows a `&`, begins with, and the length of the reference.
fn reference(text: &str) -> Option<(char, usize)> {
    let name_len =
        text.bytes().take(MAX_REFERENCE_BYTES).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
    let name = text.get(..name_len)?;
    let is_closed = text.as_bytes().get(name_len) == Some(&b';');
    if let Some(number) = name.strip_prefix('#') {
        let (character, digits_len) = numeric(number)?;
        let len = 1 + digits_len;
        return Some((character, len + usize::from(is_closed && len == name_len)));
    }
    let index = NAMED.binary_search_by_key(&name, |(name, _)| name).ok().filter(|_| is_closed)?;
    NAMED.get(index).map(|(_, character)| (*character, name_len + 1))
}

/// The character of `105` or `x69`, and how much of the text that took. A browser shows a character that is none, or
/// is a control, as U+FFFD or as nothing.
fn numeric(number: &str) -> Option<(char, usize)> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16),
        None => (number, 10),
    };
    let n_digits = digits.chars().take_while(|digit| digit.is_digit(radix)).count();
    let digits = digits.get(..n_digits).filter(|digits| !digits.is_empty())?;
    let character = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let shown = character.filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'));
    Some((shown.unwrap_or(char::REPLACEMENT_CHARACTER), number.len().min(n_digits + usize::from(radix == 16))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("&#105;&#x67;&#X6E;ore", "ignore"),
            ("&#105&#103 no semicolons", "ig no semicolons"),
            ("&lt;b&gt; &amp;amp;lt; &amp;#105;", "<b> < i"),
            ("&#0000000105;", "i"),
            ("&#0;&#xD800;&#99999999999;", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("fish & chips, a && b, AT&T; &bogus; &", "fish & chips, a && b, AT&T; &bogus; &"),
            ("https://example.org/?a=1&copy=2&lt=3", "https://example.org/?a=1&copy=2&lt=3"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(NAMED.is_sorted_by_key(|(name, _)| name));
    }

    proptest! {
        #[test]
        fn every_character_is_found_in_its_references(
            character in any::<char>().prop_filter("shown", |c| !c.is_control() && *c != '&')
        ) {
            let code = u32::from(character);
            for original in [format!("&#{code};"), format!("&amp;#x{code:x};")] {
                prop_assert_eq!(undone(undo, &original), character.to_string());
            }
        }

        #[test]
        fn offsets_stay_exact(original in "(&|amp;|lt;|#|x|10|5|;|é){0,24}") {
            check_offsets(undo, &original);
        }
    }
}
