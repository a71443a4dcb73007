//! Disguises that put one character in the place of another: digits, accented letters, look-alikes, turned letters and
//! full-width forms.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;

/// For each letter the digits that stand for it in leetspeak.
const DIGITS: &[(char, &str)] = &[
    ('a', "4"),
    ('b', "8"),
    ('e', "3"),
    ('g', "96"),
    ('i', "1"),
    ('l', "1"),
    ('o', "0"),
    ('s', "5"),
    ('t', "7"),
    ('z', "2"),
];

/// For each letter the accented ones that decompose to it (UAX #15). Upper case follows from these.
const ACCENTED: &[(char, &str)] = &[
    ('a', "àáâãäåāăą"),
    ('b', "ḃḅḇ"),
    ('c', "çćĉċč"),
    ('d', "ďḋḍ"),
    ('e', "èéêëēĕėęě"),
    ('f', "ḟ"),
    ('g', "ĝğġģ"),
    ('h', "ĥȟḣḥ"),
    ('i', "ìíîïĩīĭį"),
    ('j', "ĵ"),
    ('k', "ķǩḱ"),
    ('l', "ĺļľḷ"),
    ('m', "ḿṁṃ"),
    ('n', "ñńņňṅ"),
    ('o', "òóôõöōŏő"),
    ('p', "ṕṗ"),
    ('r', "ŕŗřṙ"),
    ('s', "śŝşšṡ"),
    ('t', "ţťṫṭ"),
    ('u', "ùúûüũūŭůűų"),
    ('v', "ṽṿ"),
    ('w', "ŵẁẃẅẇ"),
    ('x', "ẋẍ"),
    ('y', "ýÿŷỹẏ"),
    ('z', "źżžẑẓ"),
];

/// For each letter the Cyrillic and Greek ones that look like it, written by number since the eye cannot tell them apart.
const LOOK_ALIKES: &[(char, &str)] = &[
    ('a', "\u{0430}\u{03B1}"),
    ('c', "\u{0441}\u{03F2}"),
    ('d', "\u{0501}"),
    ('e', "\u{0435}"),
    ('h', "\u{04BB}"),
    ('i', "\u{0456}"),
    ('j', "\u{0458}\u{03F3}"),
    ('k', "\u{043A}"),
    ('l', "\u{04CF}"),
    ('o', "\u{043E}\u{03BF}"),
    ('p', "\u{0440}\u{03C1}"),
    ('q', "\u{051B}"),
    ('r', "\u{0433}"),
    ('s', "\u{0455}"),
    ('u', "\u{03C5}"),
    ('v', "\u{0475}\u{03BD}"),
    ('w', "\u{051D}"),
    ('x', "\u{0445}"),
    ('y', "\u{0443}\u{03B3}"),
    ('A', "\u{0410}\u{0391}"),
    ('B', "\u{0412}\u{0392}"),
    ('C', "\u{0421}\u{03F9}"),
    ('E', "\u{0415}\u{0395}"),
    ('H', "\u{041D}\u{0397}"),
    ('I', "\u{0406}\u{0399}"),
    ('J', "\u{0408}"),
    ('K', "\u{041A}\u{039A}"),
    ('M', "\u{041C}\u{039C}"),
    ('N', "\u{039D}"),
    ('O', "\u{041E}\u{039F}"),
    ('P', "\u{0420}\u{03A1}"),
    ('S', "\u{0405}"),
    ('T', "\u{0422}\u{03A4}"),
    ('W', "\u{051C}"),
    ('X', "\u{0425}\u{03A7}"),
    ('Y', "\u{04AE}\u{03A5}"),
    ('Z', "\u{0396}"),
];

/// Characters and, at the same place in the second string, what looks like them turned by half a circle.
const UPRIGHT: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.,?!'\"()[]{}<>&_;";
const TURNED: &str = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz∀𐐒ƆᗡƎℲ⅁HIſ⋊˥WNOԀΌᴚS⊥∩ΛMX⅄ZƖᄅƐㄣϛ9ㄥ860˙'¿¡,„)(][}{><⅋‾؛";

/// Leetspeak.
pub fn numbers(text: &str, rng: &mut SmallRng) -> String {
    substitute(text, rng, |letter, rng| one_of(DIGITS, letter.to_ascii_lowercase(), rng))
}

/// Accented letters in place of plain ones.
pub fn diacritics(text: &str, rng: &mut SmallRng) -> String {
    substitute(text, rng, |letter, rng| {
        let accented = one_of(ACCENTED, letter.to_ascii_lowercase(), rng)?;
        if letter.is_ascii_uppercase() { accented.to_uppercase().next() } else { Some(accented) }
    })
}

/// Cyrillic and Greek look-alikes.
pub fn homoglyphs(text: &str, rng: &mut SmallRng) -> String {
    substitute(text, rng, |letter, rng| one_of(LOOK_ALIKES, letter, rng))
}

/// Each line turned by half a circle: its characters flipped and in reverse order.
pub fn upside_down(text: &str) -> String {
    let turned =
        |character| UPRIGHT.chars().position(|upright| upright == character).and_then(|at| TURNED.chars().nth(at));
    let turn_line = |line: &str| line.chars().rev().map(|c| turned(c).unwrap_or(c)).collect::<String>();
    text.split('\n').map(turn_line).collect::<Vec<_>>().join("\n")
}

/// The full-width forms of printable ASCII, U+FF01 to U+FF5E, and the ideographic space.
pub fn full_width(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            ' ' => '\u{3000}',
            '!'..='~' => char::from_u32(u32::from(character) + 0xFEE0).unwrap_or(character),
            _ => character,
        })
        .collect()
}

/// Replaces a share of the characters that have a replacement, the share drawn between a half and all.
fn substitute(text: &str, rng: &mut SmallRng, replacement: impl Fn(char, &mut SmallRng) -> Option<char>) -> String {
    let share = rng.random_range(0.5..=1.0);
    text.chars()
        .map(|character| {
            let is_drawn = rng.random_bool(share);
            replacement(character, rng).filter(|_| is_drawn).unwrap_or(character)
        })
        .collect()
}

/// One of the characters that a table has for a letter.
fn one_of(table: &[(char, &str)], letter: char, rng: &mut SmallRng) -> Option<char> {
    let (_, choices) = table.iter().find(|(known, _)| *known == letter)?;
    choices.chars().choose(rng)
}

/// The letter that an accented one was made from.
#[cfg(test)]
pub fn without_accent(character: char) -> char {
    let lower = character.to_lowercase().next().unwrap_or(character);
    ACCENTED.iter().find(|(_, accented)| accented.contains(lower)).map_or(character, |(letter, _)| *letter)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const TEXT: &str = "The quick brown fox; jumps over 23 LAZY dogs!";

    /// Undoing a substitution by its table gives the text back, whatever was drawn.
    fn check(disguise: fn(&str, &mut SmallRng) -> String, table: &[(char, &str)], fold: fn(char) -> char) {
        for seed in 0..50 {
            let disguised = disguise(TEXT, &mut SmallRng::seed_from_u64(seed));
            assert_eq!(disguised.chars().count(), TEXT.chars().count());
            for (original, character) in TEXT.chars().zip(disguised.chars()) {
                let may_stand_for = |(letter, choices): &(char, &str)| {
                    *letter == fold(original) && choices.contains(character.to_lowercase().next().unwrap())
                        || *letter == original && choices.contains(character)
                };
                assert!(character == original || table.iter().any(may_stand_for), "{character} for {original}");
            }
        }
    }

    #[test]
    fn a_character_stands_for_what_it_replaced() {
        check(numbers, DIGITS, |c| c.to_ascii_lowercase());
        check(diacritics, ACCENTED, |c| c.to_ascii_lowercase());
        check(homoglyphs, LOOK_ALIKES, |c| c);
    }

    #[test]
    fn turned_characters_are_told_apart() {
        let mut turned: Vec<char> = TURNED.chars().collect();
        assert_eq!(turned.len(), UPRIGHT.chars().count());
        turned.sort_unstable();
        turned.dedup();
        assert_eq!(turned.len(), UPRIGHT.chars().count());
    }

    #[test]
    fn lines_are_turned_one_by_one() {
        assert_eq!(upside_down("Hi (you)!\nbye"), "¡(noʎ) ᴉH\nǝʎq");
    }

    #[test]
    fn full_width_forms() {
        assert_eq!(full_width("A z~é"), "Ａ\u{3000}ｚ～é");
    }
}
