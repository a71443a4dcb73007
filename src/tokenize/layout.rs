//! Windows whose borders are set by what stands there, not by how much stands before: text that did not change is in
//! windows that did not change, whatever was inserted or cut elsewhere, so that their scores are known. Pure.

use std::ops::Range;

use super::{Token, WindowLayout};

/// Tokens in front of a place that decide whether it is a border.
const CONTEXT: usize = 4;
/// One place of this many is a border where there is a choice. More borders make fuller windows (fewer to score), fewer
/// let windows fall into step again sooner after an edit.
const ONE_IN: u64 = 16;

/// The windows of a text, as ranges of its tokens: one if it fits. Else each begins `overlap` tokens before its own part and
/// ends where the next one's part begins, so that every token is in one and no window is longer than the layout's. A part
/// ends at the last border that keeps the window full by half, and where there is none, when the window is full.
pub(super) fn windows(tokens: &[Token], layout: WindowLayout) -> Vec<Range<usize>> {
    let content = layout.content().max(1);
    if tokens.len() <= content {
        return std::iter::once(0..tokens.len()).collect();
    }
    let overlap = layout.overlap.min(content - 1);
    let longest = content - overlap;
    let mut windows = Vec::with_capacity(tokens.len() / longest + 1);
    let mut start = 0;
    while tokens.len() - start > longest {
        let limit = start + longest;
        let candidates = (start + longest / 2 + 1..=limit).rev();
        let end = candidates.into_iter().find(|&place| is_border(tokens, place)).unwrap_or(limit);
        windows.push(start.saturating_sub(overlap)..end);
        start = end;
    }
    windows.push(start.saturating_sub(overlap)..tokens.len());
    windows
}

/// True if a part may end in front of the token at this place: a hash of the tokens before it says so (FNV-1a, 64 bits).
fn is_border(tokens: &[Token], place: usize) -> bool {
    let context = tokens.get(place.saturating_sub(CONTEXT)..place).unwrap_or_default();
    let hash = context
        .iter()
        .flat_map(|token| token.id.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The high bits depend on every byte.
    (hash >> 32) % ONE_IN == 0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const LAYOUT: WindowLayout = WindowLayout { tokens: 128, overlap: 32 };

    /// Ids that look random and are the same in every run.
    fn random_ids(seed: u32, n_tokens: usize) -> Vec<u32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1000 + (state >> 8) % 3000
        };
        (0..n_tokens).map(|_| next()).collect()
    }

    fn windows_of(ids: &[u32], layout: WindowLayout) -> Vec<Range<usize>> {
        let tokens: Vec<_> = ids.iter().map(|&id| Token { id, range: 0..0 }).collect();
        windows(&tokens, layout)
    }

    /// How many windows of the later text were windows of the earlier one, and how many there are.
    fn hits(before: &[u32], after: &[u32]) -> (usize, usize) {
        let windows = |ids: &[u32]| -> Vec<Vec<u32>> {
            windows_of(ids, LAYOUT).into_iter().map(|range| ids[range].to_vec()).collect()
        };
        let known: HashSet<_> = windows(before).into_iter().collect();
        let after = windows(after);
        (after.iter().filter(|window| known.contains(*window)).count(), after.len())
    }

    #[test]
    fn a_grown_text_hits_but_for_its_end() {
        for n_tokens in [0, 1, 93, 94, 95, 500, 20_000] {
            for n_more in [1, 50, 200] {
                let text = random_ids(1, n_tokens + n_more);
                let (n_hits, n_windows) = hits(&text[..n_tokens], &text);
                let n_new = n_more.div_ceil(47) + 3;
                assert!(n_windows - n_hits <= n_new, "{n_tokens} and {n_more}: {n_hits} of {n_windows}");
            }
        }
    }

    /// Measured with these tokens: after an insertion, a replacement or a cut in the middle of 20,000 tokens all but 1 to 20
    /// of 250 windows hit, all but 5 on average; windows at a fixed stride would hit in front of the edit only.
    #[test]
    fn an_edited_text_hits_but_around_the_edit() {
        let text = random_ids(2, 20_000);
        let mut misses = Vec::new();
        for seed in 0..60 {
            let at = 2_000 + 150 * seed as usize;
            for (n_cut, n_new) in [(0, 7), (5, 5), (30, 0)] {
                let edited = [&text[..at], &random_ids(100 + seed, n_new), &text[at + n_cut..]].concat();
                let (n_hits, n_windows) = hits(&text, &edited);
                misses.push(n_windows - n_hits);
            }
        }
        let mean = misses.iter().sum::<usize>() as f64 / misses.len() as f64;
        assert!(misses.iter().all(|n_misses| *n_misses <= 40) && mean < 8.0, "{mean} {misses:?}");
    }

    /// The price of borders by content: a sixth more windows than at a fixed stride.
    #[test]
    fn windows_are_nearly_full() {
        let text = random_ids(3, 100_000);
        let share = windows_of(&text, LAYOUT).len() as f64 / (text.len() as f64 / 94.0);
        assert!((1.05..1.25).contains(&share), "{share}");
    }

    proptest! {
        #[test]
        fn every_token_is_read_and_the_overlap_is_kept(
            ids in prop::collection::vec(0u32..5, 0..600),
            tokens in 3usize..130,
            overlap in 0usize..64,
        ) {
            let overlap = overlap.min((tokens - 2) / 2);
            let windows = windows_of(&ids, WindowLayout { tokens, overlap });
            prop_assert_eq!(windows.first().map(|window| window.start), Some(0));
            prop_assert_eq!(windows.last().map(|window| window.end), Some(ids.len()));
            for (window, next) in windows.iter().zip(windows.iter().skip(1)) {
                prop_assert_eq!(next.start, window.end.saturating_sub(overlap));
                prop_assert!(next.end > window.end && next.start >= window.start);
            }
            prop_assert!(windows.iter().all(|window| window.len() <= tokens - 2));
            prop_assert!(ids.is_empty() || windows.iter().all(|window| !window.is_empty()));
        }
    }
}
