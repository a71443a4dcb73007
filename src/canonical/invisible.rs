//! Rule: characters that no reader sees. Those that carry ASCII (the Unicode tag block) are decoded, the rest dropped.
//!
//! What is dropped is what Unicode calls default-ignorable or a format control, of no meaning to the encoder and used
//! to split words under its tokenizer: UAX #44 `Default_Ignorable_Code_Point`, UAX #9 directional controls.

use super::{CanonicalText, OffsetMap};

/// Decodes tag characters to the ASCII that they stand for and drops the other invisible characters.
pub fn remove(original: &str) -> CanonicalText {
    let mut text = String::with_capacity(original.len());
    let mut map = OffsetMap::default();
    for (start, character) in original.char_indices() {
        let span = start..start + character.len_utf8();
        if let Some(decoded) = decode_tag(character) {
            text.push(decoded);
            map.push(decoded.len_utf8(), span, false);
        } else if !is_invisible(character) {
            text.push(character);
            map.push(span.len(), span, true);
        }
    }
    CanonicalText { text, map }
}

/// The printable ASCII character that a character of the tag block (U+E0020 to U+E007E) mirrors.
fn decode_tag(character: char) -> Option<char> {
    let code = u32::from(character);
    (0xE0020..=0xE007E).contains(&code).then(|| char::from_u32(code - 0xE0000)).flatten()
}

fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E001F}' | '\u{E007F}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(original: &str, expected: &str) {
        assert_eq!(remove(original).text, expected, "{original:?}");
    }

    #[test]
    fn table() {
        check("ig\u{200B}no\u{2060}re", "ignore");
        check("\u{202E}abc\u{202C}", "abc");
        check("soft\u{00AD}hyphen", "softhyphen");
        check("\u{E0041}\u{E0042}\u{E007F}", "AB");
        check("heart \u{2764}\u{FE0F}", "heart \u{2764}");
        check("visible: é 你 ह", "visible: é 你 ह");
    }
}
