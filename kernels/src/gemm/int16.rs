//! Products of integers that are held in 16 bits, summed in 32: the quantised form of the linear layers.
//!
//! Codes are symmetric: weights by output channel, activations by row, each with a scale of its own. A code has up to 12
//! bits, not 8. On AVX2 that costs nothing: the products of 8-bit integers (`vpmaddubsw`) have to be widened before they are
//! summed, and that takes the multiplier once more, so that 16-bit products (`vpmaddwd`) are as fast, and cannot saturate.
//! `docs/KERNELS.md` has what 8 bits would cost in accuracy.
//!
//! Sums cannot overflow, whatever the activations: a channel whose weights are too large for that gets a larger scale.

use super::{PANEL, Rows, RowsMut};
use crate::Isa;
use crate::isa::Kind;

/// The largest code.
pub const LARGEST: i16 = 2047;

/// Two rows of a panel: the weights of two successive inputs for each column lie side by side. A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Pairs([[i16; 2]; PANEL]);

/// The weights of an affine map, quantised and packed.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Panel by panel, a line for each pair of inputs.
    lines: Vec<Pairs>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    n_pairs: usize,
}

impl Weights {
    /// Quantises and packs weights [outputs, inputs] and one bias an output.
    pub fn pack(weight: &[f32], bias: &[f32], inputs: usize) -> Self {
        let (outputs, n_pairs) = (bias.len(), inputs.div_ceil(2));
        let mut lines = vec![Pairs([[0; 2]; PANEL]); super::n_panels(outputs) * n_pairs];
        let mut scales = vec![0.0; super::padded(outputs)];
        for (output, row) in weight.chunks_exact(inputs.max(1)).take(outputs).enumerate() {
            let scale = channel_scale(row);
            scales[output] = scale;
            let panel = &mut lines[output / PANEL * n_pairs..][..n_pairs];
            for (line, pair) in panel.iter_mut().zip(row.chunks(2)) {
                for (code, &weight) in line.0[output % PANEL].iter_mut().zip(pair) {
                    *code = code_of(weight, scale);
                }
            }
        }
        let mut padded = bias.to_vec();
        padded.resize(super::padded(outputs), 0.0);
        Self { lines, scales, bias: padded, n_pairs }
    }

    /// Each row of codes, times its scale, through the map, to rows of `c` as wide as the panels. Rows have an even length:
    /// behind an odd number of inputs stands any number.
    ///
    /// # Panics
    /// If `codes`, `scales` or `c` is too short for that.
    pub fn apply(&self, isa: Isa, codes: Rows<'_, i16>, scales: &[f32], c: RowsMut<'_>) {
        let width = self.bias.len();
        if codes.count == 0 || width == 0 {
            return;
        }
        assert!(codes.hold(2 * self.n_pairs), "rows of the left operand are too short");
        assert!(codes.count <= scales.len(), "a row has no scale");
        assert!((codes.count - 1) * c.stride + width <= c.data.len() && width <= c.stride, "the output is too short");
        match isa.0 {
            Kind::Baseline => self.scalar(codes, scales, c),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => x86::avx2(proof, self, codes, scales, c),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(proof) => x86::avx512vnni(proof, self, codes, scales, c),
        }
    }

    /// The same in plain arithmetic: what every kernel must equal to the last bit.
    fn scalar(&self, codes: Rows<'_, i16>, scales: &[f32], c: RowsMut<'_>) {
        for panel in 0..self.n_panels() {
            let (lines, columns) = (self.panel(panel), panel * PANEL..(panel + 1) * PANEL);
            for (row, &row_scale) in scales.iter().enumerate().take(codes.count) {
                let codes = &codes.data[row * codes.stride..][..2 * self.n_pairs];
                let mut sums = [0_i32; PANEL];
                for (a, line) in codes.as_chunks::<2>().0.iter().zip(lines) {
                    for (sum, b) in sums.iter_mut().zip(&line.0) {
                        *sum += i32::from(a[0]) * i32::from(b[0]) + i32::from(a[1]) * i32::from(b[1]);
                    }
                }
                let affine = self.scales[columns.clone()].iter().zip(&self.bias[columns.clone()]);
                let c = &mut c.data[row * c.stride..][columns.clone()];
                for ((c, sum), (&scale, &bias)) in c.iter_mut().zip(sums).zip(affine) {
                    *c = (sum as f32 * row_scale).mul_add(scale, bias);
                }
            }
        }
    }

    fn n_panels(&self) -> usize {
        self.bias.len() / PANEL
    }

    fn panel(&self, panel: usize) -> &[Pairs] {
        &self.lines[panel * self.n_pairs..][..self.n_pairs]
    }
}

/// The smallest scale at which each weight has a code and no row of activations can overflow a sum.
fn channel_scale(weights: &[f32]) -> f32 {
    let largest = weights.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
    let total: f64 = weights.iter().map(|weight| f64::from(weight.abs())).sum();
    // Rounding adds at most half a code to each weight.
    let most = f64::from(i32::MAX) / f64::from(LARGEST) - 0.5 * weights.len() as f64;
    (largest / f32::from(LARGEST)).max((total / most) as f32).max(f32::MIN_POSITIVE)
}

fn code_of(value: f32, scale: f32) -> i16 {
    let largest = f32::from(LARGEST);
    (value / scale).round_ties_even().clamp(-largest, largest) as i16
}

/// The name of the kernel that runs, with its tile.
pub fn kernel_name(isa: Isa) -> &'static str {
    match isa.0 {
        Kind::Baseline => "int16 scalar",
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_) => "int16 avx2 vpmaddwd 6x16",
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(_) => "int16 avx512vnni vpdpwssd 12x16",
    }
}

/// Quantises a row to `codes`, as far as both reach, and returns its scale.
pub fn quantise(isa: Isa, row: &[f32], codes: &mut [i16]) -> f32 {
    /// 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    isa.run(
        #[inline(always)]
        || {
            let largest = crate::reduce::max_magnitude(row);
            let (scale, inverse) =
                if largest > 0.0 { (largest / f32::from(LARGEST), f32::from(LARGEST) / largest) } else { (0.0, 0.0) };
            for (code, &value) in codes.iter_mut().zip(row) {
                *code = (value * inverse + ROUND).to_bits() as i16;
            }
            scale
        },
    )
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::{PANEL, Rows, RowsMut, tile_rows};
    use super::{Pairs, Weights};
    use crate::isa::x86::{Avx2, Avx512Vnni};

    /// Rows of a tile: with two vectors a row, twelve sums of AVX2's sixteen registers.
    const AVX2_ROWS: usize = 6;
    /// With one vector a row, twelve sums of AVX-512's thirty-two registers: enough to hide the latency of `vpdpwssd`.
    const AVX512_ROWS: usize = 12;

    pub(super) fn avx2(_proof: Avx2, weights: &Weights, codes: Rows<'_, i16>, scales: &[f32], mut c: RowsMut<'_>) {
        each_tile(weights, codes, scales, &mut c, AVX2_ROWS, |tile, rows| {
            // SAFETY: the proof says that the CPU has AVX2 and FMA; `each_tile` vouches for the rows.
            unsafe {
                match rows {
                    1 => avx2_tile::<1>(tile),
                    2 => avx2_tile::<2>(tile),
                    3 => avx2_tile::<3>(tile),
                    4 => avx2_tile::<4>(tile),
                    5 => avx2_tile::<5>(tile),
                    _ => avx2_tile::<AVX2_ROWS>(tile),
                }
            }
        });
    }

    pub(super) fn avx512vnni(
        _proof: Avx512Vnni,
        weights: &Weights,
        codes: Rows<'_, i16>,
        scales: &[f32],
        mut c: RowsMut<'_>,
    ) {
        each_tile(weights, codes, scales, &mut c, AVX512_ROWS, |tile, rows| {
            // SAFETY: the proof says that the CPU has AVX-512 F, BW and VNNI; `each_tile` vouches for the rows.
            unsafe {
                match rows {
                    1 => avx512vnni_tile::<1>(tile),
                    2 => avx512vnni_tile::<2>(tile),
                    3 => avx512vnni_tile::<3>(tile),
                    4 => avx512vnni_tile::<4>(tile),
                    5 => avx512vnni_tile::<5>(tile),
                    6 => avx512vnni_tile::<6>(tile),
                    7 => avx512vnni_tile::<7>(tile),
                    8 => avx512vnni_tile::<8>(tile),
                    9 => avx512vnni_tile::<9>(tile),
                    10 => avx512vnni_tile::<10>(tile),
                    11 => avx512vnni_tile::<11>(tile),
                    _ => avx512vnni_tile::<AVX512_ROWS>(tile),
                }
            }
        });
    }

    /// A few rows and one panel. Row r of the tile has two codes for each line of `lines`, a scale, and PANEL elements in
    /// `c`; `scales` and `bias` have PANEL elements.
    #[derive(Clone, Copy)]
    struct Tile<'a> {
        codes: *const i16,
        codes_stride: usize,
        lines: &'a [Pairs],
        row_scales: *const f32,
        scales: *const f32,
        bias: *const f32,
        c: *mut f32,
        c_stride: usize,
    }

    /// Hands out the tiles, each with its number of rows, 1 to `most`. `Weights::apply` has checked that every row has two
    /// codes a line, a scale, and room in `c` for all panels.
    #[inline(always)]
    fn each_tile(
        weights: &Weights,
        codes: Rows<'_, i16>,
        scales: &[f32],
        c: &mut RowsMut<'_>,
        most: usize,
        run: impl Fn(Tile<'_>, usize),
    ) {
        for panel in 0..weights.n_panels() {
            let mut row = 0;
            while row < codes.count {
                let rows = tile_rows(codes.count - row, most);
                let tile = Tile {
                    codes: codes.data[row * codes.stride..].as_ptr(),
                    codes_stride: codes.stride,
                    lines: weights.panel(panel),
                    row_scales: scales[row..].as_ptr(),
                    scales: weights.scales[panel * PANEL..][..PANEL].as_ptr(),
                    bias: weights.bias[panel * PANEL..][..PANEL].as_ptr(),
                    c: c.data[row * c.stride + panel * PANEL..].as_mut_ptr(),
                    c_stride: c.stride,
                };
                run(tile, rows);
                row += rows;
            }
        }
    }

    /// # Safety
    /// The CPU has AVX2 and FMA; the tile has R rows, as [`Tile`] says.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_tile<const R: usize>(tile: Tile<'_>) {
        // SAFETY: all reads and writes are within the rows that the caller vouches for.
        unsafe {
            let mut sums = [[_mm256_setzero_si256(); 2]; R];
            for (pair, line) in tile.lines.iter().enumerate() {
                let line: *const __m256i = (&raw const line.0).cast();
                let b = [_mm256_load_si256(line), _mm256_load_si256(line.add(1))];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = tile.codes.add(row * tile.codes_stride + 2 * pair).cast::<i32>().read_unaligned();
                    let a = _mm256_set1_epi32(a);
                    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(a, b[0]));
                    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(a, b[1]));
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                let row_scale = _mm256_broadcast_ss(&*tile.row_scales.add(row));
                let c = tile.c.add(row * tile.c_stride);
                for (half, &sums) in sums.iter().enumerate() {
                    let scales = _mm256_loadu_ps(tile.scales.add(8 * half));
                    let bias = _mm256_loadu_ps(tile.bias.add(8 * half));
                    let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), row_scale);
                    _mm256_storeu_ps(c.add(8 * half), _mm256_fmadd_ps(scaled, scales, bias));
                }
            }
        }
    }

    /// # Safety
    /// The CPU has AVX-512 F, BW and VNNI; the tile has R rows, as [`Tile`] says.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn avx512vnni_tile<const R: usize>(tile: Tile<'_>) {
        // SAFETY: all reads and writes are within the rows that the caller vouches for.
        unsafe {
            let mut sums = [_mm512_setzero_si512(); R];
            for (pair, line) in tile.lines.iter().enumerate() {
                let b = _mm512_load_si512((&raw const line.0).cast());
                for (row, sum) in sums.iter_mut().enumerate() {
                    let a = tile.codes.add(row * tile.codes_stride + 2 * pair).cast::<i32>().read_unaligned();
                    *sum = _mm512_dpwssd_epi32(*sum, _mm512_set1_epi32(a), b);
                }
            }
            let (scales, bias) = (_mm512_loadu_ps(tile.scales), _mm512_loadu_ps(tile.bias));
            for (row, &sum) in sums.iter().enumerate() {
                let row_scale = _mm512_set1_ps(tile.row_scales.add(row).read());
                let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), row_scale);
                _mm512_storeu_ps(tile.c.add(row * tile.c_stride), _mm512_fmadd_ps(scaled, scales, bias));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gemm::padded;

    /// All versions to the last bit; sums against those in 64 bits.
    fn check(codes: &[i16], rows: usize, weight: &[f32], bias: &[f32], inputs: usize) {
        let packed = Weights::pack(weight, bias, inputs);
        let (stride, width) = (inputs.next_multiple_of(2), padded(bias.len()));
        let scales: Vec<f32> = (0..rows).map(|row| 0.5 + row as f32).collect();
        let mut expected = vec![f32::NAN; rows * width];
        packed.scalar(Rows::new(codes, stride, rows), &scales, RowsMut::new(&mut expected, width));
        for (row, output) in (0..rows).flat_map(|row| (0..bias.len()).map(move |output| (row, output))) {
            let weights = weight[output * inputs..][..inputs].iter().map(|&w| code_of(w, packed.scales[output]));
            let sum: i64 = weights.zip(&codes[row * stride..]).map(|(w, &a)| i64::from(w) * i64::from(a)).sum();
            assert!(i32::try_from(sum).is_ok(), "a sum overflows");
            let c = (sum as f32 * scales[row]).mul_add(packed.scales[output], bias[output]);
            assert_eq!(expected[row * width + output].to_bits(), c.to_bits());
        }
        for isa in Isa::available() {
            let mut c = vec![f32::NAN; rows * width];
            packed.apply(isa, Rows::new(codes, stride, rows), &scales, RowsMut::new(&mut c, width));
            assert!(c.iter().zip(&expected).all(|(c, e)| c.to_bits() == e.to_bits()), "{isa:?}, {rows} rows");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_version_equals_the_plain_one(
            (rows, inputs, outputs) in (1usize..30, 1usize..80, 1usize..50),
            codes in prop::collection::vec(-LARGEST..=LARGEST, 30 * 80),
            weights in prop::collection::vec(-2.0f32..2.0, 80 * 50),
            bias in prop::collection::vec(-9.0f32..9.0, 50),
        ) {
            check(&codes, rows, &weights[..outputs * inputs], &bias[..outputs], inputs);
        }

        #[test]
        fn a_quantised_row_is_the_row_to_half_a_code(row in prop::collection::vec(-1e3f32..1e3, 0..70)) {
            for isa in Isa::available() {
                let mut codes = vec![0; row.len()];
                let scale = quantise(isa, &row, &mut codes);
                for (&value, &code) in row.iter().zip(&codes) {
                    prop_assert!(code.abs() <= LARGEST);
                    prop_assert!((value - f32::from(code) * scale).abs() <= scale * 0.501);
                }
            }
        }
    }

    #[test]
    fn extreme_weights_and_activations_cannot_overflow() {
        for (inputs, weight) in [(4096, 1.0), (16_384, -3e4), (2, f32::MIN_POSITIVE), (7, 0.0)] {
            for code in [LARGEST, -LARGEST] {
                let weights = vec![weight; 17 * inputs];
                check(&vec![code; 13 * inputs.next_multiple_of(2)], 13, &weights, &[1.0; 17], inputs);
            }
        }
    }

    #[test]
    fn a_row_of_zeros_has_zero_codes() {
        let mut codes = [9; 5];
        assert_eq!(quantise(Isa::best(), &[0.0; 5], &mut codes), 0.0);
        assert_eq!(codes, [0; 5]);
    }
}
