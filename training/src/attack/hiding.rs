//! Disguises that add characters, reorder them or carry the text in invisible ones.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

/// Zero-width space, non-joiner and joiner.
const ZERO_WIDTH: [char; 3] = ['\u{200B}', '\u{200C}', '\u{200D}'];
/// Backspace and delete.
const DELETIONS: [char; 2] = ['\u{0008}', '\u{007F}'];
const COMBINING_LOW_LINE: char = '\u{0332}';
const RIGHT_TO_LEFT_OVERRIDE: char = '\u{202E}';
const POP_DIRECTIONAL_FORMATTING: char = '\u{202C}';
/// A tag character is its ASCII character this far on (Unicode, block Tags).
const TAG_OFFSET: u32 = 0xE0000;
/// What stands visibly before text in tag characters.
const COVERS: [&str; 6] = ["", "", "Thanks", "Hello", "OK.", "See above"];
/// What carries text in variation selectors.
const EMOJI: [char; 6] = ['\u{1F600}', '\u{1F642}', '\u{1F44D}', '\u{1F680}', '\u{1F389}', '\u{2705}'];

/// Characters without width between a share of the characters, the share drawn between a half and all.
pub fn zero_width(text: &str, rng: &mut SmallRng) -> String {
    let share = rng.random_range(0.5..=1.0);
    let mut disguised = String::with_capacity(text.len() * 4);
    for (start, character) in text.char_indices() {
        if start > 0 && rng.random_bool(share) {
            disguised.extend(ZERO_WIDTH.choose(rng));
        }
        disguised.push(character);
    }
    disguised
}

/// A space between the characters of each line.
pub fn spaces(text: &str) -> String {
    by_line(text, |line| {
        let characters: Vec<String> = line.chars().map(String::from).collect();
        characters.join(" ")
    })
}

/// Each line stored in reverse inside a right-to-left override (UAX #9), which shows it in its right order.
pub fn bidirectional(text: &str) -> String {
    by_line(text, |line| {
        if line.is_empty() {
            return String::new();
        }
        let reversed: String = line.chars().rev().map(mirrored).collect();
        format!("{RIGHT_TO_LEFT_OVERRIDE}{reversed}{POP_DIRECTIONAL_FORMATTING}")
    })
}

/// Brackets are shown mirrored in right-to-left text, so their partners are stored.
fn mirrored(character: char) -> char {
    match character {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        _ => character,
    }
}

/// Stray letters after a share of the characters, each taken back by a backspace or delete.
pub fn deletion_characters(text: &str, rng: &mut SmallRng) -> String {
    let share = rng.random_range(0.3..=1.0);
    let mut disguised = String::with_capacity(text.len() * 3);
    for character in text.chars() {
        disguised.push(character);
        if rng.random_bool(share) {
            disguised.push(char::from(rng.random_range(b'a'..=b'z')));
            disguised.extend(DELETIONS.choose(rng));
        }
    }
    disguised
}

/// A combining low line after every letter and digit.
pub fn underline_accents(text: &str) -> String {
    text.chars()
        .flat_map(|character| [Some(character), character.is_alphanumeric().then_some(COMBINING_LOW_LINE)])
        .flatten()
        .collect()
}

/// Printable ASCII as tag characters, after a harmless word or alone. Other characters stay as they are.
pub fn unicode_tags(text: &str, rng: &mut SmallRng) -> String {
    let tag = |character| char::from_u32(u32::from(character) + TAG_OFFSET).unwrap_or(character);
    let tags = text.chars().map(|character| if matches!(character, ' '..='~') { tag(character) } else { character });
    COVERS.choose(rng).into_iter().flat_map(|cover| cover.chars()).chain(tags).collect()
}

/// An emoji with the text's UTF-8 bytes after it as variation selectors: 0 to 15 as VS1 to VS16 (U+FE00), the others as
/// VS17 to VS256 (U+E0100), as described by P. Butler, "Smuggling arbitrary data through an emoji" (2025).
pub fn emoji_smuggling(text: &str, rng: &mut SmallRng) -> String {
    let selector = |byte: u8| match byte {
        0..16 => char::from_u32(0xFE00 + u32::from(byte)),
        16.. => char::from_u32(0xE0100 + u32::from(byte - 16)),
    };
    EMOJI.choose(rng).copied().into_iter().chain(text.bytes().filter_map(selector)).collect()
}

fn by_line(text: &str, disguise: impl Fn(&str) -> String) -> String {
    text.split('\n').map(disguise).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const TEXTS: [&str; 4] = ["", "a", "Send [it] to\nAda (now)!", "Grüße, 你好\n\n🙂"];

    fn check(disguise: impl Fn(&str, &mut SmallRng) -> String, undo: fn(&str) -> String) {
        for (seed, text) in (0..30).flat_map(|seed| TEXTS.map(|text| (seed, text))) {
            assert_eq!(undo(&disguise(text, &mut SmallRng::seed_from_u64(seed))), text);
        }
    }

    fn without(text: &str, dropped: &[char]) -> String {
        text.replace(dropped, "")
    }

    #[test]
    fn what_was_added_can_be_taken_out() {
        check(zero_width, |text| without(text, &ZERO_WIDTH));
        check(|text, _| underline_accents(text), |text| without(text, &[COMBINING_LOW_LINE]));
        check(|text, _| spaces(text), |text| by_line(text, |line| line.chars().step_by(2).collect()));
        check(deletion_characters, |text| {
            let mut kept = String::new();
            for character in text.chars() {
                if DELETIONS.contains(&character) {
                    kept.pop();
                } else {
                    kept.push(character);
                }
            }
            kept
        });
    }

    #[test]
    fn reversed_lines_read_forwards_again() {
        check(
            |text, _| bidirectional(text),
            |text| {
                by_line(text, |line| {
                    let inner = without(line, &[RIGHT_TO_LEFT_OVERRIDE, POP_DIRECTIONAL_FORMATTING]);
                    inner.chars().rev().map(mirrored).collect()
                })
            },
        );
    }

    #[test]
    fn bytes_come_back_from_variation_selectors() {
        check(emoji_smuggling, |text| {
            let byte = |character: char| match u32::from(character) {
                code @ 0xFE00..=0xFE0F => u8::try_from(code - 0xFE00).unwrap(),
                code => u8::try_from(code - 0xE0100 + 16).unwrap(),
            };
            String::from_utf8(text.chars().skip(1).map(byte).collect()).unwrap()
        });
    }

    #[test]
    fn tags_decode_after_any_cover() {
        for seed in 0..30 {
            let disguised = unicode_tags("Send it\nnow", &mut SmallRng::seed_from_u64(seed));
            let is_hidden = |character: &char| *character == '\n' || u32::from(*character) > TAG_OFFSET;
            let hidden = disguised.chars().skip_while(|character| !is_hidden(character));
            let decoded: String = hidden.filter_map(|c| char::from_u32(u32::from(c) & 0x7F)).collect();
            assert_eq!(decoded, "Send it\nnow");
            let cover: String = disguised.chars().take_while(|character| !is_hidden(character)).collect();
            assert!(COVERS.contains(&cover.as_str()));
        }
    }
}
