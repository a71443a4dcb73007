//! What was read of a request, and why not everything.

use super::ViewKind;
use super::read::{ReadSegment, ReadView, Reading};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes that were sent.
    pub bytes_total: usize,
    /// Bytes that the model read.
    pub bytes_scanned: usize,
    /// Tokens of text over all views, each counted once.
    pub tokens: usize,
    /// Tokens that the vocabulary does not know.
    pub unknown_tokens: usize,
    /// Windows scored.
    pub windows: usize,
    /// Texts that the model read.
    pub views: ViewCounts,
    /// Why not everything was read; empty if everything was.
    pub incomplete: Vec<IncompleteReason>,
}

impl Coverage {
    /// True if everything was read.
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
    }
}

/// Texts that the model read, by how they stand in the segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewCounts {
    /// As people see them; one a segment.
    pub visible: usize,
    /// As people do not see them.
    pub hidden: usize,
    /// Encoded.
    pub decoded: usize,
}

/// Why not everything was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncompleteReason {
    /// Bytes were no valid text.
    InvalidUtf8,
    /// More was encoded or hidden than the request's budget pays for.
    DecodeBudget,
    /// Something is disguised, nested or encoded deeper than is undone.
    DecodeDepth,
}

impl IncompleteReason {
    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::DecodeBudget => "decode_budget",
            Self::DecodeDepth => "decode_depth",
        }
    }
}

/// What was read of a request.
pub(super) fn cover(reading: &Reading) -> Coverage {
    let sum = |count: fn(&ReadSegment) -> usize| reading.segments.iter().map(count).sum::<usize>();
    let (bytes_total, n_invalid) = (sum(|segment| segment.n_bytes), sum(|segment| segment.n_invalid_bytes));
    let reasons = [
        (n_invalid > 0, IncompleteReason::InvalidUtf8),
        (reading.is_over_budget, IncompleteReason::DecodeBudget),
        (reading.segments.iter().any(|segment| segment.is_too_deep), IncompleteReason::DecodeDepth),
    ];
    Coverage {
        bytes_total,
        bytes_scanned: bytes_total - n_invalid,
        tokens: sum(|segment| segment.views.iter().map(ReadView::n_own_tokens).sum()),
        unknown_tokens: sum(|segment| segment.n_unknown),
        windows: sum(|segment| segment.windows.len()),
        views: count_views(reading),
        incomplete: reasons.into_iter().filter_map(|(is_so, reason)| is_so.then_some(reason)).collect(),
    }
}

fn count_views(reading: &Reading) -> ViewCounts {
    let mut counts = ViewCounts::default();
    for view in reading.segments.iter().flat_map(|segment| &segment.views) {
        match view.view.kind {
            ViewKind::Visible => counts.visible += 1,
            ViewKind::Hidden(_) => counts.hidden += 1,
            ViewKind::Decoded(_) => counts.decoded += 1,
        }
    }
    counts
}
