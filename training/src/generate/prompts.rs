//! What people type and operators write, beyond the families of single techniques: attacks in roundabout ways and many
//! languages, and what is harmless though it orders, guards or sounds dangerous. Wordings stand in `lists/`.

use portcullis::threat::Source;
use rand::Rng;
use rand::rngs::SmallRng;

use super::banks::{Wording, draw_from};
use super::direct::{self, EXTRACTION, OVERRIDE};
use super::harmless::{self, harmless};
use super::lists::with_prefix;
use super::words::pick;
use super::{Family, Sample};

pub const FAMILIES: &[Family] = &[
    Family {
        name: "roundabout_extraction",
        about: "users who get at secrets by riddles, code, forms, stories and small steps",
        sample: |rng| {
            let wording = draw_from(rng, "trick", "en");
            direct::dressed(rng, "trick", wording, EXTRACTION)
        },
    },
    Family {
        name: "world_attacks",
        about: "users who ask for secrets or set rules aside, in many languages",
        sample: world_attack,
    },
    Family {
        name: "world_prompts",
        about: "everyday questions and tasks in the same languages",
        sample: |rng| {
            let wording = everyday(rng);
            harmless::dressed(rng, "world", wording)
        },
    },
    Family {
        name: "agent_prompts",
        about: "work that users give to an agent",
        sample: |rng| prompt(rng, "agent_task"),
    },
    Family {
        name: "sounds_harmful",
        about: "harmless questions on any subject with words that sound dangerous",
        sample: |rng| prompt(rng, "sounding"),
    },
    Family {
        name: "guarding_prompts",
        about: "system prompts that guard a secret and refuse, and users who ask to review one",
        sample: guarding,
    },
];

fn prompt(rng: &mut SmallRng, name: &str) -> Sample {
    let wording = draw_from(rng, name, "en");
    harmless::dressed(rng, "prompt", wording)
}

/// An everyday question or task in one of many languages.
pub fn everyday(rng: &mut SmallRng) -> Wording {
    in_some_language(rng, "everyday_")
}

/// Draws from one of the lists whose names are the prefix and a language's code.
fn in_some_language(rng: &mut SmallRng, prefix: &str) -> Wording {
    let names = with_prefix(prefix);
    let name = *pick(rng, &names);
    draw_from(rng, name, name.strip_prefix(prefix).unwrap_or("en"))
}

fn world_attack(rng: &mut SmallRng) -> Sample {
    let (prefix, labels) = if rng.random_bool(0.65) { ("extract_", EXTRACTION) } else { ("override_", OVERRIDE) };
    let wording = in_some_language(rng, prefix);
    direct::dressed(rng, "world", wording, labels)
}

/// A role, a secret or a subject to keep to, and rules, as prose, list or sections.
fn guarding(rng: &mut SmallRng) -> Sample {
    let role = draw_from(rng, "guard_role", "en");
    let n_rules = rng.random_range(1..7);
    let mut lines = vec![role.text.clone()];
    if rng.random_bool(0.7) {
        lines.push(draw_from(rng, "guard_secret", "en").text);
    }
    lines.extend((0..n_rules).map(|_| draw_from(rng, "guard_rule", "en").text));
    let text = match rng.random_range(0..5) {
        0 | 1 => lines.join(" "),
        2 => lines.join(*pick(rng, &["\n", "\n- ", "\n* ", "\n\n"])),
        3 => format!("<role>\n{}\n</role>\n<rules>\n{}\n</rules>", lines[0], lines[1..].join("\n")),
        _ => {
            let numbered = lines[1..].iter().zip(1..).map(|(rule, number)| format!("\n{number}. {rule}"));
            format!("# Role\n{}\n\n# Rules{}", lines[0], numbered.collect::<String>())
        }
    };
    let wording = Wording { text, ..role };
    if rng.random_bool(0.75) {
        return harmless("guard", Source::SystemPrompt, wording);
    }
    let request = draw_from(rng, "guard_review", "en");
    let text = request.text.replace("{prompt}", &wording.text);
    harmless("guard", Source::UserPrompt, Wording { text, ..request })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;

    use super::super::promise::check;
    use super::*;

    #[test]
    fn prompts_have_the_labels_of_their_family() {
        for family in FAMILIES {
            check(family, 0.9, |sample| match family.name {
                "roundabout_extraction" => sample.labels == EXTRACTION,
                "world_attacks" => sample.labels.injection == Some(true),
                _ => sample.labels == harmless::HARMLESS,
            });
        }
    }

    #[test]
    fn attacks_and_harmless_prompts_are_in_the_same_languages() {
        let languages = |name: &str| -> HashSet<&str> {
            let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
            (0..600).map(|seed| (family.sample)(&mut SmallRng::seed_from_u64(seed)).lang).collect()
        };
        assert_eq!(languages("world_attacks"), languages("world_prompts"));
        assert!(languages("world_prompts").len() >= 12);
    }
}
