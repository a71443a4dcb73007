//! What every family keeps, checked over many seeds. Only tests use it.

use std::collections::HashSet;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::{Family, Sample};

const N_SEEDS: u64 = 300;

/// Draws many samples of a family and checks that spans fit their text, that draws repeat, that nothing is left unfilled,
/// that at least `distinct` of the texts and 12 of the groups differ, and what the family promises of each sample.
pub fn check(family: &Family, distinct: f64, promised: impl Fn(&Sample) -> bool) {
    let name = family.name;
    let draw = |seed| (family.sample)(&mut SmallRng::seed_from_u64(seed));
    let samples: Vec<Sample> = (0..N_SEEDS).map(draw).collect();
    for (seed, sample) in (0..N_SEEDS).zip(&samples) {
        assert!(promised(sample), "{name}, seed {seed}: {sample:?}");
        assert!(sample.text.trim().len() > 3, "{name}, seed {seed}: too short");
        assert!(!sample.text.contains(['‹', '›']), "{name}, seed {seed}: {}", sample.text);
        let attack = sample.labels.iter().any(|(_, label)| *label == Some(true));
        assert_eq!(attack, !sample.spans.is_empty(), "{name}, seed {seed}: spans mark attacks and nothing else");
        for span in &sample.spans {
            assert!(sample.text.get(span.clone()).is_some_and(|marked| !marked.is_empty()), "{name}, seed {seed}");
        }
        assert_eq!(draw(seed).text, sample.text, "{name}, seed {seed}: not repeatable");
    }
    let texts: HashSet<&str> = samples.iter().map(|sample| sample.text.as_str()).collect();
    let groups: HashSet<&str> = samples.iter().map(|sample| sample.group.as_str()).collect();
    assert!(texts.len() as f64 >= distinct * N_SEEDS as f64, "{name}: {} distinct texts", texts.len());
    assert!(groups.len() >= 12, "{name}: {} groups", groups.len());
}
