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
    pub(super) fn push(&mut self, canonical_len: usize, original: Range<usize>, verbatim: bool) {
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
        let start = self.runs.last().map_or(0, |run| run.canonical.end);
        self.runs.push(Run { canonical: start..start + canonical_len, original, verbatim });
    }

    /// The smallest range of the original that covers a range of canonical bytes. Where a character was made from
    /// several, all of them are covered. An empty or out-of-bounds range gives the empty range at the nearest place.
    pub fn to_original(&self, canonical: Range<usize>) -> Range<usize> {
        let start = self.run_at(canonical.start).map_or_else(
            || self.runs.last().map_or(0, |run| run.original.end),
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
            || self.runs.last().map_or(0, |run| run.original.end),
            |run| {
                if run.verbatim { run.original.start + (canonical.end - run.canonical.start) } else { run.original.end }
            },
        );
        start..end.max(start)
    }

    fn run_at(&self, offset: usize) -> Option<&Run> {
        let index = self.runs.partition_point(|run| run.canonical.end <= offset);
        self.runs.get(index)
    }

    /// This map followed by an earlier rule's: from this rule's canonical text to the earlier rule's original.
    #[must_use]
    pub(crate) fn after(&self, earlier: &Self) -> Self {
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
