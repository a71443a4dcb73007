//! The offset map: ranges of any kind, in bounds or not, map into the original, and order is kept.

use portcullis::canonical::canonicalize;

/// The first two bytes of the input are a range, the rest is the text.
pub fn check(data: &[u8]) {
    let (&[start, len], text) = data.split_first_chunk::<2>().unwrap_or((&[0, 0], data));
    let original = String::from_utf8_lossy(text);
    let map = canonicalize(&original).visible.map;
    let range = usize::from(start)..usize::from(start) + usize::from(len);
    let place = map.to_original(range.clone());
    assert!(place.start <= place.end && place.end <= original.len(), "{range:?} maps to {place:?}");
    let wider = map.to_original(range.start..range.end + 1);
    assert!(wider.end >= place.end, "a longer range ends earlier");
    assert_eq!(map.to_original(range.start..range.start).len(), 0, "an empty range maps to a place");
}
