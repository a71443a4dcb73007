//! Rule: characters that no reader sees are dropped. (Those that carry a message, `smuggling` has read before.)
//!
//! What is dropped is what Unicode calls default-ignorable or a format control, of no meaning to the encoder and used
//! to split words under its tokenizer: UAX #44 `Default_Ignorable_Code_Point`, UAX #9 directional controls.

use super::bidi::is_right_to_left;
use super::edit::Edit;
use super::smuggling::BLACK_FLAG;

/// Drops the invisible characters that do no honest work.
pub(super) fn undo(edit: &mut Edit) {
    let mut previous = None;
    let mut characters = edit.text().char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if is_invisible(character) && !works(character, previous, next) {
            edit.replace(start..start + character.len_utf8(), "");
        } else {
            previous = Some(character);
        }
    }
}

/// True for an invisible character that honest text has between the two: it chooses the shape of a letter or an emoji,
/// or the direction of what stands between left and right.
fn works(character: char, previous: Option<char>, next: Option<char>) -> bool {
    match character {
        '\u{200C}' | '\u{200D}' => previous.is_some_and(is_shaped) && next.is_some_and(|next| !is_invisible(next)),
        '\u{FE0E}' | '\u{FE0F}' => previous.is_some_and(|previous| is_symbol(previous) || previous.is_ascii_digit()),
        '\u{FE00}'..='\u{FE0D}' | '\u{E0100}'..='\u{E01EF}' => previous.is_some_and(is_ideograph),
        '\u{E0020}'..='\u{E007F}' => previous.is_some_and(|previous| previous == BLACK_FLAG || is_tag(previous)),
        '\u{200E}' | '\u{200F}' | '\u{61C}' => previous.into_iter().chain(next).any(is_right_to_left),
        '\u{115F}' | '\u{1160}' => previous.into_iter().chain(next).any(|jamo| matches!(jamo, '\u{1100}'..='\u{11FF}')),
        '\u{180B}'..='\u{180F}' => previous.is_some_and(|previous| matches!(previous, '\u{1820}'..='\u{18AA}')),
        _ => false,
    }
}

/// True for letters that joiners shape (from Hebrew and Arabic through the Indic scripts to Khmer and Mongolian) and for
/// symbols that joiners join.
fn is_shaped(character: char) -> bool {
    (is_symbol(character) && !character.is_ascii())
        || matches!(character, '\u{590}'..='\u{10FF}' | '\u{1780}'..='\u{18AF}' | '\u{FE0F}' | '\u{11000}'..='\u{11FFF}')
}

/// Emoji, their skin tones, and the signs that have an emoji form.
fn is_symbol(character: char) -> bool {
    matches!(character, '#' | '*' | '©' | '®' | '\u{203C}'..='\u{204A}' | '\u{20E3}' | '\u{2100}'..='\u{2BFF}' | '\u{3030}'..='\u{303D}'
        | '\u{3297}'..='\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3000}'..='\u{303F}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}'
        | '\u{20000}'..='\u{3FFFF}')
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{E0020}'..='\u{E007F}')
}

/// Control characters that lay no text out, and what Unicode calls default-ignorable or a format control.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\u{7}' | '\u{E}'..='\u{1F}' | '\u{80}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}'
        | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    fn check(original: &str, expected: &str) {
        assert_eq!(undone(undo, original), expected, "{original:?}");
    }

    #[test]
    fn table() {
        check("ig\u{200B}no\u{2060}re", "ignore");
        check("\u{202E}abc\u{202C}", "abc");
        check("soft\u{AD}hyphen", "softhyphen");
        check("ig\u{200D}no\u{200C}re\u{FE0F}", "ignore");
        check("\u{FEFF}file\0 \u{1}with\u{1B} controls", "file with controls");
        check("क\u{200D}\u{200D}", "क");
    }

    #[test]
    fn honest_text_stays() {
        for text in [
            "heart \u{2764}\u{FE0F}, family 👨\u{200D}👩\u{200D}👧, flag 🏳\u{FE0F}\u{200D}🌈, key 1\u{FE0F}\u{20E3}",
            "Persian می\u{200C}خواهم, Hindi क\u{94D}\u{200D}ष, Hebrew \u{200F}שלום\u{200F}",
            "葛\u{E0100}, 🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "lines\r\nand\ttabs",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn what_remains_between_letters_is_seen(original in "[a-c\u{200b}-\u{200f}\u{2060}-\u{2064}\u{ad}\u{fe00}-\u{fe0f}]{0,24}") {
            let seen: String = original.chars().filter(char::is_ascii).collect();
            prop_assert_eq!(undone(undo, &original), seen);
            check_offsets(undo, &original);
        }
    }
}
