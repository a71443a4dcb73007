//! How much decoding a request may cause. What it forbids is remembered, so that the answer can say so.

/// Decoded bytes that every request may have.
const FLOOR_BYTES: usize = 32 * 1024;
/// Decoded bytes for each byte that was sent: more than compression makes of prose, less than a bomb needs.
const BYTES_PER_BYTE: usize = 4;
/// Hidden and decoded texts of one request: each costs a window at least.
const MAX_VIEWS: usize = 4096;

/// The bytes and views that a request may still cause beside those that it plainly shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    bytes: usize,
    views: usize,
    is_exceeded: bool,
}

impl Budget {
    /// The budget of a request of this many bytes of text.
    pub fn for_request(n_bytes: usize) -> Self {
        Self::new(n_bytes.saturating_mul(BYTES_PER_BYTE).saturating_add(FLOOR_BYTES), MAX_VIEWS)
    }

    /// A budget of this many bytes and views.
    pub fn new(bytes: usize, views: usize) -> Self {
        Self { bytes, views, is_exceeded: false }
    }

    /// True if more was asked than there was.
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }

    /// Pays for a view of this many bytes, whole or not at all.
    pub fn take_view(&mut self, n_bytes: usize) -> bool {
        match (self.bytes.checked_sub(n_bytes), self.views.checked_sub(1)) {
            (Some(bytes), Some(views)) => {
                (self.bytes, self.views) = (bytes, views);
                true
            }
            _ => {
                self.is_exceeded = true;
                false
            }
        }
    }

    /// Bytes that are left.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Pays for bytes that were made, `is_all` if there were no more to make.
    pub(super) fn pay(&mut self, n_bytes: usize, is_all: bool) {
        self.bytes = self.bytes.saturating_sub(n_bytes);
        self.is_exceeded |= !is_all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_kept_to_the_byte_and_remembers() {
        let mut budget = Budget::new(10, 3);
        assert!(budget.take_view(10) && !budget.is_exceeded());
        assert!(budget.take_view(0) && !budget.is_exceeded());
        assert!(!budget.take_view(1) && budget.is_exceeded());

        let mut views = Budget::new(100, 1);
        assert!(views.take_view(1) && !views.take_view(1) && views.is_exceeded());
    }
}
