//! The product in f32 with AVX2 and FMA.

use std::arch::x86_64::*;

use super::{Panels, Rows, RowsMut, Start, Tile, each_tile};
use crate::isa::x86::Avx2;

/// Rows of a tile: with two vectors a row, twelve sums of the sixteen registers.
const TILE_ROWS: usize = 6;

pub(super) fn multiply(_proof: Avx2, a: Rows<'_, f32>, b: Panels<'_>, start: Start<'_>, c: RowsMut<'_>) {
    each_tile(a, b, start, c, TILE_ROWS, |tile, rows| {
        // SAFETY: the proof says that the CPU has AVX2 and FMA; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5], TILE_ROWS, run, (tile)) }
    });
}

/// # Safety
/// The CPU has AVX2 and FMA; the tile has R rows, as [`Tile`] says.
#[target_feature(enable = "avx2,fma")]
unsafe fn run<const R: usize>(tile: Tile<'_>) {
    // SAFETY: all offsets are within the rows that the caller vouches for.
    unsafe {
        let mut sums = [[_mm256_setzero_ps(); 2]; R];
        for (row, sums) in sums.iter_mut().enumerate() {
            let from = tile.from.add(row * tile.from_stride);
            *sums = [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))];
        }
        for (k, line) in tile.b.iter().enumerate() {
            let b = [_mm256_load_ps(line.0.as_ptr()), _mm256_load_ps(line.0.as_ptr().add(8))];
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = _mm256_broadcast_ss(&*tile.a.add(row * tile.a_stride + k));
                sums[0] = _mm256_fmadd_ps(a, b[0], sums[0]);
                sums[1] = _mm256_fmadd_ps(a, b[1], sums[1]);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let c = tile.c.add(row * tile.c_stride);
            _mm256_storeu_ps(c, sums[0]);
            _mm256_storeu_ps(c.add(8), sums[1]);
        }
    }
}
