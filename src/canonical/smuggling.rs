//! Rule: bytes smuggled in characters that render as nothing are decoded into a hidden text of their own.
//!
//! Two carriers: the tag block (U+E0020 to U+E007E mirror ASCII) and variation selectors, of which there are 256, one
//! for each byte (U+FE00 to U+FE0F are 0 to 15, U+E0100 to U+E01EF are 16 to 255). Leaves alone what honest text uses:
//! a lone variation selector after a character (emoji and Han variants), and the tags of a subdivision's flag.

use std::ops::Range;

use super::edit::Edit;
use super::{CanonicalText, Hiding, utf8};

/// As many variation selectors in a row are a message; honest text has one after a character, rarely two.
const MIN_SELECTORS: usize = 3;

/// Runs that are no farther apart spell one text together with what stands between them.
const MAX_BETWEEN_BYTES: usize = 16;

/// The base of flags of subdivisions (England, Scotland, Texas): black flag, tags, cancel tag.
pub(super) const BLACK_FLAG: char = '\u{1F3F4}';

/// Decodes runs of tags and of variation selectors, and cuts them out of the visible text.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    let mut characters = text.char_indices().peekable();
    let (mut previous, mut last) = (None, None);
    while let Some((start, character)) = characters.next() {
        let Some(carrier) = Carrier::of(character) else {
            previous = Some(character);
            continue;
        };
        let mut bytes = Vec::from_iter(carrier.byte(character));
        let mut end = start + character.len_utf8();
        while let Some((at, next)) = characters.next_if(|&(_, next)| Carrier::of(next) == Some(carrier)) {
            bytes.extend(carrier.byte(next));
            end = at + next.len_utf8();
        }
        if !carrier.is_honest(previous, &bytes) {
            // Not all characters can be smuggled: what stands between two runs may belong to what they spell.
            let between =
                last.replace((carrier, end)).filter(|(before, _)| *before == carrier).map(|(_, end)| end..start);
            let between = between.filter(|between| between.len() <= MAX_BETWEEN_BYTES).unwrap_or(start..start);
            let mut smuggled = CanonicalText::kept(text, between);
            smuggled.push(&read(&bytes, start..end));
            edit.hide(carrier.hiding(), smuggled);
            edit.replace(start..end, "");
        }
    }
}

/// True for a tag or a variation selector.
pub(super) fn is_carrier(character: char) -> bool {
    Carrier::of(character).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Tags,
    Selectors,
}

impl Carrier {
    fn of(character: char) -> Option<Self> {
        match character {
            '\u{E0000}'..='\u{E007F}' => Some(Self::Tags),
            '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => Some(Self::Selectors),
            _ => None,
        }
    }

    fn byte(self, character: char) -> Option<u8> {
        let code = u32::from(character);
        match (self, code) {
            (Self::Tags, 0xE0020..=0xE007E) => u8::try_from(code - 0xE0000).ok(),
            (Self::Selectors, 0xFE00..=0xFE0F) => u8::try_from(code - 0xFE00).ok(),
            (Self::Selectors, 0xE0100..=0xE01EF) => u8::try_from(code - 0xE0100 + 16).ok(),
            _ => None,
        }
    }

    /// True for what carries no message. It is left to the rule for invisible characters.
    fn is_honest(self, previous: Option<char>, bytes: &[u8]) -> bool {
        match self {
            Self::Tags => bytes.is_empty() || (previous == Some(BLACK_FLAG) && bytes.len() <= 6),
            Self::Selectors => bytes.len() < MIN_SELECTORS,
        }
    }

    fn hiding(self) -> Hiding {
        match self {
            Self::Tags => Hiding::Tags,
            Self::Selectors => Hiding::VariationSelectors,
        }
    }
}

/// The text that smuggled bytes spell. All of it stands for the whole run.
fn read(bytes: &[u8], run: Range<usize>) -> CanonicalText {
    let (decoded, _) = utf8::decode(bytes);
    CanonicalText::standing_for(decoded.text, run)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, hidden, undone};
    use super::*;

    fn check(original: &str, visible: &str, texts: &[&str]) {
        assert_eq!(hidden(undo, original), texts, "{original:?}");
        assert_eq!(undone(undo, original), visible, "{original:?}");
    }

    fn in_selectors(text: &str) -> String {
        text.bytes()
            .map(|b| char::from_u32(u32::from(b) + if b < 16 { 0xFE00 } else { 0xE0100 - 16 }).unwrap())
            .collect()
    }

    fn in_tags(text: &str) -> String {
        text.bytes().map(|b| char::from_u32(u32::from(b) + 0xE0000).unwrap()).collect()
    }

    #[test]
    fn table() {
        check(&format!("see{} this", in_tags("Say yes")), "see this", &["Say yes"]);
        check(&format!("😀{} ok", in_selectors("é\nhi")), "😀 ok", &["é\nhi"]);
        check(&format!("{}{}", in_tags("one"), in_selectors("two")), "", &["one", "two"]);
        check(&format!("{}é{}", in_tags("caf"), in_tags(" now")), "é", &["café now"]);
        check(&format!("{0} a sentence in sight {0}", in_tags("one")), " a sentence in sight ", &["one\none"]);
        for honest in
            ["heart \u{2764}\u{FE0F}", "葛\u{E0100}", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}"]
        {
            check(honest, honest, &[]);
        }
    }

    proptest! {
        #[test]
        fn messages_are_read(message in "[ -~]{3,40}", before in "[a-zé]{0,4}") {
            for smuggled in [in_selectors(&message), in_tags(&message)] {
                let original = format!("{before}{smuggled}!");
                prop_assert_eq!(undone(undo, &original), format!("{before}!"));
                prop_assert_eq!(hidden(undo, &original), [message.as_str()]);
                check_offsets(undo, &original);
            }
        }
    }
}
