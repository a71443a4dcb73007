//! What the rules undid, and where in the original: bounded in number, however long and hostile the text.

use std::ops::Range;

/// Places of one rule that are told apart in one text. Further ones are counted in the last.
const MAX_PLACES: usize = 16;

/// Places of one rule that are at most this many bytes apart are one place.
const NEAR_BYTES: usize = 16;

/// A rule of canonicalisation: a way to hide text from a classifier that reads it, and how it is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// HTML character references, decoded.
    Entities,
    /// Letters shown in reverse by a directional override, put in the order that is shown.
    Bidirectional,
    /// Bytes smuggled in tag characters or variation selectors, decoded into a hidden text.
    Smuggling,
    /// Characters that no reader sees, dropped.
    Invisible,
    /// Backspaces and deletes, applied.
    Deletion,
    /// Upside-down text, turned round.
    UpsideDown,
    /// Letters in circles, squares, parentheses or regional indicators, taken out.
    Enclosed,
    /// Compatibility forms (full-width, styled and mathematical letters, ligatures), folded.
    Compatibility,
    /// Combining marks stacked on letters that do not compose with them, dropped.
    Marks,
    /// Markup inside words, cut out.
    Splits,
    /// Letters of other scripts that pass for ASCII letters, replaced.
    Homoglyphs,
    /// Letters that stand apart, put together.
    Spacing,
    /// Digits and signs used for letters, replaced.
    Leet,
}

/// What a rule undid, and where in the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disguise {
    /// The rule that undid it.
    pub rule: Rule,
    /// The bytes of the original that it stood in.
    pub range: Range<usize>,
    /// How many times the rule was applied there.
    pub count: usize,
}

/// The places where one rule was applied.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Vec<(Range<usize>, usize)>);

impl Places {
    /// Adds `count` uses of the rule in `range`.
    pub(super) fn add(&mut self, range: Range<usize>, count: usize) {
        let is_near =
            |place: &Range<usize>| range.start <= place.end + NEAR_BYTES && place.start <= range.end + NEAR_BYTES;
        let is_full = self.0.len() >= MAX_PLACES;
        let near = self.0.iter().rposition(|(place, _)| is_near(place)).or(is_full.then_some(MAX_PLACES - 1));
        match near.and_then(|index| self.0.get_mut(index)) {
            Some((place, places)) => {
                *place = place.start.min(range.start)..place.end.max(range.end);
                *places += count;
            }
            None => self.0.push((range, count)),
        }
    }

    /// The places and how often the rule was applied in each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        self.0.iter().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_places_are_one_and_many_are_bounded() {
        let mut places = Places::default();
        places.add(0..2, 1);
        places.add(2 + NEAR_BYTES..20, 1);
        assert_eq!(places.iter().collect::<Vec<_>>(), [(0..20, 2)]);
        for n in 1..100 {
            places.add(n * 100..n * 100 + 1, 1);
        }
        assert_eq!(places.iter().count(), MAX_PLACES);
        assert_eq!(places.iter().map(|(_, count)| count).sum::<usize>(), 101);
        assert_eq!(places.iter().last(), Some((1500..9901, 85)));
    }
}
