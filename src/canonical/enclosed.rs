//! Rule: letters in circles, squares, parentheses and regional indicators become plain letters.
//!
//! Most enclosed letters have a compatibility form and belong to that rule; these have none, or one that keeps the
//! parentheses. Regional indicators that pair up to flags are flags and stay.

use std::ops::Range;

use super::edit::Edit;

/// Regions that have a flag: ISO 3166-1 alpha-2, with those that CLDR adds (AC, CP, DG, EA, EU, IC, TA, UN, XK).
const REGIONS: &str = "AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CP CR CU CV CW CX CY CZ DE DG DJ DK DM DO DZ EA EC EE EG EH \
    ER ES ET EU FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU IC ID IE \
    IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME \
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK \
    PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD \
    TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM UN US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// [`REGIONS`] as the set of second letters for each first one.
#[expect(clippy::indexing_slicing, reason = "a constant's own table: out of bounds does not compile")]
const HAS_FLAG: [u32; 26] = {
    let regions = REGIONS.as_bytes();
    let mut sets = [0; 26];
    let mut at = 0;
    while at < regions.len() {
        sets[(regions[at] - b'A') as usize] |= 1 << (regions[at + 1] - b'A');
        at += "AC ".len();
    }
    sets
};

/// Takes the letters out of their enclosures.
pub(super) fn undo(edit: &mut Edit) {
    let mut characters = edit.text().char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        if let Some(letter) = enclosed_letter(character) {
            edit.replace(start..start + character.len_utf8(), letter.encode_utf8(&mut [0; 4]));
        } else if let Some(letter) = indicated_letter(character) {
            let mut letters = vec![(start..start + character.len_utf8(), letter)];
            while let Some((at, next)) = characters.next_if(|(_, next)| indicated_letter(*next).is_some()) {
                letters.extend(indicated_letter(next).map(|letter| (at..at + next.len_utf8(), letter)));
            }
            if !are_flags(&letters) {
                for (range, letter) in letters {
                    edit.replace(range, letter.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }
}

/// True for a letter in an enclosure.
pub(super) fn is_enclosed(character: char) -> bool {
    enclosed_letter(character).or_else(|| indicated_letter(character)).is_some()
}

/// The letter in a parenthesis (U+249C, U+1F110), a dark circle (U+1F150) or a dark square (U+1F170).
fn enclosed_letter(character: char) -> Option<char> {
    match character {
        '\u{249C}'..='\u{24B5}' => letter(character, '\u{249C}', b'a'),
        '\u{1F110}'..='\u{1F129}' => letter(character, '\u{1F110}', b'A'),
        '\u{1F150}'..='\u{1F169}' => letter(character, '\u{1F150}', b'A'),
        '\u{1F170}'..='\u{1F189}' => letter(character, '\u{1F170}', b'A'),
        _ => None,
    }
}

fn indicated_letter(character: char) -> Option<char> {
    matches!(character, '\u{1F1E6}'..='\u{1F1FF}').then(|| letter(character, '\u{1F1E6}', b'A')).flatten()
}

/// The letter that is as far from `first` as the character is from the beginning of its block.
fn letter(character: char, block: char, first: u8) -> Option<char> {
    char::from_u32(u32::from(first) + u32::from(character) - u32::from(block))
}

fn are_flags(letters: &[(Range<usize>, char)]) -> bool {
    let index = |letter: char| usize::try_from(u32::from(letter) - u32::from('A')).unwrap_or_default();
    letters.chunks(2).all(|pair| match pair {
        [(_, first), (_, second)] => {
            HAS_FLAG.get(index(*first)).is_some_and(|seconds| seconds & 1 << index(*second) != 0)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("⒤⒢⒩⒪⒭⒠", "ignore"),
            ("🅘🅖🅝🅞🅡🅔 🆂🅰🆈", "IGNORE SAY"),
            ("🄸 🄐", "🄸 A"),
            ("🇮🇬🇳🇴🇷🇪", "IGNORE"),
            ("🇸 🇦 🇾", "S A Y"),
            ("🇩🇪 🇫🇷🇮🇹 🇳🇴", "🇩🇪 🇫🇷🇮🇹 🇳🇴"),
            ("🎉 ⓪ 👍🏽", "🎉 ⓪ 👍🏽"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn every_word_is_taken_out(word in "[A-Z]{3}([A-Z]{2}){0,8}") {
            for block in [0x1F110, 0x1F150, 0x1F170, 0x1F1E6] {
                let original: String =
                    word.bytes().map(|letter| char::from_u32(block + u32::from(letter - b'A')).unwrap()).collect();
                prop_assert_eq!(undone(undo, &original), word.as_str());
                check_offsets(undo, &original);
            }
        }
    }
}
