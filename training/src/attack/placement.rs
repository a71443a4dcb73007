//! An attack on a labelled text: its disguises, put where the injected part stands, and the spans moved with them.

use std::ops::Range;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use super::Disguise;

/// A disguise, or one with another one over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attack {
    first: Disguise,
    second: Option<Disguise>,
}

impl From<Disguise> for Attack {
    fn from(first: Disguise) -> Self {
        Self { first, second: None }
    }
}

impl Attack {
    /// A random pair of the given disguises; None if no two of them can follow each other.
    pub fn pair(among: &[Disguise], rng: &mut SmallRng) -> Option<Self> {
        let pairs: Vec<Self> = among
            .iter()
            .flat_map(|&first| among.iter().map(move |&second| (first, second)))
            .filter(|(first, second)| second.may_follow(*first))
            .map(|(first, second)| Self { first, second: Some(second) })
            .collect();
        pairs.choose(rng).cloned()
    }

    /// The names of its disguises, in the order in which they are applied, joined by `+`.
    pub fn name(&self) -> String {
        let names: Vec<_> = self.disguises().map(Disguise::name).collect();
        names.join("+")
    }

    fn disguises(&self) -> impl Iterator<Item = Disguise> {
        std::iter::once(self.first).chain(self.second)
    }

    /// Disguises the spans (byte ranges of `text`), or all of the text if there are none. Returns the new text and where
    /// in it the disguised parts stand; spans that overlap become one. Without spans there are none afterwards.
    pub fn apply(&self, text: &str, spans: &[Range<usize>], rng: &mut SmallRng) -> (String, Vec<Range<usize>>) {
        if spans.is_empty() {
            return (self.disguise(text, rng), Vec::new());
        }
        let mut disguised = String::with_capacity(text.len());
        let mut moved = Vec::with_capacity(spans.len());
        let mut end_of_last = 0;
        for span in merged(spans) {
            disguised.push_str(&text[end_of_last..span.start]);
            let start = disguised.len();
            disguised.push_str(&self.disguise(&text[span.clone()], rng));
            moved.push(start..disguised.len());
            end_of_last = span.end;
        }
        disguised.push_str(&text[end_of_last..]);
        (disguised, moved)
    }

    fn disguise(&self, text: &str, rng: &mut SmallRng) -> String {
        self.disguises().fold(text.to_owned(), |text, disguise| disguise.apply(&text, rng))
    }
}

/// The spans in ascending order, those that overlap joined.
fn merged(spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut sorted = spans.to_vec();
    sorted.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(sorted.len());
    for span in sorted {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a text may have a single span")]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn check(attack: Attack, text: &str, spans: &[Range<usize>], expected: &str, expected_spans: &[Range<usize>]) {
        let (disguised, moved) = attack.apply(text, spans, &mut SmallRng::seed_from_u64(3));
        assert_eq!((disguised.as_str(), moved.as_slice()), (expected, expected_spans));
    }

    #[test]
    fn table() {
        let (rot13, percent) = (Attack::from(Disguise::Rot13), Attack::from(Disguise::Percent));
        let both = Attack { first: Disguise::Rot13, second: Some(Disguise::Percent) };
        check(rot13.clone(), "abc", &[], "nop", &[]);
        check(rot13.clone(), "é abc é", &[3..6], "é nop é", &[3..6]);
        check(percent.clone(), "ab ab", &[3..4, 0..1], "%61b %61b", &[0..3, 5..8]);
        check(percent, "abcd", &[1..3, 2..4], "a%62%63%64", &[1..10]);
        check(both, "see a", &[4..5], "see %6E", &[4..7]);
    }

    #[test]
    fn a_pair_is_of_the_given_disguises_and_can_follow_each_other() {
        let among = [Disguise::Base64, Disguise::Numbers, Disguise::UnicodeTags];
        for seed in 0..100 {
            let pair = Attack::pair(&among, &mut SmallRng::seed_from_u64(seed)).unwrap();
            let second = pair.second.unwrap();
            assert!(among.contains(&pair.first) && among.contains(&second) && second.may_follow(pair.first));
        }
        assert_eq!(Attack::pair(&among[..1], &mut SmallRng::seed_from_u64(0)), None);
    }
}
