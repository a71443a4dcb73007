//! The product in f32 with NEON.

use std::arch::aarch64::*;

use super::{Panels, Rows, RowsMut, Start, Tile, each_tile};
use crate::isa::arm::Neon;

/// Rows of a tile: with four vectors a row, 24 sums of the 32 registers.
const TILE_ROWS: usize = 6;

pub(super) fn multiply(_proof: Neon, a: Rows<'_, f32>, b: Panels<'_>, start: Start<'_>, c: RowsMut<'_>) {
    each_tile(a, b, start, c, TILE_ROWS, |tile, rows| {
        // SAFETY: the proof says that the CPU has NEON; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5], TILE_ROWS, run, (tile)) }
    });
}

/// # Safety
/// The CPU has NEON; the tile has R rows, as [`Tile`] says.
#[target_feature(enable = "neon")]
unsafe fn run<const R: usize>(tile: Tile<'_>) {
    // SAFETY: all offsets are within the rows that the caller vouches for.
    unsafe {
        let mut sums = [[vdupq_n_f32(0.0); 4]; R];
        for (row, sums) in sums.iter_mut().enumerate() {
            let from = tile.from.add(row * tile.from_stride);
            *sums = [0, 4, 8, 12].map(|column| vld1q_f32(from.add(column)));
        }
        for (k, line) in tile.b.iter().enumerate() {
            let b = [0, 4, 8, 12].map(|column| vld1q_f32(line.0.as_ptr().add(column)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = *tile.a.add(row * tile.a_stride + k);
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = vfmaq_n_f32(*sum, b, a);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (quarter, &sum) in sums.iter().enumerate() {
                vst1q_f32(tile.c.add(row * tile.c_stride + 4 * quarter), sum);
            }
        }
    }
}
