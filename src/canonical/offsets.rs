//! The map from canonical bytes back to original bytes, as runs; composed when rules follow each other.

use std::ops::Range;

/// One stretch of canonical text and the stretch of original text that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    canonical: Range<usize>,
    original: Range<usize>,
    /// The bytes are the same, so that offsets inside the run correspond one to one.
    verbatim: bool,
}

/// Maps byte ranges of a canonical text to byte ranges of the text that it was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    runs: Vec<Run>,
}

impl OffsetMap {
    /// The map of a text of `len` bytes that was left as it is.
    pub fn identity(len: usize) -> Self {
        let mut map = Self::default();
        map.push(len, 0..len, true);
        map
    }

    /// Adds `canonical_len` bytes that stand for `original`. Runs come in ascending order of both texts.
    pub(crate) fn push(&mut self, canonical_len: usize, original: Range<usize>, verbatim: bool) {
        if canonical_len == 0 {
            return;
        }
        if let Some(last) = self.runs.last_mut()
            && last.verbatim
            && verbatim
            && last.original.end == original.start
        {
            last.canonical.end += canonical_len;
            last.original.end = original.end;
            return;
        }
        let start = self.canonical_end();
        self.runs.push(Run { canonical: start..start + canonical_len, original, verbatim });
    }

    /// Adds the runs of another map, whose text follows this one's and was made from a later part of the original.
    pub(crate) fn append(&mut self, later: &Self) {
        for run in &later.runs {
            self.push(run.canonical.len(), run.original.clone(), run.verbatim);
        }
    }

    /// The smallest range of the original that covers a range of canonical bytes. Where a character was made from
    /// several, all of them are covered. An empty or out-of-bounds range gives the empty range at the nearest place.
    pub fn to_original(&self, canonical: Range<usize>) -> Range<usize> {
        let start = self.run_at(canonical.start).map_or_else(
            || self.original_end(),
            |run| {
                if run.verbatim {
                    run.original.start + (canonical.start - run.canonical.start)
                } else {
                    run.original.start
                }
            },
        );
        if canonical.is_empty() {
            return start..start;
        }
        let end = self.run_at(canonical.end - 1).map_or_else(
            || self.original_end(),
            |run| {
                if run.verbatim { run.original.start + (canonical.end - run.canonical.start) } else { run.original.end }
            },
        );
        start..end.max(start)
    }

    /// The canonical bytes that stand before and behind a range of the original: where the first part ends and the second
    /// begins. The map must lead forward, as that of a visible text does.
    pub(crate) fn around(&self, original: Range<usize>) -> (usize, usize) {
        let place = |index: usize, offset: usize| {
            self.runs.get(index).map_or_else(
                || self.canonical_end(),
                |run| {
                    let inside = if run.verbatim { offset.saturating_sub(run.original.start) } else { 0 };
                    run.canonical.start + inside.min(run.canonical.len())
                },
            )
        };
        let first = self.runs.partition_point(|run| run.original.end <= original.start);
        let before = place(first, original.start);
        let last = self.runs.partition_point(|run| run.original.start < original.end);
        let behind = match last.checked_sub(1).and_then(|index| Some((index, self.runs.get(index)?))) {
            Some((index, run)) if run.verbatim && original.end < run.original.end => place(index, original.end),
            _ => place(last, original.end),
        };
        (before, behind.max(before))
    }

    fn canonical_end(&self) -> usize {
        self.runs.last().map_or(0, |run| run.canonical.end)
    }

    /// Where the last byte's original ends.
    pub(super) fn original_end(&self) -> usize {
        self.runs.last().map_or(0, |run| run.original.end)
    }

    fn run_at(&self, offset: usize) -> Option<&Run> {
        let index = self.runs.partition_point(|run| run.canonical.end <= offset);
        self.runs.get(index)
    }

    /// True for the map of a text that was left as it is. Whatever was made of that text leads into it already.
    fn is_identity(&self) -> bool {
        matches!(self.runs.as_slice(), [run] if run.verbatim && run.original.start == 0)
    }

    /// This map followed by an earlier rule's: from this rule's canonical text to the earlier rule's original.
    #[must_use]
    pub(crate) fn after(self, earlier: &Self) -> Self {
        if earlier.is_identity() {
            return self;
        }
        let mut composed = Self::default();
        for run in &self.runs {
            if !run.verbatim {
                composed.push(run.canonical.len(), earlier.to_original(run.original.clone()), false);
                continue;
            }
            let first = earlier.runs.partition_point(|inner| inner.canonical.end <= run.original.start);
            for inner in earlier.runs.iter().skip(first).take_while(|inner| inner.canonical.start < run.original.end) {
                let part = inner.canonical.start.max(run.original.start)..inner.canonical.end.min(run.original.end);
                composed.push(part.len(), earlier.to_original(part), inner.verbatim);
            }
        }
        composed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A map from a text to one of `original_len` bytes, of runs as rules make them: kept, replaced or dropped.
    fn map(runs: &[(u8, usize, usize)]) -> (OffsetMap, usize) {
        let mut map = OffsetMap::default();
        let mut start = 0;
        for &(kind, original_len, canonical_len) in runs {
            let range = start..start + original_len;
            start = range.end;
            match kind {
                0 => map.push(original_len, range, true),
                1 => map.push(canonical_len, range, false),
                _ => {}
            }
        }
        (map, start)
    }

    fn runs() -> impl Strategy<Value = Vec<(u8, usize, usize)>> {
        prop::collection::vec((0..3_u8, 1..6_usize, 1..6_usize), 1..12)
    }

    proptest! {
        #[test]
        fn a_composed_map_leads_where_its_parts_lead(earlier in runs(), later in runs()) {
            let ((earlier, _), (mut later, original_len)) = (map(&earlier), map(&later));
            // The later map must not lead out of the text that the earlier one made.
            let made_len = earlier.canonical_end();
            if original_len > made_len {
                later = OffsetMap::identity(made_len);
            }
            let composed = later.clone().after(&earlier);
            let len = later.canonical_end();
            prop_assert_eq!(composed.canonical_end(), len);
            for start in 0..len {
                for end in start + 1..=len {
                    let through_both = earlier.to_original(later.to_original(start..end));
                    prop_assert_eq!(composed.to_original(start..end), through_both, "{}..{}", start, end);
                }
            }
        }
    }

    #[test]
    fn what_stands_around_a_range_is_found() {
        // "ab", a replaced "cd", a dropped "ef", "gh".
        let (map, _) = map(&[(0, 2, 2), (1, 2, 3), (2, 2, 0), (0, 2, 2)]);
        for (original, expected) in [
            (0..0, (0, 0)),
            (0..1, (0, 1)),
            (1..2, (1, 2)),
            (1..3, (1, 5)),
            (2..4, (2, 5)),
            (3..5, (2, 5)),
            (4..6, (5, 5)),
            (4..7, (5, 6)),
            (7..8, (6, 7)),
            (8..8, (7, 7)),
            (9..12, (7, 7)),
        ] {
            assert_eq!(map.around(original.clone()), expected, "{original:?}");
        }
    }

    #[test]
    fn ranges_out_of_bounds_are_empty_at_the_end() {
        let map = OffsetMap::identity(4);
        assert_eq!(map.to_original(1..3), 1..3);
        assert_eq!(map.to_original(2..9), 2..4);
        assert_eq!(map.to_original(7..9), 4..4);
        assert_eq!(map.to_original(4..4), 4..4);
        assert_eq!(OffsetMap::default().to_original(0..1), 0..0);
    }
}
