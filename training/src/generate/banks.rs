//! Banks of wordings that share their word lists, and the manners of people at a keyboard. It knows nothing of labels.

use rand::Rng;
use rand::rngs::SmallRng;

use super::template::fill_with;
use super::words::{self, List, pick};

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

/// Draws a template, each with the same weight, and what stands in it.
pub fn draw(rng: &mut SmallRng, banks: &[Bank], lists: &[List]) -> Wording {
    let templates: Vec<(&Bank, usize)> =
        banks.iter().flat_map(|bank| (0..bank.templates.len()).map(move |index| (bank, index))).collect();
    let (bank, index) = templates[rng.random_range(0..templates.len())];
    Wording {
        text: fill_with(rng, bank.templates[index], lists),
        group: format!("{}.{}.{index}", bank.name, bank.lang),
        lang: bank.lang,
    }
}

/// Draws an entry of the general list of that name, all of which is in one language.
pub fn draw_from(rng: &mut SmallRng, name: &str, lang: &'static str) -> Wording {
    let templates = words::list(name).unwrap_or_default();
    let index = rng.random_range(0..templates.len());
    Wording { text: fill_with(rng, templates[index], &[]), group: format!("{name}.{index}"), lang }
}

/// Settles on one entry of the list of that name, for texts that must name the same thing throughout.
pub fn settle(rng: &mut SmallRng, lists: &[List], name: &str) -> Vec<List> {
    let settle = |&(list, entries): &List| {
        let at = rng.random_range(0..entries.len());
        (list, if list == name { &entries[at..=at] } else { entries })
    };
    lists.iter().map(settle).collect()
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
        text.insert_str(0, pick::<&str>(rng, OPENERS));
    }
    if lang == "en" && rng.random_bool(0.1) {
        text.push_str(pick::<&str>(rng, CLOSERS));
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
