//! Rule: backspace and delete are applied, as a terminal would: each takes back the character before it.
//!
//! What was taken back is a hidden text if it looks like words. Deletes nothing across the start of a line.

use std::ops::Range;

use super::edit::Edit;
use super::words::is_wordlike;
use super::{CanonicalText, Hiding, OffsetMap};

const BACKSPACE: char = '\u{8}';
const DELETE: char = '\u{7F}';

/// Applies the backspaces and deletes.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    if !text.contains([BACKSPACE, DELETE]) {
        return;
    }
    let mut deleted = CanonicalText { text: String::new(), map: OffsetMap::default() };
    for (range, character) in gone(text) {
        edit.replace(range.clone(), "");
        if !matches!(character, BACKSPACE | DELETE) {
            deleted.text.push(character);
            deleted.map.push(range.len(), range, true);
        }
    }
    if deleted.text.split_ascii_whitespace().any(|word| word.len() >= 3 && is_wordlike(word)) {
        edit.hide(Hiding::Deleted, deleted);
    }
}

/// What is no longer there when all is typed, in order. Read from the end, so that the deletions still to be applied
/// are a number and not a stack.
fn gone(text: &str) -> Vec<(Range<usize>, char)> {
    let mut gone = Vec::new();
    let mut n_pending: usize = 0;
    for (start, character) in text.char_indices().rev() {
        let range = start..start + character.len_utf8();
        match character {
            BACKSPACE | DELETE => {
                n_pending += 1;
                gone.push((range, character));
            }
            '\n' => n_pending = 0,
            _ if n_pending > 0 => {
                n_pending -= 1;
                gone.push((range, character));
            }
            _ => {}
        }
    }
    gone.reverse();
    gone
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, hidden, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, visible, deleted) in [
            ("ixg\u{8}\u{8}gnore", "ignore", ""),
            ("p\u{8}q\u{7F}say", "say", ""),
            ("\u{8}\u{8}first", "first", ""),
            ("line\n\u{8}\u{8}two", "line\ntwo", ""),
            ("é\u{8}ab\u{8}\u{8}\u{8}c", "c", ""),
            ("tell\u{8}\u{8}\u{8}\u{8}ask", "ask", "tell"),
            ("tabs\tand\r\nlines stay", "tabs\tand\r\nlines stay", ""),
        ] {
            assert_eq!(undone(undo, original), visible, "{original:?}");
            assert_eq!(hidden(undo, original).concat(), deleted, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn is_what_a_terminal_shows(original in "[aé\n\u{8}\u{7F}]{0,24}") {
            let mut typed = String::new();
            for character in original.chars() {
                match character {
                    BACKSPACE | DELETE if typed.ends_with('\n') => {}
                    BACKSPACE | DELETE => drop(typed.pop()),
                    _ => typed.push(character),
                }
            }
            prop_assert_eq!(undone(undo, &original), typed);
            check_offsets(undo, &original);
        }
    }
}
