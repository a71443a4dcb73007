//! The fuzz targets on the stable toolchain: over their corpus, and over random changes of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

use proptest::prelude::*;
use targets::{TARGETS, Target};

/// The inputs of a target's corpus, in the order of their names.
fn corpus((name, _): Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_holds() {
    for target in TARGETS {
        let inputs = corpus(target);
        assert!(inputs.len() >= 3, "the corpus of {} is missing", target.0);
        inputs.iter().for_each(|input| target.1(input));
    }
}

/// A stretch of one input, put in the place of a stretch of another: both given by shares of their lengths.
fn spliced(into: &[u8], from: &[u8], cuts: [prop::sample::Index; 4]) -> Vec<u8> {
    let stretch = |input: &[u8], a: prop::sample::Index, b: prop::sample::Index| {
        let (a, b) = (a.index(input.len() + 1), b.index(input.len() + 1));
        a.min(b)..a.max(b)
    };
    let mut result = into.to_vec();
    let taken = stretch(from, cuts[2], cuts[3]);
    result.splice(stretch(into, cuts[0], cuts[1]), from[taken].iter().copied());
    result
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(512), ..ProptestConfig::default() })]

    #[test]
    fn changed_inputs_hold(
        target in prop::sample::select(TARGETS.to_vec()),
        inputs in prop::array::uniform3(any::<prop::sample::Index>()),
        cuts in prop::array::uniform8(any::<prop::sample::Index>()),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let corpus = corpus(target);
        let [a, b, c] = inputs.map(|index| index.get(&corpus).as_slice());
        let mut input = spliced(a, b, [cuts[0], cuts[1], cuts[2], cuts[3]]);
        input = spliced(&input, c, [cuts[4], cuts[5], cuts[6], cuts[7]]);
        for (at, byte) in noise {
            if !input.is_empty() {
                let at = at.index(input.len());
                input[at] = byte;
            }
        }
        target.1(&input);
    }

    #[test]
    fn any_bytes_hold(target in prop::sample::select(TARGETS.to_vec()), input in prop::collection::vec(any::<u8>(), 0..300)) {
        target.1(&input);
    }
}
