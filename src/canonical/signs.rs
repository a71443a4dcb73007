//! Which rules have anything to do: one scan over the bytes of a text, and one over its characters if it is not ASCII.
//!
//! Most text is plain, and this scan is all that it costs. A sign says that a rule may find something, its absence that
//! it will not; where a whole block of characters could matter, the block counts.

use std::ops::{BitOr, BitOrAssign};
use std::sync::LazyLock;

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
    /// A character that may be invisible.
    pub(super) const INVISIBLE: Self = Self(1 << 6);
    /// A directional control.
    pub(super) const OVERRIDE: Self = Self(1 << 7);
    /// A tag or a variation selector.
    pub(super) const CARRIER: Self = Self(1 << 8);
    /// A letter that may be upside down.
    pub(super) const TURNED: Self = Self(1 << 9);
    /// An enclosed letter.
    pub(super) const ENCLOSED: Self = Self(1 << 10);
    /// A character that NFKC may change or move.
    pub(super) const COMPATIBLE: Self = Self(1 << 11);
    /// A combining mark of no script of its own.
    pub(super) const MARK: Self = Self(1 << 12);
    /// A letter that may look like one of ASCII.
    pub(super) const DOUBLE: Self = Self(1 << 13);

    const NONE: Self = Self(0);

    /// The signs that a text holds.
    pub(super) fn of(text: &str) -> Self {
        let (mut signs, is_ascii) = of_bytes(text.as_bytes());
        if !is_ascii {
            for character in text.chars().filter(|character| !character.is_ascii()) {
                signs |= of(character);
            }
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

/// Bytes that are looked at together. A run of lone letters that `spacing` would join has four within two blocks.
const BLOCK_BYTES: usize = 64;

/// Lone letters or digits in two blocks from which on they may be a run.
const MIN_LONE: u8 = 4;

/// The signs that bytes can tell, and whether all bytes are ASCII.
fn of_bytes(bytes: &[u8]) -> (Signs, bool) {
    let mut seen = Block::default();
    let mut n_lone_before = 0;
    let mut has_lone_run = false;
    for start in (0..bytes.len()).step_by(BLOCK_BYTES) {
        let block = Block::of(&window(bytes, start));
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

/// The block that begins at `start` with the byte before and the byte behind it; spaces where the text has none.
fn window(bytes: &[u8], start: usize) -> [u8; BLOCK_BYTES + 2] {
    let inner = start.checked_sub(1).and_then(|before| bytes.get(before..)).and_then(<[u8]>::first_chunk);
    inner.copied().unwrap_or_else(|| {
        let mut padded = [b' '; BLOCK_BYTES + 2];
        let n_before = usize::from(start == 0);
        let rest = bytes.get((start + n_before).saturating_sub(1)..).unwrap_or_default();
        padded.iter_mut().skip(n_before).zip(rest).for_each(|(to, from)| *to = *from);
        padded
    })
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
    /// Compares every byte with its neighbours, without a branch: the compiler makes vector instructions of this loop.
    fn of(window: &[u8; BLOCK_BYTES + 2]) -> Self {
        let mut block = Self::default();
        let [_, here @ ..] = window;
        let [_, after @ ..] = here;
        for ((before, here), after) in window.iter().zip(here).zip(after) {
            let (before, here, after) = (*before, *here, *after);
            block.any |= here;
            block.ampersand |= u8::from(here == b'&');
            block.deletion |= u8::from(here == 0x08) | u8::from(here == 0x7F);
            block.seam |= u8::from(here == b'<') | u8::from(here == b'}');
            // 8 to 13 are the backspace and what lays text out: tab, line feed, vertical tab, form feed, return.
            block.control |= u8::from(here < 0x20) & u8::from(here.wrapping_sub(8) > 5);
            block.digit_before_letter |= is_digit_like(here) & is_letter(after);
            block.n_lone += is_word(here) & !is_word(before) & !is_word(after);
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

/// True for a character that neither folds nor combines with the one before it: it stays what it is and where it is.
pub(super) fn is_inert(character: char) -> bool {
    character.is_ascii() || !of(character).contain(Signs::COMPATIBLE)
}

/// [`of_character`] of the basic plane, looked up: honest text of most scripts asks for every character, more than once.
static BASIC_PLANE: LazyLock<Vec<Signs>> = LazyLock::new(|| {
    (0..=u16::MAX).map(|code| char::from_u32(code.into()).map_or(Signs::NONE, of_character)).collect()
});

/// The signs of a character beyond ASCII.
fn of(character: char) -> Signs {
    BASIC_PLANE.get(character as usize).copied().unwrap_or_else(|| of_character(character))
}

/// The signs of a character beyond ASCII, by block: blocks that are written every day are told apart finely, so that
/// honest text is passed over, and what is not listed is suspected of everything that its neighbours are.
fn of_character(character: char) -> Signs {
    const COMPATIBLE: Signs = Signs::COMPATIBLE;
    const INVISIBLE: Signs = Signs::INVISIBLE;
    const CARRIER: Signs = Signs(Signs::CARRIER.0 | INVISIBLE.0);
    const MARK: Signs = Signs(Signs::MARK.0 | COMPATIBLE.0 | INVISIBLE.0);
    const DOUBLE: Signs = Signs::DOUBLE;
    const TURNED: Signs = Signs(Signs::TURNED.0 | DOUBLE.0 | COMPATIBLE.0);
    const ENCLOSED: Signs = Signs(Signs::ENCLOSED.0 | COMPATIBLE.0);
    match character {
        // Latin, Greek, Cyrillic, Armenian.
        '\u{80}'..='\u{9F}' | '\u{AD}' => INVISIBLE,
        '\u{A0}' | '\u{A8}' | '\u{AA}' | '\u{AF}' | '\u{B2}'..='\u{B5}' | '\u{B8}'..='\u{BA}' | '\u{BC}'..='\u{BE}' => {
            COMPATIBLE
        }
        '\u{132}' | '\u{133}' | '\u{13F}' | '\u{140}' | '\u{149}' => COMPATIBLE,
        '\u{A1}'..='\u{17E}' => Signs::NONE,
        '\u{17F}'..='\u{2FF}' => TURNED,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' => MARK,
        '\u{386}' | '\u{388}'..='\u{3CE}' | '\u{400}'..='\u{482}' | '\u{48A}'..='\u{52F}' => DOUBLE,
        '\u{370}'..='\u{3FF}' | '\u{530}'..='\u{58F}' => DOUBLE | COMPATIBLE,
        // Scripts whose marks move.
        '\u{5D0}'..='\u{5EA}' | '\u{620}'..='\u{64A}' | '\u{671}'..='\u{674}' | '\u{679}'..='\u{6D3}' => Signs::NONE,
        '\u{E01}'..='\u{E30}' | '\u{E40}'..='\u{E47}' => Signs::NONE,
        '\u{61C}' | '\u{1100}'..='\u{11FF}' | '\u{1700}'..='\u{1AAF}' => COMPATIBLE | INVISIBLE,
        '\u{590}'..='\u{10CF}' => COMPATIBLE,
        '\u{10D0}'..='\u{10FB}' => Signs::NONE,
        '\u{13A0}'..='\u{167F}' => DOUBLE,
        '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' => MARK,
        '\u{1D00}'..='\u{1DBF}' => TURNED,
        '\u{1E00}'..='\u{1E99}' | '\u{1E9C}'..='\u{1EFF}' => Signs::NONE,
        '\u{1F00}'..='\u{1FFF}' => COMPATIBLE | DOUBLE,
        // Punctuation and symbols.
        '\u{2010}' | '\u{2012}'..='\u{2016}' | '\u{2018}'..='\u{2023}' | '\u{20AC}' | '\u{2190}'..='\u{21FF}' => {
            Signs::NONE
        }
        '\u{202A}'..='\u{202E}' => Signs::OVERRIDE | INVISIBLE,
        '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}' => COMPATIBLE | INVISIBLE,
        '\u{2000}'..='\u{20CF}' => COMPATIBLE,
        '\u{20D0}'..='\u{20FF}' => MARK,
        '\u{2460}'..='\u{24FF}' => ENCLOSED,
        '\u{2300}'..='\u{2328}' | '\u{232B}'..='\u{245F}' | '\u{2500}'..='\u{29FF}' | '\u{2B00}'..='\u{2BFF}' => {
            Signs::NONE
        }
        '\u{2100}'..='\u{218F}' | '\u{2C60}'..='\u{2C7F}' => TURNED,
        // East Asia.
        '\u{3001}'..='\u{3035}' | '\u{3041}'..='\u{3096}' | '\u{30A0}'..='\u{30FE}' => Signs::NONE,
        '\u{3400}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' => Signs::NONE,
        '\u{A4D0}'..='\u{A4FF}' => DOUBLE,
        '\u{A500}'..='\u{ABFF}' => TURNED | MARK,
        '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}' => CARRIER,
        '\u{FE20}'..='\u{FE2F}' => MARK,
        '\u{1F100}'..='\u{1F1FF}' => ENCLOSED,
        '\u{1F000}'..='\u{1F0FF}' | '\u{1F300}'..='\u{1FAFF}' => Signs::NONE,
        _ => COMPATIBLE | INVISIBLE | DOUBLE,
    }
}

#[cfg(test)]
mod tests {
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
            let expected =
                if text.contains('，') { Signs::COMPATIBLE | Signs::INVISIBLE | Signs::DOUBLE } else { Signs::NONE };
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
