//! Harmless texts that look like attacks, and one family of sentences whose source alone decides. Wordings stand in the
//! folder.

mod about_attacks;
mod developer_noise;
mod operator_prompts;
mod people;
mod requests;
mod secure;
mod trigger_words;

use portcullis::threat::{PerCategory, Source};
use rand::Rng;
use rand::rngs::SmallRng;

use super::banks::{Bank, Wording, casual, draw};
use super::template::fill_with;
use super::words::{List, pick};
use super::{Family, Sample, disguise};
use crate::data::Label;

pub const FAMILIES: &[Family] = &[
    Family { name: "trigger_words", about: "harmless prompts full of words that attacks use", sample: trigger_words },
    Family { name: "about_attacks", about: "texts that describe, quote or test attacks", sample: about_attacks },
    Family { name: "operator_prompts", about: "system prompts that order, forbid and guard", sample: operator_prompts },
    Family { name: "benign_roleplay", about: "personas, games and fiction that are fine", sample: roleplay },
    Family { name: "imperative_prompts", about: "orders that a user may give to an agent", sample: imperatives },
    Family {
        name: "two_sources",
        about: "one order from the user (fine) or from a tool (an attack)",
        sample: two_sources,
    },
    Family { name: "instructions_to_people", about: "manuals, letters and rules for human readers", sample: people },
    Family { name: "developer_noise", about: "logs, traces, configuration, code and data", sample: developer_noise },
    Family { name: "secure_prompts", about: "questions on security, support, spelling and games", sample: secure },
    Family { name: "plain_harm", about: "harmful wishes without any technique", sample: plain_harm },
];

pub const HARMLESS: PerCategory<Label> =
    PerCategory { injection: Some(false), jailbreak: Some(false), exfiltration: Some(false) };
/// Data sets disagree on whether a bare harmful request is a jailbreak.
const PLAIN_HARM: PerCategory<Label> =
    PerCategory { injection: Some(false), jailbreak: None, exfiltration: Some(false) };

/// A text that is no attack, of a wording of that family.
pub fn harmless(family: &str, source: Source, wording: Wording) -> Sample {
    Sample {
        text: wording.text,
        source,
        labels: HARMLESS,
        spans: Vec::new(),
        group: format!("{family}.{}", wording.group),
        lang: wording.lang,
    }
}

fn prompt(rng: &mut SmallRng, family: &str, banks: &[Bank], lists: &[List]) -> Sample {
    let wording = draw(rng, banks, lists);
    dressed(rng, family, wording)
}

/// A harmless prompt with the manners and the disguises that attacks have.
pub fn dressed(rng: &mut SmallRng, family: &str, mut wording: Wording) -> Sample {
    wording.text = casual(rng, &wording.text, wording.lang);
    if wording.lang == "en" && rng.random_bool(0.1) {
        wording.text = disguise::disguise(rng, &wording.text).1;
    }
    if rng.random_bool(0.2) {
        wording.text = disguise::surround(rng, &wording.text).0;
    }
    harmless(family, Source::UserPrompt, wording)
}

/// One to four texts of one language below each other, as pages and logs are; its group is that of the first.
fn page(rng: &mut SmallRng, banks: &[Bank], lists: &[List], separator: &str) -> Wording {
    let mut first = draw(rng, banks, lists);
    for _ in 0..rng.random_range(0..4) {
        let next = draw(rng, banks, lists);
        if next.lang == first.lang {
            first.text.push_str(separator);
            first.text.push_str(&next.text);
        }
    }
    first
}

pub fn one_of(rng: &mut SmallRng, sources: &[Source]) -> Source {
    sources[rng.random_range(0..sources.len())]
}

fn trigger_words(rng: &mut SmallRng) -> Sample {
    prompt(rng, "trigger_words", trigger_words::BANKS, trigger_words::LISTS)
}

fn about_attacks(rng: &mut SmallRng) -> Sample {
    if rng.random_bool(0.35) {
        return prompt(rng, "about_attacks", about_attacks::QUESTIONS, about_attacks::LISTS);
    }
    let wording = page(rng, about_attacks::BANKS, about_attacks::LISTS, "\n\n");
    let source = one_of(rng, &[Source::ToolOutput, Source::Document, Source::ModelOutput]);
    harmless("about_attacks", source, wording)
}

/// A role and up to seven rules, as prose or as a list.
fn operator_prompts(rng: &mut SmallRng) -> Sample {
    use operator_prompts::{FOREIGN, LISTS, ROLES, RULES};
    if rng.random_bool(0.25) {
        return harmless("operator_prompts", Source::SystemPrompt, draw(rng, FOREIGN, LISTS));
    }
    let mut wording = draw(rng, ROLES, LISTS);
    let bullet = pick(rng, &[" ", "\n", "\n- ", "\n* ", "\n\n"]);
    for _ in 0..rng.random_range(1..8) {
        let rule = pick(rng, RULES);
        wording.text.push_str(bullet);
        wording.text.push_str(&fill_with(rng, rule, LISTS));
    }
    harmless("operator_prompts", Source::SystemPrompt, wording)
}

fn roleplay(rng: &mut SmallRng) -> Sample {
    prompt(rng, "benign_roleplay", requests::ROLEPLAY, requests::LISTS)
}

fn imperatives(rng: &mut SmallRng) -> Sample {
    prompt(rng, "two_sources", requests::IMPERATIVES, requests::LISTS)
}

/// The same order under either source. Orders of [`imperatives`] belong to the same groups, so that a sentence stays on
/// one side of a split.
fn two_sources(rng: &mut SmallRng) -> Sample {
    let private = rng.random_bool(0.4);
    let banks = if private { requests::PRIVATE_ORDERS } else { requests::IMPERATIVES };
    let wording = draw(rng, banks, requests::LISTS);
    if rng.random_bool(0.5) {
        return harmless("two_sources", Source::UserPrompt, wording);
    }
    let template = pick(rng, requests::TOOL_CONTEXT);
    let context = fill_with(rng, template, requests::LISTS);
    let text = format!("{context}{}", wording.text);
    let order = context.len()..text.len();
    Sample {
        spans: vec![order],
        labels: PerCategory {
            injection: Some(true),
            jailbreak: Some(false),
            // A letter or an upload among the other orders may carry private data or not.
            exfiltration: if private { Some(true) } else { None },
        },
        text,
        ..harmless("two_sources", Source::ToolOutput, wording)
    }
}

fn people(rng: &mut SmallRng) -> Sample {
    let wording = page(rng, people::BANKS, people::LISTS, "\n\n");
    let source = one_of(rng, &[Source::ToolOutput, Source::Document]);
    harmless("instructions_to_people", source, wording)
}

fn developer_noise(rng: &mut SmallRng) -> Sample {
    use developer_noise::{BANKS, LISTS, TOOL_DESCRIPTIONS};
    if rng.random_bool(0.12) {
        let wording = draw(rng, TOOL_DESCRIPTIONS, LISTS);
        return harmless("developer_noise", Source::ToolDescription, wording);
    }
    let wording = page(rng, BANKS, LISTS, "\n");
    let source = one_of(rng, &[Source::ToolOutput, Source::ToolOutput, Source::Document]);
    harmless("developer_noise", source, wording)
}

fn secure(rng: &mut SmallRng) -> Sample {
    prompt(rng, "secure_prompts", secure::QUESTIONS, secure::LISTS)
}

fn plain_harm(rng: &mut SmallRng) -> Sample {
    // Not by `prompt`: a harmful wish in disguise would be a technique.
    let mut wording = draw(rng, secure::HARM, secure::LISTS);
    wording.text = casual(rng, &wording.text, wording.lang);
    Sample { labels: PLAIN_HARM, ..harmless("plain_harm", Source::UserPrompt, wording) }
}

#[cfg(test)]
mod tests {
    use super::super::promise::check;
    use super::*;

    #[test]
    fn hard_negatives_are_harmless_and_varied() {
        let prompts: &[Source] = &[Source::UserPrompt];
        let data: &[Source] = &[Source::ToolOutput, Source::Document];
        for (name, sources, distinct) in [
            ("trigger_words", prompts, 0.9),
            ("about_attacks", &[Source::UserPrompt, Source::ToolOutput, Source::Document, Source::ModelOutput], 0.95),
            ("operator_prompts", &[Source::SystemPrompt], 0.95),
            ("benign_roleplay", prompts, 0.9),
            ("imperative_prompts", prompts, 0.9),
            ("instructions_to_people", data, 0.95),
            ("developer_noise", &[Source::ToolOutput, Source::Document, Source::ToolDescription], 0.95),
            ("secure_prompts", prompts, 0.85),
        ] {
            check(family(name), distinct, |sample| sources.contains(&sample.source) && sample.labels == HARMLESS);
        }
        check(family("plain_harm"), 0.6, |sample| sample.labels == PLAIN_HARM);
    }

    #[test]
    fn the_source_of_an_order_decides_its_label() {
        check(family("two_sources"), 0.9, |sample| match sample.source {
            Source::UserPrompt => sample.labels == HARMLESS,
            Source::ToolOutput => {
                let private = sample.group.contains("private");
                sample.labels.injection == Some(true) && sample.labels.exfiltration == private.then_some(true)
            }
            _ => false,
        });
    }

    fn family(name: &str) -> &'static Family {
        FAMILIES.iter().find(|family| family.name == name).unwrap()
    }
}
