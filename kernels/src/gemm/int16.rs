//! Products of integers that are held in 16 bits, summed in 32: the quantised form of the linear layers.
//!
//! Codes are symmetric: weights by output channel, activations by row, each with a scale of its own. A code has up to 12
//! bits, not 8. On AVX2 that costs nothing: the products of 8-bit integers (`vpmaddubsw`) have to be widened before they are
//! summed, and that takes the multiplier once more, so that 16-bit products (`vpmaddwd`) are as fast, and cannot saturate.
//! `docs/KERNELS.md` has what 8 bits would cost in accuracy.
//!
//! Sums cannot overflow, whatever the activations: a channel whose weights are too large for that gets a larger scale.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::pairs::PairPanels;
use super::{PANEL, Rows, RowsMut, padded};
use crate::Isa;

/// The largest code.
pub const LARGEST: i16 = 2047;

/// The weights of an affine map, quantised and packed.
#[derive(Clone, Debug)]
pub struct Weights {
    panels: PairPanels<i16>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Weights {
    /// Quantises and packs weights [outputs, inputs] and one bias an output.
    pub fn pack(weight: &[f32], bias: &[f32], inputs: usize) -> Self {
        let outputs = bias.len();
        let mut scales: Vec<f32> = weight.chunks_exact(inputs.max(1)).take(outputs).map(channel_scale).collect();
        let panels = PairPanels::pack(weight, outputs, inputs, |output, weight| code_of(weight, scales[output]));
        scales.resize(padded(outputs), 0.0);
        let mut bias = bias.to_vec();
        bias.resize(padded(outputs), 0.0);
        Self { panels, scales, bias }
    }

    /// Each row of codes, times its scale, through the map, to rows of `c` as wide as the panels. Rows have an even length:
    /// behind an odd number of inputs stands any number.
    ///
    /// # Panics
    /// If `codes`, `scales` or `c` is too short for that.
    pub fn apply(&self, isa: Isa, codes: Rows<'_, i16>, scales: &[f32], c: RowsMut<'_>) {
        assert!(codes.count <= scales.len(), "a row has no scale");
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = isa.avx512vnni {
            return x86::avx512vnni(proof, self, codes, scales, c);
        } else if let Some(proof) = isa.avxvnni {
            return x86::avxvnni(proof, self, codes, scales, c);
        } else if let Some(proof) = isa.avx2 {
            return x86::avx2(proof, self, codes, scales, c);
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(proof) = isa.neon {
            return neon::multiply(proof, self, codes, scales, c);
        }
        let _ = isa;
        self.scalar(codes, scales, c);
    }

    /// The same in plain arithmetic: what every kernel must equal to the last bit.
    fn scalar(&self, codes: Rows<'_, i16>, scales: &[f32], c: RowsMut<'_>) {
        for panel in 0..self.panels.count {
            let (lines, columns) = (self.panels.panel(panel), panel * PANEL..(panel + 1) * PANEL);
            for (row, &row_scale) in scales.iter().enumerate().take(codes.count) {
                let codes = &codes.data[row * codes.stride..][..2 * self.panels.n_pairs];
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
}

/// What makes numbers of a tile's sums: a scale for each row, a scale and a bias for each column.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
struct Affine<'a> {
    row_scales: &'a [f32],
    scales: &'a [f32],
    bias: &'a [f32],
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl<'a> Affine<'a> {
    /// That of `rows` rows and one panel.
    #[inline(always)]
    fn new(weights: &'a Weights, row_scales: &'a [f32], (row, rows): (usize, usize), panel: usize) -> Self {
        Self {
            row_scales: &row_scales[row..][..rows],
            scales: &weights.scales[panel * PANEL..][..PANEL],
            bias: &weights.bias[panel * PANEL..][..PANEL],
        }
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
    #[cfg(target_arch = "x86_64")]
    if isa.avx512vnni.is_some() {
        return "int16 avx512vnni vpdpwssd 12x16";
    } else if isa.avxvnni.is_some() {
        return "int16 avxvnni vpdpwssd 6x16";
    } else if isa.avx2.is_some() {
        return "int16 avx2 vpmaddwd 6x16";
    }
    #[cfg(target_arch = "aarch64")]
    if isa.neon.is_some() {
        return "int16 neon smlal 6x16";
    }
    let _ = isa;
    "int16 scalar"
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
