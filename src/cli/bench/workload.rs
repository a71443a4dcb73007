//! The token ids that a measurement runs on: made up from a fixed seed, or read from a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context;
use serde::Deserialize;

use super::random::Random;

/// Sequences in the mix.
const MIX_SEQUENCES: usize = 512;
/// The mix's median length, in tokens.
const MIX_MEDIAN: f64 = 60.0;
/// The standard deviation of the logarithm of the mix's lengths: nine in ten are below 150 tokens, one in a hundred above
/// 300, as short prompts and their rarer long attachments are.
const MIX_SPREAD: f64 = 0.7;
/// The lengths that there are, in tokens.
const LENGTHS: RangeInclusive<usize> = 8..=512;
/// Tokens in sequences of one length, about: long enough to measure, short enough to wait for.
const FIXED_TOKENS: usize = 32_768;
/// Ids that stand for plain words in BERT's vocabulary. Which word it is makes no difference to the time.
const WORDS: RangeInclusive<u32> = 1_999..=29_999;
const SEED: u64 = 0x5EED_0F7E_57ED_B17E;

/// What sequences to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// Requests as they come: log-normal lengths.
    Mix,
    /// Sequences of one length.
    Fixed(usize),
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.strip_prefix("fixed:").and_then(|length| length.parse().ok());
        match (text, length) {
            ("mix", _) => Ok(Self::Mix),
            (_, Some(length)) if LENGTHS.contains(&length) => Ok(Self::Fixed(length)),
            _ => Err(format!(
                "the workload must be mix, or fixed:LEN with {} to {} tokens",
                LENGTHS.start(),
                LENGTHS.end()
            )),
        }
    }
}

impl Workload {
    /// The token ids of its sequences; the same ones each time.
    pub(super) fn sequences(self) -> Vec<Vec<u32>> {
        let mut random = Random::new(SEED);
        let lengths: Vec<usize> = match self {
            Self::Mix => (0..MIX_SEQUENCES).map(|_| mix_length(&mut random)).collect(),
            Self::Fixed(length) => vec![length; (FIXED_TOKENS / length).clamp(64, MIX_SEQUENCES)],
        };
        let word = |random: &mut Random| {
            let n_words = u64::from(WORDS.end() - WORDS.start() + 1);
            WORDS.start() + (random.next() % n_words) as u32
        };
        lengths.into_iter().map(|length| (0..length).map(|_| word(&mut random)).collect()).collect()
    }
}

/// A length of the mix, in tokens.
pub(super) fn mix_length(random: &mut Random) -> usize {
    let length = MIX_MEDIAN * (MIX_SPREAD * random.normal()).exp();
    (length.round() as usize).clamp(*LENGTHS.start(), *LENGTHS.end())
}

/// The sequences of a file of lines like `{"ids":[101,2023,102]}`.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Vec<u32>>> {
    #[derive(Deserialize)]
    struct Line {
        ids: Vec<u32>,
    }
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    BufReader::new(file)
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let place = || format!("{}, line {}", path.display(), index + 1);
            let line: Line = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
            Ok(line.ids)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_read() {
        assert_eq!("mix".parse(), Ok(Workload::Mix));
        assert_eq!("fixed:8".parse(), Ok(Workload::Fixed(8)));
        assert_eq!("fixed:512".parse(), Ok(Workload::Fixed(512)));
        for wrong in ["", "fixed", "fixed:", "fixed:7", "fixed:513", "mix:3"] {
            assert!(wrong.parse::<Workload>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_mix_is_what_it_is_said_to_be() {
        let sequences = Workload::Mix.sequences();
        assert_eq!(sequences, Workload::Mix.sequences());
        let mut lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        assert_eq!(lengths.len(), 512);
        assert!((54..=66).contains(&lengths[256]), "median {}", lengths[256]);
        assert!(lengths[0] >= 8 && lengths[511] <= 512);
        assert!(sequences.iter().flatten().all(|id| WORDS.contains(id)));
    }

    #[test]
    fn one_length_is_long_enough_to_measure() {
        for (length, expected) in [(8, 512), (128, 256), (512, 64)] {
            let sequences = Workload::Fixed(length).sequences();
            assert!(sequences.len() == expected && sequences.iter().all(|ids| ids.len() == length));
        }
    }

    #[test]
    fn files_of_ids_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"ids\":[101,7,102]}\n{\"ids\":[1]}\n").unwrap();
        assert_eq!(read(file.path()).unwrap(), [vec![101, 7, 102], vec![1]]);
        std::fs::write(file.path(), "{\"ids\":[101]}\n{\"ids\":\"\"}\n").unwrap();
        assert!(read(file.path()).is_err());
    }
}
