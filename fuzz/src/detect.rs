//! Detectors: every detection is a place in the text, no kind has more of them than it may, a canary is never missed.

use portcullis::detect::{Kind, MAX_PER_KIND, detect};

/// The canary is what stands before the first zero byte.
pub fn check(data: &[u8]) {
    let input = String::from_utf8_lossy(data);
    let (canary, text) = input.split_once('\0').unwrap_or(("", &input));
    let detections = detect(text, &[canary]);
    for found in &detections {
        assert!(text.get(found.range.clone()).is_some_and(|place| !place.is_empty()), "{found:?}");
        let n_of_kind = detections.iter().filter(|other| other.kind == found.kind).count();
        assert!(n_of_kind <= MAX_PER_KIND, "{n_of_kind} of {:?}", found.kind);
    }
    let is_there = !canary.is_empty() && text.contains(canary);
    assert!(!is_there || detections.iter().any(|found| found.kind == Kind::Canary), "a canary was missed");
}
