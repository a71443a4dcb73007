//! Products in f32: the exact fallback of the linear layers, and both products of attention.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::tile_rows;
use super::{Line, PANEL, Rows, RowsMut};
use crate::Isa;

/// Where the sums start.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// At 0.
    Zero,
    /// At a bias: one number a column, as wide as the panels.
    Bias(&'a [f32]),
    /// At what stands in the output.
    Output,
}

/// A right-hand matrix in panels of `depth` lines, one a row.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    lines: &'a [Line],
    depth: usize,
    stride: usize,
}

impl<'a> Panels<'a> {
    /// Panels of `depth` lines each, end to end; a rest that is no whole panel is left out.
    pub fn new(lines: &'a [Line], depth: usize) -> Self {
        Self { lines, depth, stride: depth }
    }

    /// Some of the rows of each panel: what stands below the left operand's columns of these numbers.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.depth);
        let start = rows.start.min(end);
        Self { lines: &self.lines[start.min(self.lines.len())..], depth: end - start, ..self }
    }

    /// Some of the panels.
    pub(crate) fn panels(self, panels: Range<usize>) -> Self {
        let at = |panel: usize| (panel * self.stride).min(self.lines.len());
        Self { lines: &self.lines[at(panels.start)..at(panels.end)], ..self }
    }

    /// Whole panels: all are, but for the last of [`Self::rows`], which ends where its rows end.
    fn count(&self) -> usize {
        if self.depth == 0 || self.lines.len() < self.depth {
            return 0;
        }
        (self.lines.len() - self.depth) / self.stride + 1
    }

    fn get(&self, panel: usize) -> &'a [Line] {
        &self.lines[panel * self.stride..][..self.depth]
    }
}

/// The weights of an affine map, packed.
#[derive(Clone, Debug)]
pub struct Weights {
    lines: Vec<Line>,
    bias: Vec<f32>,
    depth: usize,
}

impl Weights {
    /// Packs weights [outputs, inputs] and one bias an output.
    pub fn pack(weight: &[f32], bias: &[f32], inputs: usize) -> Self {
        let outputs = bias.len();
        let mut lines = vec![Line::default(); super::n_panels(outputs) * inputs];
        for (output, row) in weight.chunks_exact(inputs.max(1)).take(outputs).enumerate() {
            let panel = lines.iter_mut().skip(output / PANEL * inputs);
            for (line, &weight) in panel.zip(row) {
                line.0[output % PANEL] = weight;
            }
        }
        let mut padded = bias.to_vec();
        padded.resize(super::padded(outputs), 0.0);
        Self { lines, bias: padded, depth: inputs }
    }

    /// Each row of `a` through the map, to rows of `c` as wide as the panels.
    pub fn apply(&self, isa: Isa, a: Rows<'_, f32>, c: RowsMut<'_>) {
        multiply(isa, a, Panels::new(&self.lines, self.depth), Start::Bias(&self.bias), c);
    }
}

/// The name of the kernel that runs, with its tile.
pub fn kernel_name(isa: Isa) -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if isa.avx2.is_some() {
        return "f32 avx2 fma 6x16";
    }
    #[cfg(target_arch = "aarch64")]
    if isa.neon.is_some() {
        return "f32 neon fmla 6x16";
    }
    let _ = isa;
    "f32 scalar"
}

/// c = start + a b: rows of `a` as long as the panels are deep, rows of `c` as wide as all panels together.
///
/// # Panics
/// If `a`, `c` or the bias is too short for that.
pub fn multiply(isa: Isa, a: Rows<'_, f32>, b: Panels<'_>, start: Start<'_>, c: RowsMut<'_>) {
    let width = b.count() * PANEL;
    if a.count == 0 || width == 0 {
        return;
    }
    assert!(a.hold(b.depth), "rows of the left operand are too short");
    assert!(c.hold(a.count, width), "the output is too short");
    if let Start::Bias(bias) = start {
        assert!(width <= bias.len(), "the bias is too short");
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = isa.avx2 {
        return x86::multiply(proof, a, b, start, c);
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(proof) = isa.neon {
        return neon::multiply(proof, a, b, start, c);
    }
    let _ = isa;
    scalar(a, b, start, c);
}

/// The same in plain arithmetic: what every kernel is measured against, and runs where there is none.
fn scalar(a: Rows<'_, f32>, b: Panels<'_>, start: Start<'_>, c: RowsMut<'_>) {
    for panel in 0..b.count() {
        let lines = b.get(panel);
        for row in 0..a.count {
            let a = &a.data[row * a.stride..][..b.depth];
            let c = &mut c.data[row * c.stride + panel * PANEL..][..PANEL];
            let mut sums = [0.0; PANEL];
            match start {
                Start::Zero => {}
                Start::Bias(bias) => sums.copy_from_slice(&bias[panel * PANEL..][..PANEL]),
                Start::Output => sums.copy_from_slice(c),
            }
            for (&a, line) in a.iter().zip(lines) {
                for (sum, &b) in sums.iter_mut().zip(&line.0) {
                    *sum += a * b;
                }
            }
            c.copy_from_slice(&sums);
        }
    }
}

/// Some rows and one panel: row r of `a` has as many elements as `b` has lines; rows of `from` and `c` have PANEL.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
struct Tile<'a> {
    a: *const f32,
    a_stride: usize,
    b: &'a [Line],
    from: *const f32,
    from_stride: usize,
    c: *mut f32,
    c_stride: usize,
}

/// Calls `run` with every tile and its number of rows, 1 to `most`. [`multiply`] has checked that `a`, `c` and the bias are
/// long enough for what [`Tile`] says.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn each_tile(
    a: Rows<'_, f32>,
    b: Panels<'_>,
    start: Start<'_>,
    c: RowsMut<'_>,
    most: usize,
    run: impl Fn(Tile<'_>, usize),
) {
    let zeros = [0.0; PANEL];
    for panel in 0..b.count() {
        let lines = b.get(panel);
        let mut row = 0;
        while row < a.count {
            let rows = tile_rows(a.count - row, most);
            let output = c.data[row * c.stride + panel * PANEL..].as_mut_ptr();
            let (from, from_stride) = match start {
                Start::Zero => (zeros.as_ptr(), 0),
                Start::Bias(bias) => (bias[panel * PANEL..][..PANEL].as_ptr(), 0),
                Start::Output => (output.cast_const(), c.stride),
            };
            let a_rows = a.data[row * a.stride..].as_ptr();
            let tile =
                Tile { a: a_rows, a_stride: a.stride, b: lines, from, from_stride, c: output, c_stride: c.stride };
            run(tile, rows);
            row += rows;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gemm::padded;

    /// Numbers of magnitude up to 3 that look random, the same in every run.
    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let hash = |i: usize| (i as u32 ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b).rotate_left(13);
        (0..n).map(|i| hash(i).wrapping_mul(0xc2b2_ae35) as f32 / u32::MAX as f32 * 6.0 - 3.0).collect()
    }

    /// Against sums in f64, from each start.
    fn check(rows: usize, inputs: usize, outputs: usize, gap: usize, seed: u32) {
        let (weight, bias) = (numbers(outputs * inputs, seed), numbers(outputs, seed + 1));
        let (a_stride, c_stride) = (inputs + gap, padded(outputs) + gap);
        let (a, before) = (numbers(rows * a_stride, seed + 2), numbers(rows * c_stride, seed + 3));
        let packed = Weights::pack(&weight, &bias, inputs);
        let zero_padded = |output: usize| bias.get(output).copied().unwrap_or(0.0);
        for isa in Isa::available() {
            let mut by_bias = before.clone();
            packed.apply(isa, Rows::new(&a, a_stride, rows), RowsMut::new(&mut by_bias, c_stride));
            let panels = Panels::new(&packed.lines, inputs);
            let (mut from_zero, mut from_output) = (before.clone(), before.clone());
            let a_rows = Rows::new(&a, a_stride, rows);
            multiply(isa, a_rows, panels, Start::Zero, RowsMut::new(&mut from_zero, c_stride));
            multiply(isa, a_rows, panels, Start::Output, RowsMut::new(&mut from_output, c_stride));
            for (row, column) in (0..rows).flat_map(|row| (0..c_stride).map(move |column| (row, column))) {
                let at = row * c_stride + column;
                if column >= padded(outputs) {
                    assert_eq!([by_bias[at], from_zero[at], from_output[at]], [before[at]; 3], "{isa:?} wrote behind");
                    continue;
                }
                let products = (0..inputs).map(|k| match weight.get(column * inputs + k) {
                    Some(&weight) if column < outputs => f64::from(a[row * a_stride + k]) * f64::from(weight),
                    _ => 0.0,
                });
                let sum: f64 = products.sum();
                for (c, start) in
                    [(by_bias[at], zero_padded(column)), (from_zero[at], 0.0), (from_output[at], before[at])]
                {
                    let difference = (f64::from(c) - sum - f64::from(start)).abs();
                    // Roundings of as many sums of products of up to 9.
                    assert!(difference <= 1e-6 * (9 * inputs + 9) as f64, "{isa:?} at {row}, {column}: {difference}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_version_is_near_the_exact_product(
            rows in 1usize..30, inputs in 1usize..80, outputs in 1usize..50, gap in 0usize..5, seed in 0u32..1000,
        ) {
            check(rows, inputs, outputs, gap, seed);
        }
    }

    #[test]
    fn some_rows_of_panels_are_a_product_of_their_own() {
        let (rows, depth, n_panels) = (7, 21, 2);
        let lines: Vec<Line> =
            numbers(n_panels * depth * PANEL, 5).as_chunks().0.iter().map(|&line| Line(line)).collect();
        let a = numbers(rows * depth, 6);
        for isa in Isa::available() {
            let whole = Panels::new(&lines, depth);
            let (mut once, mut twice) = (vec![0.0; rows * 32], vec![0.0; rows * 32]);
            multiply(isa, Rows::new(&a, depth, rows), whole, Start::Zero, RowsMut::new(&mut once, 32));
            for part in [0..8, 8..21] {
                let a = Rows::new(&a[part.start..], depth, rows);
                multiply(isa, a, whole.rows(part), Start::Output, RowsMut::new(&mut twice, 32));
            }
            assert!(once.iter().zip(&twice).all(|(once, twice)| (once - twice).abs() < 1e-4), "{isa:?}");
        }
    }
}
