//! The bytes of a text in blocks, each byte with its neighbours: read without a branch, so that the compiler makes vector
//! instructions of it, and what most bytes are costs next to nothing.

/// Bytes that are looked at together.
pub(super) const BLOCK_BYTES: usize = 64;

/// A block with the byte before it and the byte behind it.
pub(super) type Window = [u8; BLOCK_BYTES + 2];

/// The windows of a text's blocks; spaces stand where the text has no byte.
pub(super) fn windows(bytes: &[u8]) -> impl Iterator<Item = Window> {
    (0..bytes.len()).step_by(BLOCK_BYTES).map(|start| window(bytes, start))
}

fn window(bytes: &[u8], start: usize) -> Window {
    let inner = start.checked_sub(1).and_then(|before| bytes.get(before..)).and_then(<[u8]>::first_chunk);
    inner.copied().unwrap_or_else(|| {
        let mut padded = [b' '; BLOCK_BYTES + 2];
        let n_before = usize::from(start == 0);
        let rest = bytes.get((start + n_before).saturating_sub(1)..).unwrap_or_default();
        padded.iter_mut().skip(n_before).zip(rest).for_each(|(to, from)| *to = *from);
        padded
    })
}

/// Each byte of a window's block between its neighbours.
pub(super) fn triples(window: &Window) -> impl Iterator<Item = (u8, u8, u8)> {
    let [_, here @ ..] = window;
    let [_, after @ ..] = here;
    window.iter().zip(here).zip(after).map(|((before, here), after)| (*before, *here, *after))
}

/// The places of the bytes of which `is_at`, asked for a byte between its neighbours, says 1; it says 0 of the others, spaces
/// among them.
pub(super) fn places(bytes: &[u8], is_at: impl Fn(u8, u8, u8) -> u8) -> impl Iterator<Item = usize> {
    windows(bytes).enumerate().flat_map(move |(index, window)| {
        let mut marks = [0; BLOCK_BYTES];
        marks.iter_mut().zip(triples(&window)).for_each(|(mark, (before, here, after))| {
            *mark = is_at(before, here, after);
        });
        let mut bits = bits(&marks);
        std::iter::from_fn(move || {
            let place = (bits != 0).then(|| index * BLOCK_BYTES + bits.trailing_zeros() as usize);
            bits &= bits.wrapping_sub(1);
            place
        })
    })
}

/// Bytes of 0 or 1 as the bits of a number, the first as the lowest.
fn bits(marks: &[u8; BLOCK_BYTES]) -> u64 {
    // The factor moves the byte at place n from bit 8n to bit 56 + n, and no two bits to the same place.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = marks.as_chunks();
    let gathered = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    gathered.rev().fold(0, |bits, eight| bits << 8 | eight)
}

/// How many bytes at the start of a text are ASCII.
pub(super) fn ascii_len(bytes: &[u8]) -> usize {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks();
    let high_bits = words.iter().map(|word| u64::from_le_bytes(*word) & HIGH_BITS);
    match high_bits.enumerate().find(|(_, high)| *high != 0) {
        Some((index, high)) => 8 * index + high.trailing_zeros() as usize / 8,
        None => bytes.len() - rest.iter().skip_while(|byte| byte.is_ascii()).count(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_that_each_byte_is_asked_for(bytes in prop::collection::vec(prop::sample::select(b"ab \xFF".to_vec()), 0..300)) {
            let is_at = |before, here, after| u8::from(here == b'a' && (before == b' ' || after == b'b'));
            let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied().unwrap_or(b' ');
            let expected = (0..bytes.len()).filter(|&i| is_at(at(i.checked_sub(1)), bytes[i], at(Some(i + 1))) == 1);
            prop_assert_eq!(places(&bytes, is_at).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }

        #[test]
        fn ascii_is_measured(n_before in 0..70_usize, rest in "[é][ -~]{0,40}|") {
            let text = format!("{}{rest}", "-".repeat(n_before));
            prop_assert_eq!(ascii_len(text.as_bytes()), n_before);
        }
    }
}
