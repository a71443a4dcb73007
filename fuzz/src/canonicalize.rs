//! Canonical form: the canonical form of a canonical text is itself, and every view points into the original.

use portcullis::canonical::canonicalize;

use super::ranges;

/// Checks one input.
pub fn check(data: &[u8]) {
    let original = String::from_utf8_lossy(data);
    let canonical = canonicalize(&original);
    ranges::check(&canonical.visible, &original);
    for hidden in &canonical.hidden {
        ranges::check(&hidden.text, &original);
    }
    if canonical.is_settled {
        let again = canonicalize(&canonical.visible.text);
        assert_eq!(again.visible.text, canonical.visible.text, "canonical form is not stable");
    }
}
