//! Which rules have anything to do: one scan over the bytes of a text, and one over its characters if it is not ASCII.
//!
//! Most text is plain, and this scan is all that it costs. A sign says that a rule may find something, its absence that
//! it will not.

use std::ops::{BitOr, BitOrAssign};
use std::sync::LazyLock;

use super::blocks::{Window, ascii_len, triples, windows};
use super::{bidi, compatibility, enclosed, homoglyphs, invisible, marks, smuggling, upside_down};

/// What a text holds that rules are about, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs(u16);

impl Signs {
    /// `&`, which begins a character reference.
    pub(super) const AMPERSAND: Self = Self(1);
    /// A backspace or delete.
    pub(super) const DELETION: Self = Self(1 << 1);
    /// `<` or `}`, with which markup inside a word begins.
    pub(super) const SEAM: Self = Self(1 << 2);
    /// Several lone letters near each other.
    pub(super) const LONE_LETTERS: Self = Self(1 << 4);
    /// A digit, or a sign that is used for a letter, right before a letter.
    pub(super) const DIGIT_BEFORE_LETTER: Self = Self(1 << 5);
    /// An invisible character.
    pub(super) const INVISIBLE: Self = Self(1 << 6);
    /// A right-to-left override.
    pub(super) const OVERRIDE: Self = Self(1 << 7);
    /// A tag or a variation selector.
    pub(super) const CARRIER: Self = Self(1 << 8);
    /// A letter that exists only upside down.
    pub(super) const TURNED: Self = Self(1 << 9);
    /// An enclosed letter.
    pub(super) const ENCLOSED: Self = Self(1 << 10);
    /// A character that NFKC may change or move.
    pub(super) const COMPATIBLE: Self = Self(1 << 11);
    /// A combining mark of no script of its own.
    pub(super) const MARK: Self = Self(1 << 12);
    /// A letter beyond ASCII that could look like one of ASCII, or is of another script.
    pub(super) const DOUBLE: Self = Self(1 << 13);

    const NONE: Self = Self(0);

    /// The signs that a text holds.
    pub(super) fn of(text: &str) -> Self {
        let (mut signs, is_ascii) = of_bytes(text.as_bytes());
        if !is_ascii {
            beyond_ascii(text, 0).for_each(|(_, character)| signs |= of(character));
        }
        signs
    }

    /// True if all signs of `other` are among these.
    pub(super) fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Signs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Signs {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Lone letters or digits in two blocks from which on they may be a run: one that `spacing` would join has as many there.
const MIN_LONE: u8 = 4;

/// The signs that bytes can tell, and whether all bytes are ASCII.
fn of_bytes(bytes: &[u8]) -> (Signs, bool) {
    let mut seen = Block::default();
    let mut n_lone_before = 0;
    let mut has_lone_run = false;
    for window in windows(bytes) {
        let block = Block::of(&window);
        has_lone_run |= n_lone_before + block.n_lone >= MIN_LONE;
        n_lone_before = block.n_lone;
        seen.add(&block);
    }
    let sign = |is_seen: u8, sign| if is_seen != 0 { sign } else { Signs::NONE };
    let signs = sign(seen.ampersand, Signs::AMPERSAND)
        | sign(seen.deletion, Signs::DELETION)
        | sign(seen.seam, Signs::SEAM)
        | sign(seen.control, Signs::INVISIBLE)
        | sign(seen.digit_before_letter, Signs::DIGIT_BEFORE_LETTER)
        | sign(u8::from(has_lone_run), Signs::LONE_LETTERS);
    (signs, seen.any < 0x80)
}

/// What was seen in one block: not 0 for yes.
#[derive(Default)]
struct Block {
    any: u8,
    ampersand: u8,
    deletion: u8,
    seam: u8,
    control: u8,
    digit_before_letter: u8,
    n_lone: u8,
}

impl Block {
    /// Compares every byte with its neighbours.
    fn of(window: &Window) -> Self {
        let mut block = Self::default();
        for (before, here, after) in triples(window) {
            block.any |= here;
            block.ampersand |= u8::from(here == b'&');
            block.deletion |= u8::from(here == 0x08) | u8::from(here == 0x7F);
            block.seam |= u8::from(here == b'<') | u8::from(here == b'}');
            // 8 to 13 are the backspace and what lays text out: tab, line feed, vertical tab, form feed, return.
            block.control |= u8::from(here < 0x20) & u8::from(here.wrapping_sub(8) > 5);
            block.digit_before_letter |= is_digit_before_letter(here, after);
            block.n_lone += is_lone(before, here, after);
        }
        block
    }

    fn add(&mut self, other: &Self) {
        self.any |= other.any;
        self.ampersand |= other.ampersand;
        self.deletion |= other.deletion;
        self.seam |= other.seam;
        self.control |= other.control;
        self.digit_before_letter |= other.digit_before_letter;
    }
}

/// 1 for a digit, or a sign that may be used for a letter, right before a letter.
pub(super) fn is_digit_before_letter(here: u8, after: u8) -> u8 {
    is_digit_like(here) & is_letter(after)
}

/// 1 for a letter or digit of ASCII with none beside it.
pub(super) fn is_lone(before: u8, here: u8, after: u8) -> u8 {
    is_word(here) & !is_word(before) & !is_word(after)
}

fn is_letter(byte: u8) -> u8 {
    u8::from((byte | 0x20).wrapping_sub(b'a') < 26)
}

/// Digits and the signs that `leet` reads as letters.
fn is_digit_like(byte: u8) -> u8 {
    u8::from(byte.wrapping_sub(b'0') < 9)
        | u8::from(byte == b'@')
        | u8::from(byte == b'$')
        | u8::from(byte == b'!')
        | u8::from(byte == b'+')
}

/// What is part of a word of ASCII: letters, digits and the apostrophe.
fn is_word(byte: u8) -> u8 {
    is_letter(byte) | u8::from(byte.wrapping_sub(b'0') < 10) | u8::from(byte == b'\'')
}

/// The first character at or behind `from` that has a sign, which must be one of characters beyond ASCII.
pub(super) fn find(text: &str, from: usize, sign: Signs) -> Option<usize> {
    beyond_ascii(text, from).find(|(_, character)| of(*character).contain(sign)).map(|(at, _)| at)
}

/// The characters beyond ASCII at or behind `from`, and where they stand.
fn beyond_ascii(text: &str, from: usize) -> impl Iterator<Item = (usize, char)> {
    let mut rest = text.get(from..).unwrap_or_default().chars();
    std::iter::from_fn(move || {
        let mut character = rest.next()?;
        if character.is_ascii() {
            let behind = rest.as_str();
            rest = behind.get(ascii_len(behind.as_bytes())..)?.chars();
            character = rest.next()?;
        }
        Some((text.len() - rest.as_str().len() - character.len_utf8(), character))
    })
}

/// True for a character that neither folds nor combines with the one before it: it stays what it is and where it is.
pub(super) fn is_inert(character: char) -> bool {
    character.is_ascii() || !of(character).contain(Signs::COMPATIBLE)
}

/// The signs of a character beyond ASCII.
fn of(character: char) -> Signs {
    BASIC_PLANE.get(character as usize).copied().unwrap_or_else(|| of_character(character))
}

/// [`of_character`] of the basic plane, looked up: honest text of most scripts asks for every character, more than once.
static BASIC_PLANE: LazyLock<Vec<Signs>> = LazyLock::new(|| {
    (0..=u16::MAX).map(|code| char::from_u32(code.into()).map_or(Signs::NONE, of_character)).collect()
});

/// What each rule says of a character beyond ASCII.
fn of_character(character: char) -> Signs {
    [
        (Signs::OVERRIDE, character == bidi::RIGHT_TO_LEFT_OVERRIDE),
        (Signs::CARRIER, smuggling::is_carrier(character)),
        (Signs::INVISIBLE, invisible::is_invisible(character)),
        (Signs::TURNED, upside_down::is_turned_letter(character)),
        (Signs::ENCLOSED, enclosed::is_enclosed(character)),
        (Signs::COMPATIBLE, !compatibility::is_normalised(character)),
        (Signs::MARK, marks::is_general_mark(character)),
        (Signs::DOUBLE, homoglyphs::is_look_alike(character)),
    ]
    .into_iter()
    .filter_map(|(sign, is_there)| is_there.then_some(sign))
    .fold(Signs::NONE, Signs::bitor)
}

#[cfg(test)]
mod tests {
    use super::super::blocks::BLOCK_BYTES;
    use super::*;

    #[test]
    fn plain_text_has_no_signs() {
        for text in [
            "",
            "Plain text: it isn't long, and I wrote a line of it.\r\n\tIn 2025, for 10 people.",
            "Grüße, élève, niño",
            "你好，世界。こんにちは",
            "한국어",
        ] {
            let expected = if text.contains('，') { Signs::COMPATIBLE } else { Signs::NONE };
            assert_eq!(Signs::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn signs_are_seen_at_every_place() {
        for (piece, sign) in [
            ("&", Signs::AMPERSAND),
            ("\u{8}", Signs::DELETION),
            ("\u{7F}", Signs::DELETION),
            ("<", Signs::SEAM),
            ("\0", Signs::INVISIBLE),
            ("0a", Signs::DIGIT_BEFORE_LETTER),
            (" t e l l ", Signs::LONE_LETTERS),
            (" t .. e    l  - l ", Signs::LONE_LETTERS),
            ("\u{202E}", Signs::OVERRIDE),
        ] {
            for n_before in 0..2 * BLOCK_BYTES + 2 {
                let text = format!("{}{piece}{}", "-".repeat(n_before), "-".repeat(BLOCK_BYTES));
                assert!(Signs::of(&text).contain(sign), "{piece:?} after {n_before}");
                assert!(Signs::of(&text).contain(sign), "{piece:?} at the end after {n_before}");
            }
        }
    }
}
