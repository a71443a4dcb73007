//! The integer product with NEON.

use std::arch::aarch64::*;

use super::super::pairs::{Tile, each_tile};
use super::{Affine, Rows, RowsMut, Weights};
use crate::isa::arm::Neon;

/// Rows of a tile: with four vectors a row, 24 sums of the 32 registers.
const TILE_ROWS: usize = 6;

pub(super) fn multiply(_proof: Neon, weights: &Weights, codes: Rows<'_, i16>, scales: &[f32], mut c: RowsMut<'_>) {
    each_tile(&weights.panels, codes, &mut c, TILE_ROWS, |tile, rows| {
        let affine = Affine::new(weights, scales, (tile.row, rows), tile.panel);
        // SAFETY: the proof says that the CPU has NEON; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5], TILE_ROWS, run, (tile, affine)) }
    });
}

/// # Safety
/// The CPU has NEON; the tile has R rows, as [`Tile`] says.
#[target_feature(enable = "neon")]
unsafe fn run<const R: usize>(tile: Tile<'_, i16>, affine: Affine<'_>) {
    // SAFETY: all reads and writes are within the rows that the caller vouches for, or within `affine`, which was made for
    // as many rows and columns.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 4]; R];
        for (pair, line) in tile.lines.iter().enumerate() {
            // Eight columns each; apart again are the weights of the even and of the odd input.
            let line: *const i16 = (&raw const line.0).cast();
            let (low, high) = (vld2q_s16(line), vld2q_s16(line.add(16)));
            let [even, odd] = [[low.0, high.0], [low.1, high.1]]
                .map(|[low, high]| [vget_low_s16(low), vget_high_s16(low), vget_low_s16(high), vget_high_s16(high)]);
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = tile.a.add(row * tile.a_stride + 2 * pair);
                for ((sum, even), odd) in sums.iter_mut().zip(even).zip(odd) {
                    *sum = vmlal_n_s16(vmlal_n_s16(*sum, even, *a), odd, *a.add(1));
                }
            }
        }
        for (row, (sums, &row_scale)) in sums.iter().zip(affine.row_scales).enumerate() {
            for (quarter, &sum) in sums.iter().enumerate() {
                let scales = vld1q_f32(affine.scales.as_ptr().add(4 * quarter));
                let bias = vld1q_f32(affine.bias.as_ptr().add(4 * quarter));
                let scaled = vmulq_n_f32(vcvtq_f32_s32(sum), row_scale);
                vst1q_f32(tile.c.add(row * tile.c_stride + 4 * quarter), vfmaq_f32(bias, scaled, scales));
            }
        }
    }
}
