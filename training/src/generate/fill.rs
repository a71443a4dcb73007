//! Fills templates: `{slot}` draws from a word list, `‹a|b|c›` draws one of its parts (which may hold slots), `{d4}`,
//! `{h8}` and `{b20}` draw that many decimal, hexadecimal or base64 characters. Any other brace stands for itself, so
//! that code and JSON can be written plainly. It knows nothing of labels.

use rand::Rng;
use rand::rngs::SmallRng;

/// A slot's name and what may stand in it; an entry may hold slots again.
pub type Slot = (&'static str, &'static [&'static str]);

/// The wordings of one technique in one language.
pub struct Bank {
    pub name: &'static str,
    /// ISO 639-1.
    pub lang: &'static str,
    pub templates: &'static [&'static str],
}

/// A bank of English wordings.
pub const fn bank(name: &'static str, templates: &'static [&'static str]) -> Bank {
    Bank { name, lang: "en", templates }
}

/// A filled template.
pub struct Wording {
    pub text: String,
    /// The bank and the template's number in it.
    pub group: String,
    pub lang: &'static str,
}

/// Draws a template, each with the same weight, and what stands in its slots.
pub fn draw(rng: &mut SmallRng, banks: &[Bank], slots: &[Slot]) -> Wording {
    let templates: Vec<(&Bank, usize)> =
        banks.iter().flat_map(|bank| (0..bank.templates.len()).map(move |index| (bank, index))).collect();
    let (bank, index) = templates[rng.random_range(0..templates.len())];
    Wording {
        text: fill(rng, bank.templates[index], slots),
        group: format!("{}.{}.{index}", bank.name, bank.lang),
        lang: bank.lang,
    }
}

/// Draws one entry of a list.
pub fn pick<'a>(rng: &mut SmallRng, list: &[&'a str]) -> &'a str {
    list[rng.random_range(0..list.len())]
}

/// Settles what one slot holds, for texts that must name the same thing throughout.
pub fn settle(rng: &mut SmallRng, slots: &[Slot], name: &str) -> Vec<Slot> {
    let settle = |&(slot, entries): &Slot| {
        let at = rng.random_range(0..entries.len());
        (slot, if slot == name { &entries[at..=at] } else { entries })
    };
    slots.iter().map(settle).collect()
}

/// Fills every slot and choice of a template.
pub fn fill(rng: &mut SmallRng, template: &str, slots: &[Slot]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(start) = rest.find(['{', '‹']) {
        let (before, opened) = rest.split_at(start);
        filled.push_str(before);
        let drawn = if opened.starts_with('‹') {
            parts(opened).map(|(parts, after)| {
                let part = pick(rng, &parts);
                (fill(rng, part, slots), after)
            })
        } else {
            opened[1..].split_once('}').and_then(|(name, after)| Some((slot(rng, name, slots)?, after)))
        };
        let literal = opened.chars().next().unwrap_or_default();
        let (drawn, after) = drawn.unwrap_or_else(|| (literal.into(), &opened[literal.len_utf8()..]));
        filled.push_str(&drawn);
        rest = after;
    }
    filled + rest
}

/// The parts of the choice that a text opens with, and what follows it. Choices nest.
fn parts(opened: &str) -> Option<(Vec<&str>, &str)> {
    let (mut depth, mut start, mut parts) = (0, '‹'.len_utf8(), Vec::new());
    for (at, character) in opened.char_indices() {
        match character {
            '‹' => depth += 1,
            '›' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && character == '|') {
            parts.push(&opened[start..at]);
            start = at + character.len_utf8();
        }
        if depth == 0 {
            return Some((parts, &opened[start..]));
        }
    }
    None
}

fn slot(rng: &mut SmallRng, name: &str, slots: &[Slot]) -> Option<String> {
    if let Some((_, entries)) = slots.iter().find(|(slot, _)| *slot == name) {
        let entry = pick(rng, entries);
        return Some(fill(rng, entry, slots));
    }
    let alphabet: &[u8] = match name.chars().next()? {
        'd' => b"0123456789",
        'h' => b"0123456789abcdef",
        'b' => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        _ => return None,
    };
    let n_characters: usize = name[1..].parse().ok()?;
    let first = usize::from(name.starts_with('d')); // Numbers begin with no zero.
    let character = |at| char::from(alphabet[rng.random_range(if at == 0 { first } else { 0 }..alphabet.len())]);
    Some((0..n_characters).map(character).collect())
}

const OPENERS: &[&str] =
    &["hi, ", "Hey! ", "Hello, ", "hello ", "ok so ", "Quick one: ", "Good morning. ", "hey, ", "Okay. "];
const CLOSERS: &[&str] = &[" thanks", " Thanks!", " please", " :)", " Thank you in advance.", " pls", " cheers", "!!"];

/// Gives a text the manners of people at a keyboard: greetings, thanks, no capitals, no full stop, a slip of the fingers.
/// Attacks and harmless prompts share it, so that manners tell nothing.
pub fn casual(rng: &mut SmallRng, text: &str, lang: &str) -> String {
    let mut text = text.to_owned();
    if rng.random_bool(0.12) {
        text = text.to_lowercase();
    }
    if rng.random_bool(0.12) {
        text.truncate(text.trim_end_matches(['.', '!', '?', '。', '？']).len());
    }
    if rng.random_bool(0.07) {
        text = with_a_slip(rng, &text);
    }
    if lang == "en" && rng.random_bool(0.1) {
        text.insert_str(0, pick(rng, OPENERS));
    }
    if lang == "en" && rng.random_bool(0.1) {
        text.push_str(pick(rng, CLOSERS));
    }
    text
}

/// Swaps two neighbouring lower-case letters.
fn with_a_slip(rng: &mut SmallRng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let n_letters = letters.len();
    if n_letters > 3 {
        let at = rng.random_range(1..n_letters - 1);
        if letters[at - 1].is_lowercase() && letters[at].is_lowercase() && letters[at + 1].is_lowercase() {
            letters.swap(at, at + 1);
        }
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn check(template: &str, expected: &[&str]) {
        let slots: &[Slot] = &[("animal", &["cat", "‹big|small› dog"])];
        for seed in 0..40 {
            let filled = fill(&mut SmallRng::seed_from_u64(seed), template, slots);
            assert!(expected.contains(&filled.as_str()), "{filled}");
        }
    }

    #[test]
    fn slots_and_choices_are_drawn_and_other_braces_stand_for_themselves() {
        check("a {animal}", &["a cat", "a big dog", "a small dog"]);
        check(
            "‹one|two ‹big |›{animal}›",
            &["one", "two cat", "two big cat", "two big dog", "two small dog", "two big big dog", "two big small dog"],
        );
        check("{ \"a\": {x} }", &["{ \"a\": {x} }"]);
        check("f({}) {", &["f({}) {"]);
    }

    #[test]
    fn digits_have_the_asked_length() {
        let filled = fill(&mut SmallRng::seed_from_u64(1), "{d4}{h8}{b20}", &[]);
        assert_eq!(filled.len(), 32);
        assert!(filled[..4].bytes().all(|byte| byte.is_ascii_digit()));
    }
}
