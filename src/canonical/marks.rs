//! Rule: combining marks that compose with no letter are dropped from Latin, Greek and Cyrillic text.
//!
//! That is strike-through, underlining and the stacks called Zalgo. Comes after compatibility folding, which has
//! composed what composes: é, ñ and й are single characters by then and stay. Marks on any other script stay as well;
//! Indic, Arabic, Hebrew and Thai words cannot be written without them. What is lost are the rare accents that have no
//! composed form, such as the tone on a dotted vowel in Yoruba or the bar on a mean in mathematics.

use super::edit::Edit;

/// The enclosing mark of keycap emoji, honest on a digit.
const KEYCAP: char = '\u{20E3}';

/// Drops the marks.
pub(super) fn undo(edit: &mut Edit) {
    // The start of a text is a base like a space: there is no letter that the mark could belong to.
    let mut base = ' ';
    for (start, character) in edit.text().char_indices() {
        if !is_general_mark(character) {
            base = character;
        } else if is_bare(base) && !(character == KEYCAP && is_on_keycap(base)) {
            edit.replace(start..start + character.len_utf8(), "");
        }
    }
}

/// The combining marks that belong to no script of their own.
pub(super) fn is_general_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// True for Latin, Greek and Cyrillic letters, digits, punctuation and spaces: what is written without such marks.
fn is_bare(base: char) -> bool {
    matches!(base, '\0'..='\u{2FF}' | '\u{370}'..='\u{52F}' | '\u{1C80}'..='\u{1C8F}' | '\u{1D00}'..='\u{1DBF}'
        | '\u{1E00}'..='\u{206F}' | '\u{2C60}'..='\u{2C7F}' | '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}'
        | '\u{A720}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}')
}

/// A variation selector stands between the digit and the mark of a keycap.
fn is_on_keycap(base: char) -> bool {
    matches!(base, '0'..='9' | '#' | '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("i\u{336}g\u{336}n\u{336}o\u{336}r\u{336}e\u{336}", "ignore"),
            ("i\u{332}g\u{332}n\u{332}o\u{332}r\u{332}e\u{332}", "ignore"),
            ("z\u{310}\u{321}\u{35c}alg\u{489}o", "zalgo"),
            ("д\u{332}а\u{336}", "да"),
            ("\u{332}first \u{336}space", "first space"),
            ("élève señor йод ёж ά ế", "élève señor йод ёж ά ế"),
            ("हिन्दी ไทยน้ำ עִבְרִית العَرَبِيَّة தமிழ்", "हिन्दी ไทยน้ำ עִבְרִית العَرَبِيَّة தமிழ்"),
            ("1\u{20E3} か\u{3099}", "1\u{20E3} か\u{3099}"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn letters_come_out_bare(
            letters in prop::collection::vec(("[a-zéñа-яα-ω ]", "[\u{300}-\u{36f}\u{489}\u{1dc0}-\u{1dff}]{0,5}"), 0..20)
        ) {
            let original: String = letters.iter().flat_map(|(letter, marks)| [letter.as_str(), marks]).collect();
            let expected: String = letters.iter().map(|(letter, _)| letter.as_str()).collect();
            prop_assert_eq!(undone(undo, &original), expected);
            check_offsets(undo, &original);
        }
    }
}
