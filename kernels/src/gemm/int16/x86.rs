//! The integer product with AVX2, AVX-VNNI and AVX-512 VNNI.

use std::arch::x86_64::*;

use super::super::pairs::{Tile, each_tile};
use super::{Affine, Rows, RowsMut, Weights};
use crate::isa::x86::{Avx2, Avx512Vnni, AvxVnni};

/// Rows of a tile: with two vectors a row, twelve sums of AVX2's sixteen registers.
const ROWS_OF_256: usize = 6;
/// With one vector a row, twelve sums of AVX-512's thirty-two registers: enough to hide the latency of `vpdpwssd`.
const ROWS_OF_512: usize = 12;

pub(super) fn avx2(_proof: Avx2, weights: &Weights, codes: Rows<'_, i16>, scales: &[f32], mut c: RowsMut<'_>) {
    each_tile(&weights.panels, codes, &mut c, ROWS_OF_256, |tile, rows| {
        let affine = Affine::new(weights, scales, (tile.row, rows), tile.panel);
        // SAFETY: the proof says that the CPU has AVX2 and FMA; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5], ROWS_OF_256, avx2_tile, (tile, affine)) }
    });
}

pub(super) fn avxvnni(_proof: AvxVnni, weights: &Weights, codes: Rows<'_, i16>, scales: &[f32], mut c: RowsMut<'_>) {
    each_tile(&weights.panels, codes, &mut c, ROWS_OF_256, |tile, rows| {
        let affine = Affine::new(weights, scales, (tile.row, rows), tile.panel);
        // SAFETY: the proof says that the CPU has AVX2, FMA and AVX-VNNI; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5], ROWS_OF_256, avxvnni_tile, (tile, affine)) }
    });
}

pub(super) fn avx512vnni(
    _proof: Avx512Vnni,
    weights: &Weights,
    codes: Rows<'_, i16>,
    scales: &[f32],
    mut c: RowsMut<'_>,
) {
    each_tile(&weights.panels, codes, &mut c, ROWS_OF_512, |tile, rows| {
        let affine = Affine::new(weights, scales, (tile.row, rows), tile.panel);
        // SAFETY: the proof says that the CPU has AVX-512 F, BW and VNNI; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5 6 7 8 9 10 11], ROWS_OF_512, avx512vnni_tile, (tile, affine)) }
    });
}

/// The tile of 256 bits; how two products are added to each sum differs.
macro_rules! tile_of_256 {
    ($name:ident, $features:literal, |$sum:ident, $a:ident, $b:ident| $add:expr) => {
        /// # Safety
        /// The CPU has the features; the tile has R rows, as [`Tile`] says.
        #[target_feature(enable = $features)]
        unsafe fn $name<const R: usize>(tile: Tile<'_, i16>, affine: Affine<'_>) {
            // SAFETY: all reads and writes are within the rows that the caller vouches for, or within `affine`, which was
            // made for as many rows and columns.
            unsafe {
                let mut sums = [[_mm256_setzero_si256(); 2]; R];
                for (pair, line) in tile.lines.iter().enumerate() {
                    let line: *const __m256i = (&raw const line.0).cast();
                    let b = [_mm256_load_si256(line), _mm256_load_si256(line.add(1))];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let $a = _mm256_set1_epi32(tile.pair(row, pair));
                        for (sum, $b) in sums.iter_mut().zip(b) {
                            let $sum = *sum;
                            *sum = $add;
                        }
                    }
                }
                for (row, (sums, &row_scale)) in sums.iter().zip(affine.row_scales).enumerate() {
                    let c = tile.c.add(row * tile.c_stride);
                    for (half, &sums) in sums.iter().enumerate() {
                        let scales = _mm256_loadu_ps(affine.scales.as_ptr().add(8 * half));
                        let bias = _mm256_loadu_ps(affine.bias.as_ptr().add(8 * half));
                        let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(row_scale));
                        _mm256_storeu_ps(c.add(8 * half), _mm256_fmadd_ps(scaled, scales, bias));
                    }
                }
            }
        }
    };
}

tile_of_256!(avx2_tile, "avx2,fma", |sum, a, b| _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)));
tile_of_256!(avxvnni_tile, "avx2,fma,avxvnni", |sum, a, b| _mm256_dpwssd_avx_epi32(sum, a, b));

/// # Safety
/// The CPU has AVX-512 F, BW and VNNI; the tile has R rows, as [`Tile`] says.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn avx512vnni_tile<const R: usize>(tile: Tile<'_, i16>, affine: Affine<'_>) {
    // SAFETY: all reads and writes are within the rows that the caller vouches for, or within `affine`, which was made for
    // as many rows and columns.
    unsafe {
        let mut sums = [_mm512_setzero_si512(); R];
        for (pair, line) in tile.lines.iter().enumerate() {
            let b = _mm512_load_si512((&raw const line.0).cast());
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_dpwssd_epi32(*sum, _mm512_set1_epi32(tile.pair(row, pair)), b);
            }
        }
        let (scales, bias) = (_mm512_loadu_ps(affine.scales.as_ptr()), _mm512_loadu_ps(affine.bias.as_ptr()));
        for (row, (&sum, &row_scale)) in sums.iter().zip(affine.row_scales).enumerate() {
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(row_scale));
            _mm512_storeu_ps(tile.c.add(row * tile.c_stride), _mm512_fmadd_ps(scaled, scales, bias));
        }
    }
}
