//! Indirect attacks in other languages, and legitimate requests in the same languages in the same places.

mod european;
mod world;

use portcullis::threat::PerCategory;
use rand::Rng;
use rand::rngs::SmallRng;

use super::{Bank, Focus, attack_labels, harmless_labels, place, roughen};
use crate::data::Label;
use crate::generate::template::{fill, fill_one};
use crate::generate::words::pick;
use crate::generate::{Sample, carriers};

/// What is known of one language. Goals and harmless texts are whole sentences.
struct Language {
    /// ISO 639-1.
    code: &'static str,
    actions: &'static [&'static str],
    exfiltrations: &'static [&'static str],
    steerings: &'static [&'static str],
    /// With `{goal}` where the sentence stands; at home around attacks and harmless texts alike.
    neutral_framings: &'static [&'static str],
    /// Framings that only an attack has.
    attack_framings: &'static [&'static str],
    harmless: &'static [&'static str],
}

pub fn attack(rng: &mut SmallRng) -> Sample {
    let language = draw(rng);
    let banks =
        [("action", language.actions), ("exfiltration", language.exfiltrations), ("steering", language.steerings)];
    let (name, goals) = *pick(rng, &banks);
    let index = rng.random_range(0..goals.len());
    let goal = fill(rng, goals[index]);
    let framings = if rng.random_bool(0.6) { language.neutral_framings } else { language.attack_framings };
    let text = fill_one(rng, framings).replace("{goal}", &goal);
    let focus =
        Focus { text: roughen(rng, text), group: format!("{}/{name}/{index}", language.code), lang: language.code };
    let labels = attack_labels(Bank { goals: &[], jailbreak: false, exfiltration: name == "exfiltration" });
    surround(rng, language, focus, labels)
}

/// An order of another language, as a user may give it too.
pub fn action(rng: &mut SmallRng) -> Focus {
    let language = draw(rng);
    let index = rng.random_range(0..language.actions.len());
    let goal = fill(rng, language.actions[index]);
    let text = fill_one(rng, language.neutral_framings).replace("{goal}", &goal);
    Focus { text, group: format!("{}/action/{index}", language.code), lang: language.code }
}

/// A legitimate text of the language where the attack would stand.
pub fn harmless(rng: &mut SmallRng) -> Sample {
    let language = draw(rng);
    let index = rng.random_range(0..language.harmless.len());
    let request = fill(rng, language.harmless[index]);
    let text = fill_one(rng, language.neutral_framings).replace("{goal}", &request);
    let focus =
        Focus { text: roughen(rng, text), group: format!("{}/harmless/{index}", language.code), lang: language.code };
    surround(rng, language, focus, harmless_labels())
}

fn draw(rng: &mut SmallRng) -> &'static Language {
    let n_european = european::LANGUAGES.len();
    let index = rng.random_range(0..n_european + world::LANGUAGES.len());
    european::LANGUAGES.get(index).unwrap_or_else(|| &world::LANGUAGES[index - n_european])
}

/// Puts the focus among sentences of its own language half of the time, of English otherwise.
fn surround(rng: &mut SmallRng, language: &'static Language, focus: Focus, labels: PerCategory<Label>) -> Sample {
    let opened = carriers::open(rng);
    if rng.random_bool(0.5) {
        place(rng, opened, focus, labels, |rng, _| fill_one(rng, language.harmless))
    } else {
        place(rng, opened, focus, labels, carriers::harmless_text)
    }
}
