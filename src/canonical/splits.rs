//! Rule: markup that splits a word and shows nothing is cut out of it.
//!
//! That is, between two letters: comments, empty elements and line break opportunities of HTML, and the seam of two
//! texts in a formula (`\text{ig}\text{nore}`). Markup between words stays: the model reads raw HTML.

use std::cell::LazyCell;

use memchr::memchr2;

use super::edit::Edit;

/// An element's tag that is longer than this is no disguise, but markup.
const MAX_TAG_BYTES: usize = 64;

/// Commands that set text in a formula as text.
const TEXT_COMMANDS: [&str; 10] = [
    "\\mathbf{",
    "\\mathit{",
    "\\mathrm{",
    "\\mathsf{",
    "\\mathtt{",
    "\\text{",
    "\\textbf{",
    "\\textit{",
    "\\textrm{",
    "\\textsf{",
];

/// Cuts the splits out.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    let bytes = text.as_bytes();
    // Where no comment ends any more, none begins: otherwise each beginning would be followed to the end of the text.
    let last_comment = LazyCell::new(|| text.rfind("-->").unwrap_or_default());
    let mut from = 0;
    while let Some(start) = bytes.get(from..).and_then(|rest| memchr2(b'<', b'}', rest)).map(|at| from + at) {
        from = start + 1;
        let is_behind_letter = || text.get(..start).is_some_and(|before| before.ends_with(char::is_alphabetic));
        if !bytes.get(start + 1).is_some_and(|next| may_begin_split(*next)) || !is_behind_letter() {
            continue;
        }
        let end = end_of_splits(text, start, &last_comment);
        from = end.max(from);
        if end > start && text.get(end..).is_some_and(|after| after.starts_with(char::is_alphabetic)) {
            edit.replace(start..end, "");
        }
    }
}

/// False for what no comment, tag or command begins with, after its first sign.
fn may_begin_split(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'!' | b'\\')
}

/// Where the splits that begin at `start` end: at `start`, if there is none.
fn end_of_splits(text: &str, start: usize, last_comment: &LazyCell<usize, impl FnOnce() -> usize>) -> usize {
    let mut end = start;
    while let Some(len) = text.get(end..).and_then(|rest| split_len(rest, || end < **last_comment)) {
        end += len;
    }
    end
}

/// The length of the split that a text begins with.
fn split_len(text: &str, may_be_comment: impl FnOnce() -> bool) -> Option<usize> {
    if let Some(command) = text.strip_prefix('}') {
        return TEXT_COMMANDS.iter().find(|name| command.starts_with(**name)).map(|name| 1 + name.len());
    }
    if let Some(comment) = text.strip_prefix("<!--").filter(|_| may_be_comment()) {
        return comment.find("-->").map(|at| "<!---->".len() + at);
    }
    let (name, tag_len) = opening_tag(text)?;
    if name.eq_ignore_ascii_case("wbr") {
        return Some(tag_len);
    }
    let closing = text.get(tag_len..)?.strip_prefix("</")?;
    let rest =
        closing.get(..name.len()).filter(|closed| closed.eq_ignore_ascii_case(name)).and(closing.get(name.len()..))?;
    rest.starts_with('>').then_some(tag_len + "</>".len() + name.len())
}

/// The name of the tag that a text begins with, and the tag's length.
fn opening_tag(text: &str) -> Option<(&str, usize)> {
    let head = text.get(..text.floor_char_boundary(MAX_TAG_BYTES))?;
    let inside = head.strip_prefix('<')?.split_once('>')?.0;
    let name_len = inside.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = inside.get(..name_len).filter(|name| !name.is_empty())?;
    Some((name, inside.len() + "<>".len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("ig<!-- a -->no<!---->re", "ignore"),
            ("ig<b></b>no<span class=x></SPAN><wbr/>re", "ignore"),
            ("$\\text{ig}\\text{nore}\\textbf{ this}$", "$\\text{ignore}\\textbf{ this}$"),
            ("<p>two <!-- words --> <b>bold</b></p>", "<p>two <!-- words --> <b>bold</b></p>"),
            ("x<y, Vec<T>::new(), a<b>c, un<!-- closed", "x<y, Vec<T>::new(), a<b>c, un<!-- closed"),
            ("\\frac{a}{b}\\text{ if } x", "\\frac{a}{b}\\text{ if } x"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn words_come_together(letters in "[a-zé]{2,12}", splits in prop::collection::vec("<!-- [a-z ]{0,8}-->|<i></i>|<wbr>", 1..4)) {
            let original: String = letters.chars().map(String::from).collect::<Vec<_>>().join(&splits.concat());
            prop_assert_eq!(undone(undo, &original), letters);
        }

        #[test]
        fn offsets_stay_exact(original in "(a|é|<|>|b|</|!--|-->|\\}|\\\\text\\{|wbr){0,24}") {
            check_offsets(undo, &original);
        }
    }
}
