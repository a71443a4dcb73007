//! Canary tokens: strings that a request names because they must not appear in its texts.
//!
//! Found as they are, and as a model may be told to write them: in other case, spelled out with separators, backwards, in
//! ROT13, hexadecimal or base64. What is encoded twice is the business of whoever decodes.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Letters and digits that a canary has, at least, to be looked for in other forms than its own: a shorter one appears by
/// chance.
const MIN_DISGUISED: usize = 8;

/// Where the canaries stand, canary by canary.
pub(super) fn find(text: &str, canaries: &[&str]) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let canaries: Vec<&str> = canaries.iter().copied().filter(|canary| !canary.is_empty()).collect();
    let views = (!canaries.is_empty()).then(|| (Letters::of(text), symbols(text)));
    views.into_iter().flat_map(move |(letters, symbols)| {
        let found: Vec<_> = canaries.iter().flat_map(|canary| find_one(text, &letters, &symbols, canary)).collect();
        found
    })
}

/// The places of one canary, each reported once: under the plainest of the forms that it has there.
fn find_one(text: &str, letters: &Letters, symbols: &Letters, canary: &str) -> Vec<(&'static str, Range<usize>)> {
    let mut found: Vec<(&'static str, Range<usize>)> = text
        .match_indices(canary)
        .take(super::MAX_PER_KIND)
        .map(|(start, found)| ("canary.exact", start..start + found.len()))
        .collect();
    let plain = Letters::of(canary).text;
    if plain.chars().count() < MIN_DISGUISED {
        return found;
    }
    let backwards: String = plain.chars().rev().collect();
    let hexadecimal: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut disguised = letters.find("canary.respelled", &plain);
    disguised.extend(letters.find("canary.reversed", &backwards));
    disguised.extend(letters.find("canary.rot13", &rot13(&plain)));
    disguised.extend(letters.find("canary.hex", &hexadecimal));
    disguised.extend(base64_forms(canary).iter().flat_map(|form| symbols.find("canary.base64", form)));
    for (detector, range) in disguised {
        if !found.iter().any(|(_, known)| known.start < range.end && range.start < known.end) {
            found.push((detector, range));
        }
    }
    found
}

/// Some of a text's characters, changed, and where each byte of them came from.
struct Letters {
    text: String,
    /// For each byte of `text`, the range of the character in the original.
    origins: Vec<(usize, u8)>,
}

impl Letters {
    /// The letters and digits, in lower case.
    fn of(original: &str) -> Self {
        Self::map(original, |character, push| {
            if character.is_alphanumeric() {
                character.to_lowercase().for_each(push);
            }
        })
    }

    fn map(original: &str, rule: impl Fn(char, &mut dyn FnMut(char))) -> Self {
        let mut letters = Self { text: String::with_capacity(original.len()), origins: Vec::new() };
        for (start, character) in original.char_indices() {
            let len = character.len_utf8() as u8;
            rule(character, &mut |changed| {
                letters.text.push(changed);
                letters.origins.resize(letters.text.len(), (start, len));
            });
        }
        letters
    }

    fn find(&self, detector: &'static str, form: &str) -> Vec<(&'static str, Range<usize>)> {
        self.text
            .match_indices(form)
            .take(super::MAX_PER_KIND)
            .filter_map(|(start, found)| {
                let (first, _) = *self.origins.get(start)?;
                let (last, len) = *self.origins.get(start + found.len().checked_sub(1)?)?;
                Some((detector, first..last + usize::from(len)))
            })
            .collect()
    }
}

/// The text without white space, the URL-safe alphabet of base64 turned into the standard one.
fn symbols(original: &str) -> Letters {
    Letters::map(original, |character, push| match character {
        '-' => push('+'),
        '_' => push('/'),
        _ if character.is_whitespace() => {}
        _ => push(character),
    })
}

/// The symbols that a canary has in base64 whatever stands around it, for each of the three ways in which it may be cut.
fn base64_forms(canary: &str) -> Vec<String> {
    (0..3)
        .filter_map(|n_before| {
            let mut bytes = vec![0; n_before];
            bytes.extend_from_slice(canary.as_bytes());
            let encoded = STANDARD_NO_PAD.encode(&bytes);
            let (first, end) = ((8 * n_before).div_ceil(6), 8 * bytes.len() / 6);
            encoded.get(first..end).map(str::to_owned)
        })
        .collect()
}

fn rot13(text: &str) -> String {
    let rotate = |character| match character {
        'a'..='m' => char::from_u32(u32::from(character) + 13).unwrap_or(character),
        'n'..='z' => char::from_u32(u32::from(character) - 13).unwrap_or(character),
        _ => character,
    };
    text.chars().map(rotate).collect()
}
