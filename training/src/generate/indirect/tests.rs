//! What must hold of every family of this module, over many seeds.

use std::collections::HashSet;

use rand::SeedableRng;

use super::*;
use crate::generate::carriers::LISTS as CARRIER_LISTS;

const N_SEEDS: u64 = 300;

fn samples(family: &Family) -> Vec<Sample> {
    (0..N_SEEDS).map(|seed| (family.sample)(&mut SmallRng::seed_from_u64(seed))).collect()
}

fn distinct<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<HashSet<_>>().len()
}

#[test]
fn attacks_carry_spans_and_twins_do_not() {
    for family in FAMILIES {
        let twin = family.name.ends_with("_twin");
        for sample in samples(family) {
            assert_eq!(sample.labels.injection, Some(!twin), "{}", family.name);
            assert_eq!(sample.spans.is_empty(), twin, "{}: {}", family.name, sample.text);
            let mut end = 0;
            for span in &sample.spans {
                assert!(end <= span.start && !sample.text[span.clone()].trim().is_empty(), "{}", family.name);
                end = span.end;
            }
            assert!(!twin || sample.labels.iter().all(|(_, label)| *label == Some(false)));
            assert!(sample.text.len() >= 20 && sample.text.len() < 12_000, "{}: {}", family.name, sample.text.len());
        }
    }
}

#[test]
fn labels_follow_the_goal() {
    let only = |name: &str| {
        let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
        samples(family)
            .into_iter()
            .map(|sample| (sample.labels.exfiltration, sample.labels.jailbreak))
            .collect::<HashSet<_>>()
    };
    assert_eq!(only("indirect_action"), HashSet::from([(Some(false), Some(false))]));
    assert_eq!(only("indirect_exfiltration"), HashSet::from([(Some(true), Some(false))]));
    assert!(only("indirect_override").contains(&(Some(false), Some(true))));
}

#[test]
fn the_same_seed_makes_the_same_sample() {
    for family in FAMILIES {
        for (first, second) in samples(family).iter().zip(samples(family)) {
            assert_eq!((&first.text, &first.spans, &first.group), (&second.text, &second.spans, &second.group));
        }
    }
}

#[test]
fn samples_vary() {
    for family in FAMILIES {
        let samples = samples(family);
        let n_texts = distinct(samples.iter().map(|sample| &sample.text));
        let n_groups = distinct(samples.iter().map(|sample| &sample.group));
        assert!(n_texts * 100 >= samples.len() * 95, "{}: {n_texts} texts", family.name);
        assert!(n_groups >= 25, "{}: {n_groups} groups", family.name);
    }
}

#[test]
fn other_languages_are_all_drawn_on_both_sides() {
    for name in ["indirect_multilingual", "indirect_multilingual_twin"] {
        let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
        assert_eq!(distinct(samples(family).iter().map(|sample| sample.lang)), 15, "{name}");
    }
}

#[test]
fn templates_are_filled() {
    let names: Vec<&str> = CARRIER_LISTS.iter().copied().flatten().chain(LISTS).map(|(name, _)| *name).collect();
    for family in FAMILIES {
        for sample in samples(family) {
            let left =
                ["{goal}", "{Goal}", "{email}", "{url}", "{slot"].iter().find(|mark| sample.text.contains(**mark));
            assert!(left.is_none(), "{}: {}", family.name, sample.text);
            assert!(names.iter().all(|name| !sample.text.contains(&format!("{{{name}}}"))), "{}", sample.text);
        }
    }
}

#[test]
fn poisoned_tools_written_as_json_parse() {
    let family = FAMILIES.iter().find(|family| family.name == "tool_description_poisoning").unwrap();
    let json: Vec<Sample> = samples(family).into_iter().filter(|sample| sample.text.starts_with('{')).collect();
    assert!(json.len() > 100);
    for sample in json {
        let parsed = serde_json::from_str::<serde_json::Value>(&sample.text);
        assert!(parsed.is_ok(), "{parsed:?}: {}", sample.text);
    }
}

#[test]
fn most_attacks_name_neither_models_nor_instructions() {
    let names = ["indirect_action", "indirect_exfiltration", "indirect_steering"];
    let attacks = FAMILIES.iter().filter(|family| names.contains(&family.name)).flat_map(samples);
    let marks: Vec<String> = attacks.map(|sample| sample.text[sample.spans[0].clone()].to_lowercase()).collect();
    let triggers =
        ["ignore", "disregard", "instruction", "prompt", "assistant", "system", "language model", " ai ", "agent"];
    let n_plain = marks.iter().filter(|mark| !triggers.iter().any(|trigger| mark.contains(trigger))).count();
    assert!(n_plain * 100 >= marks.len() * 55, "{n_plain} of {}", marks.len());
}

#[test]
fn every_goal_has_six_wordings() {
    for goal in [ACTION, EXFILTRATION, STEERING, UNSAFE].iter().flat_map(|bank| bank.goals) {
        assert!(distinct(goal.wordings.iter()) >= 6, "{}", goal.id);
    }
}
