//! Splits what was kept into fit and calibration. What shares a group, an attack or nearly its whole text stays together,
//! so that the calibration measures what the fit has not seen.
//!
//! One document that carries many attacks is an exception: if it tied them together, and each of them its other documents,
//! all would be one group. Attacks come first, and a clean document goes with one of those that it carries.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::minhash::normalized;
use super::{Candidate, Side};
use crate::data::hash;

/// The side of each candidate; none if it was rejected. A group's side depends on the seed and its own key alone, so that
/// added texts move no others, unless they join two groups.
pub fn sides(
    candidates: &[Candidate],
    links: &[(usize, usize)],
    calibration_share: f64,
    seed: u64,
) -> Vec<Option<Side>> {
    let mut groups = Groups::new(candidates.len());
    let mut first_of = HashMap::new();
    let keys: Vec<String> = candidates.iter().map(key).collect();
    let is_kept = |index: usize| candidates[index].rejected.is_none();
    for (index, key) in keys.iter().enumerate().filter(|(index, _)| is_kept(*index)) {
        groups.join(*first_of.entry(key).or_insert(index), index);
    }
    let carries_attack: Vec<bool> = candidates.iter().map(Candidate::carries_attack).collect();
    let mut is_tied = carries_attack.clone();
    for &(a, b) in links.iter().filter(|(a, b)| is_kept(*a) && is_kept(*b)) {
        if !carries_attack[a] && !carries_attack[b] {
            groups.join(a, b);
        } else if !is_tied[a] || !is_tied[b] {
            groups.join(a, b);
            (is_tied[a], is_tied[b]) = (true, true);
        }
    }
    let mut least_key: BTreeMap<usize, &String> = BTreeMap::new();
    for (index, key) in keys.iter().enumerate().filter(|(index, _)| is_kept(*index)) {
        let least = least_key.entry(groups.root(index)).or_insert(key);
        *least = (*least).min(key);
    }
    let draw = |key: &String| SmallRng::seed_from_u64(hash((seed, "split", key))).random::<f64>();
    (0..candidates.len())
        .map(|index| {
            let key = is_kept(index).then(|| least_key[&groups.root(index)])?;
            Some(if draw(key) < calibration_share { Side::Calibration } else { Side::Fit })
        })
        .collect()
}

/// What a row stays together with: its group, or else the words of its attack, or of all of it.
fn key(candidate: &Candidate) -> String {
    match &candidate.row.group {
        Some(group) => format!("group {group}"),
        None => format!("words {}", normalized(&candidate.core())),
    }
}

/// Disjoint sets of indices.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn new(len: usize) -> Self {
        Self { parents: (0..len).collect() }
    }

    fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::tests::candidate;
    use super::*;

    fn numbered(len: usize) -> Vec<Candidate> {
        (0..len).map(|n| candidate(&n.to_string(), &format!("text {n}"))).collect()
    }

    #[test]
    fn the_share_is_kept_and_the_same_seed_splits_alike() {
        let candidates = numbered(4000);
        let first = sides(&candidates, &[], 0.12, 1);
        let held_out = first.iter().filter(|side| **side == Some(Side::Calibration)).count();
        assert!((400..560).contains(&held_out), "{held_out}");
        assert_eq!(first, sides(&candidates, &[], 0.12, 1));
        assert_ne!(first, sides(&candidates, &[], 0.12, 2));
        assert_eq!(first[..1000], sides(&candidates[..1000], &[], 0.12, 1), "added texts move no others");
    }

    #[test]
    fn groups_attacks_and_links_stay_together() {
        let mut candidates = numbered(400);
        for (index, candidate) in candidates.iter_mut().enumerate() {
            match index % 4 {
                0 => candidate.row.group = Some(format!("g{}", index / 8)),
                1 => {
                    candidate.row.text = format!("{index} carries   Attack {}", index / 8);
                    let start = candidate.row.text.find("Attack").unwrap();
                    candidate.row.spans = vec![(start, candidate.row.text.len())];
                }
                _ => {}
            }
        }
        let links: Vec<_> = (2..396).step_by(8).map(|index| (index, index + 4)).collect();
        let sides = sides(&candidates, &links, 0.5, 3);
        for start in (0..392).step_by(8) {
            assert!((0..3).all(|offset| sides[start + offset] == sides[start + offset + 4]), "at {start}");
        }
        assert!(sides.contains(&Some(Side::Fit)) && sides.contains(&Some(Side::Calibration)));
    }

    #[test]
    fn a_document_goes_with_one_of_its_attacks_and_ties_none_together() {
        let mut candidates = numbered(201);
        for (index, candidate) in candidates.iter_mut().enumerate().skip(1) {
            candidate.row.text = format!("a document with attack {index}");
            candidate.row.spans = vec![(16, candidate.row.text.len())];
        }
        let links: Vec<_> = (0..200).flat_map(|a| [(0, a + 1), (a, a + 1)]).collect();
        let sides = sides(&candidates, &links, 0.5, 1);
        let held_out = sides.iter().filter(|side| **side == Some(Side::Calibration)).count();
        assert!((70..130).contains(&held_out), "{held_out}");
        assert_eq!(sides[0], sides[1]);
    }

    #[test]
    fn what_was_rejected_has_no_side() {
        let mut candidates = numbered(3);
        candidates[1].rejected = Some(Reason::TooShort);
        assert_eq!(sides(&candidates, &[(0, 1), (1, 2)], 0.0, 1), [Some(Side::Fit), None, Some(Side::Fit)]);
    }
}
