//! How the windows of a batch are shared out. Pure: lengths go in, a plan comes out.
//!
//! Much work goes to the threads in packs: some windows, end to end, that one thread takes through all layers, so that
//! nobody waits for anybody. Little work is one pack, cut by tokens into as many blocks as there are threads, which meet once
//! a layer: there the keys and values of a window are exchanged.

/// Tokens in a pack, about: enough that a pass over the weights is well used, few enough that the states stay in the cache.
const PACK_TOKENS: usize = 128;
/// A thread's tokens up to which a batch is cut by tokens.
const LITTLE_TOKENS: usize = 256;
/// The smallest block that is worth a thread.
const MIN_BLOCK_ROWS: usize = 4;

/// Some successive tokens of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The window's number in the batch.
    pub(super) window: usize,
    /// The number of the first token in its window.
    pub(super) first: usize,
    /// How many tokens.
    pub(super) rows: usize,
}

/// What one thread does between two meetings.
pub(super) type BlockPlan = Vec<Segment>;

/// Blocks of whole windows, which need nothing from outside.
pub(super) type PackPlan = Vec<BlockPlan>;

/// The packs of a batch of windows of the given lengths: one that is cut into blocks, or many of one block each.
pub(super) fn packs(lengths: &[usize], n_threads: usize) -> Vec<PackPlan> {
    let total: usize = lengths.iter().sum();
    if n_threads > 1 && total <= LITTLE_TOKENS * n_threads {
        return vec![blocks(lengths, n_threads)];
    }
    let n_rounds = total.div_ceil(PACK_TOKENS * n_threads.max(1)).max(1);
    share_out(lengths, n_rounds * n_threads.max(1)).into_iter().map(|block| vec![block]).collect()
}

/// Cuts all windows, end to end, into blocks of about the same number of tokens.
pub(super) fn blocks(lengths: &[usize], n_blocks: usize) -> PackPlan {
    let total: usize = lengths.iter().sum();
    let block_rows = total.div_ceil(n_blocks).max(MIN_BLOCK_ROWS);
    let mut blocks = PackPlan::new();
    let (mut block, mut room) = (BlockPlan::new(), block_rows);
    for (window, &length) in lengths.iter().enumerate() {
        let mut first = 0;
        while first < length {
            let rows = room.min(length - first);
            block.push(Segment { window, first, rows });
            (first, room) = (first + rows, room - rows);
            if room == 0 {
                blocks.push(std::mem::take(&mut block));
                room = block_rows;
            }
        }
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// Whole windows, the longest first, each to the lightest pack (Graham 1969). Packs that stay empty are left out; the
/// heaviest come first, so that the last to be taken are light.
fn share_out(lengths: &[usize], n_packs: usize) -> Vec<BlockPlan> {
    let mut order: Vec<(usize, usize)> = lengths.iter().copied().enumerate().collect();
    order.sort_by_key(|&(_, length)| std::cmp::Reverse(length));
    let mut packs = vec![(0, BlockPlan::new()); n_packs];
    for (window, rows) in order {
        if let Some((tokens, pack)) = packs.iter_mut().min_by_key(|(tokens, _)| *tokens) {
            *tokens += rows;
            pack.push(Segment { window, first: 0, rows });
        }
    }
    packs.retain(|(tokens, _)| *tokens > 0);
    packs.sort_by_key(|(tokens, _)| std::cmp::Reverse(*tokens));
    packs.into_iter().map(|(_, pack)| pack).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_token_is_planned_once(lengths in prop::collection::vec(1usize..600, 1..80), n_threads in 1usize..9) {
            let packs = packs(&lengths, n_threads);
            let mut seen: Vec<Vec<bool>> = lengths.iter().map(|&length| vec![false; length]).collect();
            for (pack, segment) in packs.iter().enumerate().flat_map(|(pack, blocks)| blocks.iter().flatten().map(move |s| (pack, s))) {
                prop_assert!(segment.rows > 0);
                for seen in &mut seen[segment.window][segment.first..segment.first + segment.rows] {
                    prop_assert!(!std::mem::replace(seen, true));
                }
                let owners = packs.iter().enumerate().filter(|(_, blocks)| blocks.iter().flatten().any(|s| s.window == segment.window));
                prop_assert!(owners.map(|(owner, _)| owner).eq([pack]), "a window belongs to one pack");
            }
            prop_assert!(seen.iter().flatten().all(|&seen| seen));
        }
    }

    #[test]
    fn little_work_is_cut_by_tokens_and_much_by_windows() {
        let rows = |block: &BlockPlan| block.iter().map(|segment| segment.rows).sum::<usize>();
        let cut = packs(&[101], 2);
        assert_eq!(cut.iter().flatten().map(rows).collect::<Vec<_>>(), [51, 50]);
        assert_eq!(packs(&[101], 1).len(), 1);
        let shared = packs(&[60; 64], 2);
        assert!(shared.len().is_multiple_of(2) && shared.iter().all(|pack| pack.len() == 1));
    }
}
