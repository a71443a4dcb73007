//! The product of bfloat16 with AVX-512 BF16, and with AVX2, which widens and then multiplies in f32.

use std::arch::x86_64::*;
use std::mem::transmute;

use half::bf16;

use super::super::PANEL;
use super::super::pairs::{Tile, each_tile};
use super::{Rows, RowsMut, Weights};
use crate::isa::x86::{Avx2, Avx512Bf16};

/// Rows of a tile: with two vectors a row, twelve sums of AVX2's sixteen registers.
const ROWS_OF_256: usize = 6;
/// With one vector a row, twelve sums of AVX-512's thirty-two registers: enough to hide the latency of `vdpbf16ps`.
const ROWS_OF_512: usize = 12;

pub(super) fn avx2(_proof: Avx2, weights: &Weights, a: Rows<'_, bf16>, mut c: RowsMut<'_>) {
    each_tile(&weights.panels, a, &mut c, ROWS_OF_256, |tile, rows| {
        let bias = &weights.bias[tile.panel * PANEL..][..PANEL];
        // SAFETY: the proof says that the CPU has AVX2 and FMA; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5], ROWS_OF_256, avx2_tile, (tile, bias)) }
    });
}

pub(super) fn avx512bf16(_proof: Avx512Bf16, weights: &Weights, a: Rows<'_, bf16>, mut c: RowsMut<'_>) {
    each_tile(&weights.panels, a, &mut c, ROWS_OF_512, |tile, rows| {
        let bias = &weights.bias[tile.panel * PANEL..][..PANEL];
        // SAFETY: the proof says that the CPU has AVX-512 F and BF16; `each_tile` vouches for the rows.
        unsafe { by_rows!(rows, [1 2 3 4 5 6 7 8 9 10 11], ROWS_OF_512, avx512bf16_tile, (tile, bias)) }
    });
}

/// # Safety
/// The CPU has AVX2 and FMA; the tile has R rows, as [`Tile`] says, and `bias` PANEL elements.
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_tile<const R: usize>(tile: Tile<'_, bf16>, bias: &[f32]) {
    // SAFETY: all reads and writes are within the rows and the bias that the caller vouches for.
    unsafe {
        let mut sums = [[_mm256_loadu_ps(bias.as_ptr()), _mm256_loadu_ps(bias.as_ptr().add(8))]; R];
        // The upper half of a pair is the f32 of the odd number already, but for the bits below it.
        let upper = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
        for (pair, line) in tile.lines.iter().enumerate() {
            let line: *const __m256i = (&raw const line.0).cast();
            let odd =
                [0, 1].map(|half| _mm256_castsi256_ps(_mm256_and_si256(_mm256_load_si256(line.add(half)), upper)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = _mm256_castsi256_ps(_mm256_and_si256(_mm256_set1_epi32(tile.pair(row, pair)), upper));
                *sums = [_mm256_fmadd_ps(a, odd[0], sums[0]), _mm256_fmadd_ps(a, odd[1], sums[1])];
            }
            let even =
                [0, 1].map(|half| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_load_si256(line.add(half)))));
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_set1_epi32(tile.pair(row, pair))));
                *sums = [_mm256_fmadd_ps(a, even[0], sums[0]), _mm256_fmadd_ps(a, even[1], sums[1])];
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let c = tile.c.add(row * tile.c_stride);
            _mm256_storeu_ps(c, sums[0]);
            _mm256_storeu_ps(c.add(8), sums[1]);
        }
    }
}

/// # Safety
/// The CPU has AVX-512 F and BF16; the tile has R rows, as [`Tile`] says, and `bias` PANEL elements.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn avx512bf16_tile<const R: usize>(tile: Tile<'_, bf16>, bias: &[f32]) {
    // SAFETY: all reads and writes are within the rows and the bias that the caller vouches for; vectors of 512 bits may
    // hold numbers of any kind.
    unsafe {
        let mut sums = [_mm512_loadu_ps(bias.as_ptr()); R];
        for (pair, line) in tile.lines.iter().enumerate() {
            let b: __m512bh = transmute(_mm512_load_si512((&raw const line.0).cast()));
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum =
                    _mm512_dpbf16_ps(*sum, transmute::<__m512i, __m512bh>(_mm512_set1_epi32(tile.pair(row, pair))), b);
            }
        }
        for (row, &sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(tile.c.add(row * tile.c_stride), sum);
        }
    }
}
