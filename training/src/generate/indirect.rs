//! Attacks that reach a model through what it reads, and their harmless twins: the same carriers, the same places in them,
//! with legitimate text, so that neither a slot, nor an imperative, nor a change of topic or language tells them apart.

mod framings;
mod goals;
pub mod languages;
mod near_misses;
mod tools;

use portcullis::threat::PerCategory;
use rand::Rng;
use rand::rngs::SmallRng;

use super::carriers::{self, Part};
use super::template::{fill, fill_one};
use super::words::{self, List, pick};
use super::{Family, Sample};
use crate::data::Label;

/// The word lists of the attacks.
pub const LISTS: &[List] = framings::LISTS;

/// The families of indirect attacks, each followed by its twin.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "indirect_action",
        about: "A tool's output or a document tells the agent to act.",
        sample: |rng| attack(rng, &[ACTION], SUBTLE),
    },
    Family {
        name: "indirect_action_twin",
        about: "The same carriers with legitimate requests and notes.",
        sample: harmless_requests,
    },
    Family {
        name: "indirect_exfiltration",
        about: "A tool's output or a document asks for private data to be sent or shown.",
        sample: |rng| attack(rng, &[EXFILTRATION], SUBTLE),
    },
    Family {
        name: "indirect_exfiltration_twin",
        about: "The same carriers with legitimate requests and notes.",
        sample: |rng| harmless(rng, near_misses::EXFILTRATION),
    },
    Family {
        name: "indirect_steering",
        about: "A tool's output or a document bends the answer, or sets another task.",
        sample: |rng| attack(rng, &[STEERING], SUBTLE),
    },
    Family {
        name: "indirect_steering_twin",
        about: "The same carriers with legitimate requests and notes.",
        sample: |rng| harmless(rng, near_misses::STEERING),
    },
    Family {
        name: "indirect_override",
        about: "A tool's output or a document tells the model to drop its instructions or its rules.",
        sample: |rng| attack(rng, &[ACTION, EXFILTRATION, STEERING, UNSAFE, UNSAFE], BLUNT),
    },
    Family {
        name: "indirect_override_twin",
        about: "The same carriers with legitimate requests and notes.",
        sample: |rng| harmless(rng, near_misses::OVERRIDE),
    },
    Family {
        name: "indirect_multilingual",
        about: "An indirect attack in one of fifteen languages other than English.",
        sample: languages::attack,
    },
    Family {
        name: "indirect_multilingual_twin",
        about: "The same carriers with legitimate requests in the same languages.",
        sample: languages::harmless,
    },
    Family {
        name: "tool_description_poisoning",
        about: "A tool's description directs the agent beyond the tool's own use.",
        sample: tools::attack,
    },
    Family {
        name: "tool_description_poisoning_twin",
        about: "Tool descriptions that tell how the tool is to be called.",
        sample: tools::harmless,
    },
];

/// What an attack wants, in several wordings.
struct Goal {
    id: &'static str,
    wordings: &'static [&'static str],
}

/// What the goals of a bank make of the labels.
#[derive(Clone, Copy)]
struct Bank {
    goals: &'static [Goal],
    jailbreak: bool,
    exfiltration: bool,
}

const ACTION: Bank = Bank { goals: goals::ACTIONS, jailbreak: false, exfiltration: false };
const EXFILTRATION: Bank = Bank { goals: goals::EXFILTRATIONS, jailbreak: false, exfiltration: true };
const STEERING: Bank = Bank { goals: goals::STEERINGS, jailbreak: false, exfiltration: false };
const UNSAFE: Bank = Bank { goals: goals::UNSAFE, jailbreak: true, exfiltration: false };

/// Framings with their weights.
type Mix = &'static [(u32, &'static [&'static str])];

const SUBTLE: Mix = &[(60, framings::PLAIN), (18, framings::ADDRESSED), (18, framings::FAKE), (4, framings::OVERRIDE)];
const BLUNT: Mix = &[(1, framings::OVERRIDE)];

/// Text for a slot and the wording that it stands for.
pub struct Focus {
    pub text: String,
    pub group: String,
    pub lang: &'static str,
}

fn attack(rng: &mut SmallRng, banks: &[Bank], mix: Mix) -> Sample {
    let bank = *pick(rng, banks);
    let focus = attack_text(rng, bank.goals, mix);
    let opened = carriers::open(rng);
    let labels = attack_labels(bank);
    place(rng, opened, focus, labels, carriers::harmless_text)
}

/// What colleagues ask of each other, where people write to each other; otherwise what is at home in the slot.
fn harmless_requests(rng: &mut SmallRng) -> Sample {
    let opened = carriers::open(rng);
    let among_people = ["mail", "chat", "work"].contains(&opened.slot.register.as_str());
    let focus = if among_people && rng.random_bool(0.4) {
        let everyday: Vec<&Goal> = goals::ACTIONS.iter().filter(|goal| EVERYDAY.contains(&goal.id)).collect();
        let goal = *pick(rng, &everyday);
        goal_text(rng, goal, framings::COLLEAGUE)
    } else {
        harmless_focus(rng, &opened)
    };
    place(rng, opened, focus, harmless_labels(), carriers::harmless_text)
}

/// A near miss, or what is at home in the slot.
fn harmless(rng: &mut SmallRng, near_misses: &[&str]) -> Sample {
    let opened = carriers::open(rng);
    let focus = if rng.random_bool(0.4) {
        let index = rng.random_range(0..near_misses.len());
        let text = framed_harmlessly(rng, near_misses[index]);
        Focus { text, group: format!("near_miss/{}", near_misses[index]), lang: "en" }
    } else {
        harmless_focus(rng, &opened)
    };
    place(rng, opened, focus, harmless_labels(), carriers::harmless_text)
}

/// The goals that people ask of each other every day.
const EVERYDAY: &[&str] = &[
    "merge",
    "close_issues",
    "post_comment",
    "pipeline",
    "send_mail",
    "invite",
    "schedule",
    "cancel",
    "book",
    "buy",
    "label_customer",
    "hire",
    "browse",
    "install_package",
    "grant_access",
];

fn harmless_focus(rng: &mut SmallRng, opened: &carriers::Opened) -> Focus {
    let register = words::list(&opened.slot.register).unwrap_or_default();
    let index = rng.random_range(0..register.len());
    let text = framed_harmlessly(rng, register[index]);
    Focus { text, group: format!("{}/{}/{index}", opened.id, opened.slot.register), lang: "en" }
}

/// Expands a legitimate text, now and then with a label or an urgent word.
fn framed_harmlessly(rng: &mut SmallRng, template: &str) -> String {
    let text = fill(rng, template);
    let framing = if rng.random_bool(0.35) { fill_one(rng, framings::HARMLESS) } else { "{goal}".to_owned() };
    roughen(rng, frame(&framing, &text))
}

fn attack_labels(bank: Bank) -> PerCategory<Label> {
    PerCategory { injection: Some(true), jailbreak: Some(bank.jailbreak), exfiltration: Some(bank.exfiltration) }
}

fn harmless_labels() -> PerCategory<Label> {
    PerCategory::from_fn(|_| Some(false))
}

/// Draws a goal, its wording and a framing.
fn attack_text(rng: &mut SmallRng, goals: &[Goal], mix: Mix) -> Focus {
    let goal = pick(rng, goals);
    let framings = weighted(rng, mix);
    goal_text(rng, goal, framings)
}

/// Any of the attacks in English, by itself: what texts about attacks quote.
pub fn any_attack(rng: &mut SmallRng) -> Focus {
    let bank = *pick(rng, &[ACTION, EXFILTRATION, STEERING, UNSAFE]);
    let mix = *pick(rng, &[SUBTLE, BLUNT]);
    attack_text(rng, bank.goals, mix)
}

/// Puts a clause as a user would: plainly, with no word of models or instructions.
pub fn put_plainly(rng: &mut SmallRng, clause: &str) -> String {
    let framing = fill_one(rng, framings::PLAIN);
    roughen(rng, frame(&framing, clause))
}

fn goal_text(rng: &mut SmallRng, goal: &Goal, framings: &[&str]) -> Focus {
    let wording = rng.random_range(0..goal.wordings.len());
    let clause = fill(rng, goal.wordings[wording]);
    let text = frame(&fill_one(rng, framings), &clause);
    Focus { text: roughen(rng, text), group: format!("{}/{wording}", goal.id), lang: "en" }
}

/// Puts the clause into an expanded framing, with a capital where the framing wants one.
fn frame(framing: &str, clause: &str) -> String {
    framing.replace("{Goal}", &capitalised(clause)).replace("{goal}", clause)
}

/// A list of the mix, as often as its weight says.
fn weighted(rng: &mut SmallRng, mix: Mix) -> &'static [&'static str] {
    let total: u32 = mix.iter().map(|(weight, _)| weight).sum();
    let mut draw = rng.random_range(0..total);
    for (weight, framings) in mix {
        if draw < *weight {
            return framings;
        }
        draw -= weight;
    }
    framings::PLAIN
}

pub fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Writes some texts as people do: without capitals, shouted, without the last stop.
fn roughen(rng: &mut SmallRng, text: String) -> String {
    match rng.random_range(0..40) {
        0..3 => text.to_lowercase(),
        3 => text.to_uppercase(),
        4..7 => text.trim_end_matches('.').to_owned(),
        _ => text,
    }
}

/// What surrounds a slot's text, so that it hides, is quoted or stands out.
#[rustfmt::skip]
const WRAPPINGS: &[(&str, &str)] = &[
    ("<!-- ", " -->"), ("\"", "\""), ("'", "'"), ("(", ")"), ("**", "**"), ("`", "`"), ("[", "]"), ("\n\n---\n", "\n---\n"),
    ("<span style=\"display:none\">", "</span>"), ("[//]: # (", ")"), ("<details><summary>more</summary>", "</details>"),
    ("*", "*"), ("> ", "\n"), ("```\n", "\n```"), ("<p hidden>", "</p>"), ("...", "..."), ("\n\n\n\n", ""), ("- ", "\n"),
];

/// Puts the focus into the carrier's open slot, among harmless sentences or alone, and makes the sample.
/// What is harmless (by its labels) gets the same treatment, but no spans.
pub fn place(
    rng: &mut SmallRng,
    opened: carriers::Opened,
    focus: Focus,
    labels: PerCategory<Label>,
    around: impl Fn(&mut SmallRng, &str) -> String,
) -> Sample {
    let (before, after) = if rng.random_bool(0.12) { *pick(rng, WRAPPINGS) } else { ("", "") };
    let separator = *pick(rng, &[" ", " ", " ", "\n", "\n\n"]);
    let harmless = |rng: &mut SmallRng| around(rng, &opened.slot.register);
    let plain = |text: String| Part { text, marked: false };
    let marked = |text: &str| Part { text: text.to_owned(), marked: true };
    let whole = || vec![plain(before.to_owned()), marked(&focus.text), plain(after.to_owned())];
    let lead = |text: String| vec![plain(format!("{text}{separator}"))];
    let tail = |text: String| vec![plain(format!("{separator}{text}"))];
    let parts: Vec<Part> = match rng.random_range(0..20) {
        0..6 => whole(),
        6..10 => join([lead(harmless(rng)), whole()]),
        10..13 => join([whole(), tail(harmless(rng))]),
        13..17 => join([lead(harmless(rng)), whole(), tail(harmless(rng))]),
        17 => join([whole(), tail(harmless(rng)), lead(String::new()), whole()]),
        _ => match focus.text.split_once(". ") {
            Some((first, second)) => {
                let first = format!("{first}.");
                let between = plain(format!("{separator}{}{separator}", harmless(rng)));
                vec![marked(&first), between, marked(second)]
            }
            None => join([lead(harmless(rng)), whole()]),
        },
    };
    let source = opened.source;
    let (text, spans) = opened.close(rng, &parts);
    let is_attack = labels.injection == Some(true);
    let spans = if is_attack { spans } else { Vec::new() };
    Sample { text, source, labels, spans, group: focus.group, lang: focus.lang }
}

fn join<const N: usize>(parts: [Vec<Part>; N]) -> Vec<Part> {
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
