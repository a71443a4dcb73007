//! Contents without the stretches that carry an attack: cut out, or masked. All other bytes stay as they were sent.
//!
//! Pure. JSON stays JSON: only the inside of its strings is touched.

use std::ops::Range;

use crate::structure::bytes::ByteEncoding;

/// What stands in the place of what was masked.
pub const MASK: &str = "[removed]";

/// What becomes of a stretch that carries an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitize {
    /// It is left out.
    Cut,
    /// [`MASK`] stands in its place.
    Mask,
}

/// The bytes without some ranges, which may overlap and come in any order; what lies outside the bytes is ignored.
pub fn sanitize(bytes: &[u8], mut ranges: Vec<Range<usize>>, how: Sanitize, encoding: ByteEncoding) -> Vec<u8> {
    let replacement = match how {
        Sanitize::Cut => Vec::new(),
        Sanitize::Mask => encoding.encode(MASK),
    };
    ranges.sort_by_key(|range| range.start);
    let mut kept = Vec::with_capacity(bytes.len());
    let mut removed: Option<Range<usize>> = None;
    let within = ranges.into_iter().map(|range| range.start..range.end.min(bytes.len()));
    for range in within.filter(|range| !range.is_empty()) {
        match &mut removed {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => {
                let kept_from = removed.map_or(0, |last| last.end);
                kept.extend_from_slice(bytes.get(kept_from..range.start).unwrap_or_default());
                kept.extend_from_slice(&replacement);
                removed = Some(range);
            }
        }
    }
    kept.extend_from_slice(bytes.get(removed.map_or(0, |last| last.end)..).unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<const N: usize>(text: &str, ranges: [(usize, usize); N], cut: &str, masked: &str) {
        let ranges = ranges.map(|(start, end)| start..end);
        for (how, expected) in [(Sanitize::Cut, cut), (Sanitize::Mask, masked)] {
            let done = sanitize(text.as_bytes(), ranges.to_vec(), how, ByteEncoding::Utf8);
            assert_eq!(String::from_utf8(done).unwrap(), expected, "{text} {ranges:?} {how:?}");
        }
    }

    #[test]
    fn table() {
        check("abcdef", [], "abcdef", "abcdef");
        check("abcdef", [(2, 4)], "abef", "ab[removed]ef");
        check("abcdef", [(0, 6)], "", "[removed]");
        check("abcdef", [(4, 6), (0, 2)], "cd", "[removed]cd[removed]");
        check("abcdef", [(0, 3), (1, 2), (2, 4)], "ef", "[removed]ef");
        check("abcdef", [(1, 2), (2, 3)], "adef", "a[removed]def");
        check("abcdef", [(3, 3)], "abcdef", "abcdef");
    }

    #[test]
    fn masks_are_in_the_encoding_of_the_bytes() {
        let bytes: Vec<u8> = "a b c".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let done =
            sanitize(&bytes, Vec::from([(4, 6)].map(|(start, end)| start..end)), Sanitize::Mask, ByteEncoding::Utf16Le);
        let units: Vec<u16> = done.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(String::from_utf16(&units).unwrap(), "a [removed] c");
    }

    proptest! {
        #[test]
        fn what_is_not_removed_stays(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            ranges in prop::collection::vec((0usize..60, 0usize..20), 0..6),
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(start, len)| start..start + len).collect();
            let kept: Vec<u8> = bytes
                .iter()
                .enumerate()
                .filter(|(index, _)| !ranges.iter().any(|range| range.contains(index)))
                .map(|(_, byte)| *byte)
                .collect();
            prop_assert_eq!(sanitize(&bytes, ranges, Sanitize::Cut, ByteEncoding::Utf8), kept);
        }
    }
}
