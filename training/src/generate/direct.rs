//! Attacks that a user types at a model, and answers of a model that carry data out. Wordings stand in the folder.

mod agents;
mod extraction;
mod jailbreak;
mod languages;
mod takeover;

use portcullis::threat::{PerCategory, Source};
use rand::Rng;
use rand::rngs::SmallRng;

use super::banks::{Bank, Wording, casual, draw, settle};
use super::words::List;
use super::{Family, Sample, disguise};
use crate::data::Label;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "direct_extraction",
        about: "users who try to get at instructions, secrets and other people's data",
        sample: extraction,
    },
    Family {
        name: "direct_override",
        about: "users who replace the operator's role, rules or limits",
        sample: takeover,
    },
    Family {
        name: "direct_jailbreak",
        about: "users who try to make the model drop its safety rules",
        sample: jailbreak,
    },
    Family {
        name: "agent_direct_exfiltration",
        about: "orders to an agent to send private data to outside hosts",
        sample: agent_exfiltration,
    },
    Family {
        name: "model_output_beacon",
        about: "model answers that carry data out in links and images, and harmless twins",
        sample: beacon,
    },
];

pub const EXTRACTION: PerCategory<Label> =
    PerCategory { injection: Some(true), jailbreak: Some(false), exfiltration: Some(true) };
pub const OVERRIDE: PerCategory<Label> =
    PerCategory { injection: Some(true), jailbreak: Some(false), exfiltration: Some(false) };
/// Whether a jailbreak also overrides instructions is a matter of taste, so it is left unknown.
const JAILBREAK: PerCategory<Label> = PerCategory { injection: None, jailbreak: Some(true), exfiltration: Some(false) };
/// The user may be the attacker or be fooled by pasted text: only the aim is certain.
const SENT_OUT: PerCategory<Label> = PerCategory { injection: None, jailbreak: Some(false), exfiltration: Some(true) };
/// A beacon is the effect of an attack, not itself an order to the model.
pub const BEACON: PerCategory<Label> =
    PerCategory { injection: Some(false), jailbreak: Some(false), exfiltration: Some(true) };
const HARMLESS: PerCategory<Label> =
    PerCategory { injection: Some(false), jailbreak: Some(false), exfiltration: Some(false) };

fn extraction(rng: &mut SmallRng) -> Sample {
    let lists = [extraction::LISTS, &[extraction::ROLES]].concat();
    attack(rng, "extraction", extraction::BANKS, languages::EXTRACTION, &lists, EXTRACTION)
}

fn takeover(rng: &mut SmallRng) -> Sample {
    attack(rng, "override", takeover::BANKS, languages::OVERRIDE, takeover::LISTS, OVERRIDE)
}

fn jailbreak(rng: &mut SmallRng) -> Sample {
    let lists = settle(rng, jailbreak::LISTS, "name");
    attack(rng, "jailbreak", jailbreak::BANKS, languages::JAILBREAK, &lists, JAILBREAK)
}

fn agent_exfiltration(rng: &mut SmallRng) -> Sample {
    attack(rng, "send_out", agents::ORDERS, &[], agents::LISTS, SENT_OUT)
}

/// A third of the attacks is in other languages where there are any; some mix two wordings.
fn attack(
    rng: &mut SmallRng,
    aim: &str,
    english: &[Bank],
    foreign: &[Bank],
    lists: &[List],
    labels: PerCategory<Label>,
) -> Sample {
    let banks = if !foreign.is_empty() && rng.random_bool(0.33) { foreign } else { english };
    let mut wording = draw(rng, banks, lists);
    if rng.random_bool(0.08) {
        wording.text = format!("{} {}", wording.text, draw(rng, banks, lists).text);
    }
    dressed(rng, aim, wording, labels)
}

/// An attack as users type it: with their manners, now and then in disguise, after invented turns or in an ordinary message.
pub fn dressed(rng: &mut SmallRng, aim: &str, wording: Wording, labels: PerCategory<Label>) -> Sample {
    let Wording { text, mut group, lang } = wording;
    let mut text = casual(rng, &text, lang);
    if lang == "en" && rng.random_bool(0.04) {
        text = disguise::many_shot(rng, &text);
    } else if lang == "en" && rng.random_bool(0.15) {
        let (way, disguised) = disguise::disguise(rng, &text);
        text = disguised;
        group = format!("{group}.{way}");
    }
    let (text, span) = if rng.random_bool(0.2) {
        disguise::surround(rng, &text)
    } else {
        let whole = 0..text.len();
        (text, whole)
    };
    Sample { text, source: Source::UserPrompt, labels, spans: vec![span], group: format!("{aim}.{group}"), lang }
}

fn beacon(rng: &mut SmallRng) -> Sample {
    let carries = rng.random_bool(0.6);
    let banks = if carries { agents::BEACONS } else { agents::TWINS };
    let Wording { text, group, lang } = draw(rng, banks, agents::LISTS);
    let whole = 0..text.len();
    Sample {
        spans: if carries { vec![whole] } else { Vec::new() },
        labels: if carries { BEACON } else { HARMLESS },
        source: Source::ModelOutput,
        group: format!("beacon.{group}"),
        text,
        lang,
    }
}

#[cfg(test)]
mod tests {
    use super::super::promise::check;
    use super::*;

    fn check_family(name: &str, distinct: f64, promised: impl Fn(&Sample) -> bool) {
        let family = FAMILIES.iter().find(|family| family.name == name);
        check(family.unwrap(), distinct, promised);
    }

    #[test]
    fn direct_attacks_are_prompts_with_their_labels() {
        for (name, labels) in [
            ("direct_extraction", EXTRACTION),
            ("direct_override", OVERRIDE),
            ("direct_jailbreak", JAILBREAK),
            ("agent_direct_exfiltration", SENT_OUT),
        ] {
            check_family(name, 0.95, |sample| sample.source == Source::UserPrompt && sample.labels == labels);
        }
    }

    #[test]
    fn beacons_and_their_twins_come_from_models() {
        check_family("model_output_beacon", 0.9, |sample| {
            sample.source == Source::ModelOutput
                && sample.labels == if sample.group.contains("_twin") { HARMLESS } else { BEACON }
        });
    }
}
