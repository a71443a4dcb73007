//! Attention of one head over one sequence (Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>), in f32, with a softmax
//! that runs over blocks of keys (Milakov and Gimelshein 2018, <https://arxiv.org/abs/1805.02867>): no matrix of all scores
//! is ever held, however long the sequence.

use std::ops::Range;

use crate::Isa;
use crate::exp::exp_of_non_positive;
use crate::gemm::f32::{Panels, Start, multiply};
use crate::gemm::{Line, PANEL, Rows, RowsMut, n_panels, padded};
use crate::reduce::max;

/// Queries and keys whose scores are held at once: 24 KB, so that the first-level cache holds them and a panel.
const QUERIES: usize = 24;
const KEYS: usize = 256;

/// Heads and their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// How many.
    pub count: usize,
    /// Elements of a query, key or value.
    pub size: usize,
}

/// Keys and values of some sequences, or parts of them, laid out for the products of attention.
#[derive(Clone, Debug, Default)]
pub struct KeyValues {
    /// By part and head: keys as columns, `size` lines a panel.
    keys: Vec<Line>,
    /// By part and head: values as rows, a line each and panel.
    values: Vec<Line>,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    keys: usize,
    values: usize,
    count: usize,
}

/// Keys and values of one head of one part.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    keys: Panels<'a>,
    values: Panels<'a>,
    count: usize,
}

impl KeyValues {
    /// Forgets what is held and takes parts of the given numbers of rows, which lie end to end in `rows`. A row has its keys
    /// first, head by head, and its values from `values_at` on.
    ///
    /// # Panics
    /// If `rows` is too short for that.
    pub fn store(
        &mut self,
        isa: Isa,
        heads: Heads,
        counts: impl IntoIterator<Item = usize>,
        rows: &[f32],
        stride: usize,
        values_at: usize,
    ) {
        self.parts.clear();
        let (mut keys, mut values) = (0, 0);
        for count in counts {
            self.parts.push(Part { keys, values, count });
            keys += heads.count * n_panels(count) * heads.size;
            values += heads.count * n_panels(heads.size) * count;
        }
        self.keys.resize(keys, Line::default());
        self.values.resize(values, Line::default());
        let mut first = 0;
        for part in 0..self.parts.len() {
            let Part { keys, values, count } = self.parts[part];
            let rows = &rows[first * stride..];
            isa.run(
                #[inline(always)]
                || {
                    let n_keys = n_panels(count) * heads.size;
                    for (head, lines) in self.keys[keys..].chunks_exact_mut(n_keys.max(1)).take(heads.count).enumerate()
                    {
                        transpose(&rows[head * heads.size..], stride, count, heads.size, lines);
                    }
                    let n_values = n_panels(heads.size) * count;
                    let lines = self.values[values..].chunks_exact_mut(n_values.max(1)).take(heads.count);
                    for (head, lines) in lines.enumerate() {
                        copy(&rows[values_at + head * heads.size..], stride, count, heads.size, lines);
                    }
                },
            );
            first += count;
        }
    }

    /// One head of one part.
    ///
    /// # Panics
    /// If there is no such part or head.
    pub fn piece(&self, heads: Heads, part: usize, head: usize) -> Piece<'_> {
        let Part { keys, values, count } = self.parts[part];
        let (n_keys, n_values) = (n_panels(count) * heads.size, n_panels(heads.size) * count);
        Piece {
            keys: Panels::new(&self.keys[keys + head * n_keys..][..n_keys], heads.size),
            values: Panels::new(&self.values[values + head * n_values..][..n_values], count),
            count,
        }
    }
}

/// Rows of `size` elements become columns: `size` lines a panel of rows. What stands behind the last row is 0.
#[inline(always)]
fn transpose(rows: &[f32], stride: usize, count: usize, size: usize, lines: &mut [Line]) {
    for (panel, lines) in lines.chunks_exact_mut(size).enumerate() {
        let first = panel * PANEL;
        let n = PANEL.min(count - first);
        if n < PANEL {
            lines.fill(Line::default());
        }
        for (column, row) in rows[first * stride..].chunks(stride).take(n).enumerate() {
            for (line, &element) in lines.iter_mut().zip(row) {
                line.0[column] = element;
            }
        }
    }
}

/// Rows of `size` elements become lines: `count` lines a panel of columns. What stands behind the last column is 0.
#[inline(always)]
fn copy(rows: &[f32], stride: usize, count: usize, size: usize, lines: &mut [Line]) {
    for (panel, lines) in lines.chunks_exact_mut(count).enumerate() {
        let first = panel * PANEL;
        let n = PANEL.min(size - first);
        for (line, row) in lines.iter_mut().zip(rows[first..].chunks(stride)) {
            match row.first_chunk::<PANEL>() {
                Some(row) if n == PANEL => line.0 = *row,
                _ => {
                    line.0 = [0.0; PANEL];
                    line.0[..n].copy_from_slice(&row[..n]);
                }
            }
        }
    }
}

/// Room for the scores and sums of a few queries.
#[derive(Clone, Debug)]
pub struct Scratch {
    scores: Vec<f32>,
    mixed: Vec<f32>,
    largest: [f32; QUERIES],
    total: [f32; QUERIES],
}

impl Scratch {
    /// Room for heads of this size.
    pub fn new(heads: Heads) -> Self {
        Self {
            scores: vec![0.0; QUERIES * KEYS],
            mixed: vec![0.0; QUERIES * padded(heads.size)],
            largest: [0.0; QUERIES],
            total: [0.0; QUERIES],
        }
    }
}

/// Each query's softmax-weighted mean of the values, to the row of `out` that has its number, `heads.size` elements. Queries
/// are scaled already. `pieces` are the parts of one sequence; with no key in them the result is 0.
///
/// # Panics
/// If a query or `out` is too short, or `scratch` was made for other heads.
pub fn attend<'a>(
    isa: Isa,
    heads: Heads,
    queries: Rows<'_, f32>,
    pieces: impl Iterator<Item = Piece<'a>> + Clone,
    scratch: &mut Scratch,
    out: RowsMut<'_>,
) {
    let width = padded(heads.size);
    for first in (0..queries.count()).step_by(QUERIES) {
        let count = QUERIES.min(queries.count() - first);
        let queries = queries.range(first..first + count);
        scratch.mixed.fill(0.0);
        scratch.largest.fill(f32::NEG_INFINITY);
        scratch.total.fill(0.0);
        for piece in pieces.clone() {
            for start in (0..piece.count).step_by(KEYS) {
                let range = start..piece.count.min(start + KEYS);
                add_keys(isa, queries, piece, range, scratch, width);
            }
        }
        for (row, total) in scratch.total.iter().take(count).enumerate() {
            let scale = if *total > 0.0 { 1.0 / total } else { 0.0 };
            let mixed = &scratch.mixed[row * width..][..heads.size];
            let out = &mut out.data[(first + row) * out.stride..][..heads.size];
            for (out, mixed) in out.iter_mut().zip(mixed) {
                *out = mixed * scale;
            }
        }
    }
}

/// Adds some keys of a piece, from a whole panel on, to the running softmax.
fn add_keys(
    isa: Isa,
    queries: Rows<'_, f32>,
    piece: Piece<'_>,
    keys: Range<usize>,
    scratch: &mut Scratch,
    width: usize,
) {
    let n_keys = keys.len();
    let panels = piece.keys.panels(keys.start / PANEL..n_panels(keys.end));
    multiply(isa, queries, panels, Start::Zero, RowsMut::new(&mut scratch.scores, KEYS));
    isa.run(
        #[inline(always)]
        || {
            for row in 0..queries.count() {
                let scores = &mut scratch.scores[row * KEYS..][..n_keys];
                let earlier = scratch.largest[row];
                let largest = max(scores).max(earlier);
                let kept = exp_of_non_positive(earlier - largest);
                scratch.largest[row] = largest;
                scratch.total[row] = scratch.total[row] * kept + exponentials(scores, largest);
                if kept < 1.0 && scratch.total[row] > 0.0 {
                    for mixed in &mut scratch.mixed[row * width..][..width] {
                        *mixed *= kept;
                    }
                }
            }
        },
    );
    let scores = Rows::new(&scratch.scores, KEYS, queries.count());
    multiply(isa, scores, piece.values.rows(keys), Start::Output, RowsMut::new(&mut scratch.mixed, width));
}

/// e^(score - largest) in place of each score, and their sum.
#[inline(always)]
fn exponentials(scores: &mut [f32], largest: f32) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = scores.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (score, sum) in chunk.iter_mut().zip(&mut sums) {
            *score = exp_of_non_positive(*score - largest);
            *sum += *score;
        }
    }
    for (score, sum) in rest.iter_mut().zip(&mut sums) {
        *score = exp_of_non_positive(*score - largest);
        *sum += *score;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(n: usize, seed: u32, scale: f32) -> Vec<f32> {
        (0..n).map(|i| ((i as f32 + 0.5) * (1.7 + seed as f32 * 0.01)).sin() * scale).collect()
    }

    /// One head's softmax-weighted mean of values, in f64.
    fn exact(query: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> Vec<f64> {
        let dot = |key: &&[f32]| query.iter().zip(*key).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum::<f64>();
        let scores: Vec<f64> = keys.iter().map(dot).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
        let weighted = |element: usize| {
            let terms = scores.iter().zip(values).map(|(s, v)| (s - largest).exp() * f64::from(v[element]));
            terms.sum::<f64>() / total
        };
        (0..query.len()).map(weighted).collect()
    }

    /// Sequences in parts, each part of one `KeyValues` or several.
    fn check(heads: Heads, parts: &[usize], n_queries: usize, scale: f32, seed: u32) {
        let hidden = heads.count * heads.size;
        let n_keys: usize = parts.iter().sum();
        let rows = numbers(n_keys * 2 * hidden, seed, scale);
        let queries = numbers(n_queries * hidden, seed + 1, scale);
        for isa in Isa::available() {
            let (mut whole, mut split) = (KeyValues::default(), vec![KeyValues::default(); parts.len()]);
            // Used before, for something else.
            whole.store(isa, heads, [3, 1], &numbers(8 * hidden, 9, 1.0), 2 * hidden, hidden);
            whole.store(isa, heads, parts.iter().copied(), &rows, 2 * hidden, hidden);
            let mut first = 0;
            for (key_values, &count) in split.iter_mut().zip(parts) {
                key_values.store(isa, heads, [count], &rows[first * 2 * hidden..], 2 * hidden, hidden);
                first += count;
            }
            let mut scratch = Scratch::new(heads);
            for head in 0..heads.count {
                let at = head * heads.size;
                let row = |key: usize, at: usize| &rows[key * 2 * hidden + at..][..heads.size];
                let keys: Vec<_> = (0..n_keys).map(|key| row(key, at)).collect();
                let values: Vec<_> = (0..n_keys).map(|key| row(key, hidden + at)).collect();
                let of_whole: Vec<_> = (0..parts.len()).map(|part| whole.piece(heads, part, head)).collect();
                let of_split: Vec<_> = split.iter().map(|key_values| key_values.piece(heads, 0, head)).collect();
                for pieces in [of_whole, of_split] {
                    let mut out = vec![f32::NAN; n_queries * heads.size];
                    let rows = Rows::new(&queries[at..], hidden, n_queries);
                    attend(isa, heads, rows, pieces.iter().copied(), &mut scratch, RowsMut::new(&mut out, heads.size));
                    for (query, out) in out.chunks(heads.size).enumerate() {
                        let exact = exact(&queries[query * hidden + at..][..heads.size], &keys, &values);
                        for (exact, &out) in exact.iter().zip(out) {
                            let difference = (exact - f64::from(out)).abs();
                            assert!(difference <= 2e-5 * f64::from(scale.max(1.0)), "{isa:?} {parts:?}: {difference}");
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_version_is_near_the_exact_mean(
            (count, size) in (1usize..4, 1usize..40),
            parts in prop::collection::vec(1usize..70, 1..4),
            (n_queries, seed) in (1usize..60, 0u32..100),
        ) {
            check(Heads { count, size }, &parts, n_queries, 0.7, seed);
        }
    }

    #[test]
    fn long_sequences_go_by_blocks_and_large_scores_saturate() {
        let heads = Heads { count: 1, size: 32 };
        for scale in [0.3, 4.0] {
            check(heads, &[KEYS + 1, 2 * KEYS, 1], 2 * QUERIES + 1, scale, 3);
            check(heads, &[KEYS], QUERIES, scale, 4);
        }
    }

    #[test]
    fn no_key_gives_nothing() {
        let heads = Heads { count: 1, size: 4 };
        let mut out = [f32::NAN; 4];
        let queries = Rows::new(&[1.0; 4], 4, 1);
        attend(Isa::best(), heads, queries, std::iter::empty(), &mut Scratch::new(heads), RowsMut::new(&mut out, 4));
        assert_eq!(out, [0.0; 4]);
    }
}
