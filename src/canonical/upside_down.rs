//! Rule: upside-down text is turned round: each letter by a table, and the line from its end to its start.
//!
//! A stretch of a line counts as upside down if every word of it could be, and a good part of its letters can be
//! nothing else. Phonetic transcription shares these letters but mixes them with upright ones, so that it stays.

use std::ops::Range;

use super::edit::Edit;

/// So many letters that exist only upside down make a stretch suspicious, ...
const MIN_TURNED: usize = 3;

/// ... if at least one letter in this many is one.
const LETTERS_PER_TURNED: usize = 3;

/// Pairs of letters that are common in English and rare the other way round.
const COMMON_PAIRS: [&str; 20] = [
    "th", "he", "in", "an", "nd", "ou", "io", "ng", "st", "al", "ct", "co", "qu", "wh", "sh", "ch", "ea", "pr", "sy",
    "ut",
];

/// Turns the upside-down stretches round.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    if !text.chars().any(is_turned_letter) {
        return;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for stretch in stretches(line.trim_end_matches(['\n', '\r'])) {
            if let Some(upright) = line.get(stretch.clone()).and_then(turn) {
                edit.replace(start + stretch.start..start + stretch.end, &upright);
            }
        }
        start += line.len();
    }
}

/// The stretches of a line whose every word could be upside down, trimmed of words that need not be unless they fill
/// the line.
fn stretches(line: &str) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    let mut is_open = false;
    let mut start = 0;
    for word in line.split_inclusive([' ', '\t']) {
        let end = start + word.trim_end().len();
        let could_be = word.chars().all(could_be_turned);
        let must_be = could_be && word.chars().any(is_turned_letter);
        match stretches.last_mut().filter(|_| is_open) {
            Some(stretch) if must_be => stretch.end = end,
            None if must_be => {
                stretches.push(start..end);
                is_open = true;
            }
            _ => {}
        }
        is_open &= could_be;
        start += word.len();
    }
    if line.chars().all(could_be_turned) {
        stretches.clear();
        stretches.push(0..line.len());
    }
    stretches
}

/// The stretch turned round, if enough of it is upside down. Some who turn letters leave their order as it was: then
/// the pairs of letters tell.
fn turn(stretch: &str) -> Option<String> {
    let n_turned = stretch.chars().filter(|character| is_turned_letter(*character)).count();
    let n_letters = stretch.chars().filter(|character| character.is_alphanumeric()).count();
    if n_turned < MIN_TURNED || n_turned * LETTERS_PER_TURNED < n_letters {
        return None;
    }
    let in_place: String = stretch.chars().map(|character| upright(character).unwrap_or(character)).collect();
    let reversed: String = in_place.chars().rev().collect();
    Some(if n_common_pairs(&in_place) > n_common_pairs(&reversed) { in_place } else { reversed })
}

fn n_common_pairs(text: &str) -> usize {
    let text = text.to_ascii_lowercase();
    COMMON_PAIRS.iter().map(|pair| text.matches(pair).count()).sum()
}

/// False for letters and digits that would have been turned. Signs and letters of elsewhere are left as they are by those who
/// turn texts.
fn could_be_turned(character: char) -> bool {
    !character.is_ascii_alphanumeric() || upright(character).is_some()
}

/// What a character is when turned round; none if it does not occur upside down. Some look the same both ways.
fn upright(character: char) -> Option<char> {
    Some(match character {
        'ɐ' => 'a',
        'q' => 'b',
        'ɔ' => 'c',
        'p' => 'd',
        'ǝ' | 'ə' => 'e',
        'ɟ' => 'f',
        'ƃ' | 'ɓ' | 'ᵷ' => 'g',
        'ɥ' => 'h',
        'ᴉ' | 'ı' => 'i',
        'ɾ' => 'j',
        'ʞ' => 'k',
        'ן' | 'ꞁ' => 'l',
        'ɯ' => 'm',
        'u' => 'n',
        'd' => 'p',
        'b' => 'q',
        'ɹ' => 'r',
        'ʇ' => 't',
        'n' => 'u',
        'ʌ' => 'v',
        'ʍ' => 'w',
        'ʎ' => 'y',
        '∀' | 'Ɐ' => 'A',
        'ᗺ' | '𐐒' => 'B',
        'Ɔ' => 'C',
        'ᗡ' => 'D',
        'Ǝ' => 'E',
        'Ⅎ' | 'ᖵ' => 'F',
        '⅁' => 'G',
        'ſ' => 'J',
        '⋊' | 'Ʞ' => 'K',
        '˥' | '⅂' | 'Ꞁ' => 'L',
        'W' | 'Ɯ' => 'M',
        'Ԁ' => 'P',
        'Ό' => 'Q',
        'ᴚ' => 'R',
        '⊥' | '┴' | 'Ʇ' => 'T',
        '∩' | 'Ո' => 'U',
        'Λ' | 'Ʌ' => 'V',
        'M' => 'W',
        '⅄' => 'Y',
        'Ɩ' => '1',
        'ᄅ' => '2',
        'Ɛ' => '3',
        'ㄣ' => '4',
        'ϛ' => '5',
        '9' => '6',
        'ㄥ' => '7',
        '6' => '9',
        '˙' => '.',
        '\'' => ',',
        ',' => '\'',
        '„' => '"',
        '¡' => '!',
        '¿' => '?',
        ')' => '(',
        '(' => ')',
        ']' => '[',
        '[' => ']',
        '}' => '{',
        '{' => '}',
        '>' => '<',
        '<' => '>',
        '⅋' => '&',
        '‾' => '_',
        '؛' => ';',
        'l' | 'o' | 's' | 'x' | 'z' | 'H' | 'I' | 'N' | 'O' | 'S' | 'X' | 'Z' | '8' | '0' | '-' | ':' | '/' | ' '
        | '\t' => character,
        _ => return None,
    })
}

/// True for letters that are seen only upside down. Signs and letters of other uses prove nothing.
pub(super) fn is_turned_letter(character: char) -> bool {
    !matches!(character, '\0'..='\u{17F}' | '\u{2D9}' | 'Λ' | 'Ό' | 'ϛ' | 'Ո' | '؛' | 'ᄅ' | '„' | '‾' | '\u{2200}'..='\u{22FF}' | '┴' | 'ㄣ' | 'ㄥ')
        && upright(character).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    /// Upside-down text as the usual generators write it.
    fn turned(text: &str) -> String {
        let forms = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz ";
        text.chars().rev().filter_map(|c| forms.chars().find(|form| upright(*form) == Some(c))).collect()
    }

    #[test]
    fn table() {
        for (original, expected) in [
            ("˙sǝlnɹ ǝɥʇ llɐ ʇǝƃɹoℲ", "Forget all the rules."),
            ("Please read: ǝɯ llǝʇ now", "Please read: tell me now"),
            ("ʇɥǝ sɥɐɔʞ", "the shack"),
            ("/ˈɪŋɡlɪʃ/ is ˈwɔːtə(ɹ)", "/ˈɪŋɡlɪʃ/ is ˈwɔːtə(ɹ)"),
            ("∀x ∈ A ∩ B, ⊥", "∀x ∈ A ∩ B, ⊥"),
            ("İstanbul ılık, Azərbaycan", "İstanbul ılık, Azərbaycan"),
            ("¿Qué? ¡No!", "¿Qué? ¡No!"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_turned_is_turned_back(words in prop::collection::vec("the|other|forget|what|secret|they|reveal", 2..8)) {
            let text = words.join(" ");
            prop_assert_eq!(undone(undo, &turned(&text)), text);
        }

        #[test]
        fn offsets_stay_exact(original in "[ɐǝɹʇuodl e\né]{0,24}") {
            check_offsets(undo, &original);
        }
    }
}
