//! Products of bfloat16 numbers with sums in f32: weights and activations are rounded to the nearest of 8 significant bits.
//!
//! A product of two such numbers is exact in f32, so that only sums round. All versions add in the order that Intel's manual
//! gives for `vdpbf16ps`: of each pair of inputs the odd one first. The plain version and AVX2's are therefore the same to
//! the last bit. CPUs with the instruction also take numbers below the smallest normal one for 0.

#[cfg(target_arch = "x86_64")]
mod x86;

use half::bf16;

use super::pairs::PairPanels;
use super::{PANEL, Rows, RowsMut, padded};
use crate::Isa;

/// The weights of an affine map, rounded and packed.
#[derive(Clone, Debug)]
pub struct Weights {
    panels: PairPanels<bf16>,
    bias: Vec<f32>,
}

impl Weights {
    /// Rounds and packs weights [outputs, inputs]; one bias an output stays as it is.
    pub fn pack(weight: &[f32], bias: &[f32], inputs: usize) -> Self {
        let panels = PairPanels::pack(weight, bias.len(), inputs, |_, weight| rounded(weight));
        let mut bias = bias.to_vec();
        bias.resize(padded(bias.len()), 0.0);
        Self { panels, bias }
    }

    /// Each row of `a` through the map, to rows of `c` as wide as the panels. Rows have an even length: behind an odd number
    /// of inputs stands any finite number.
    ///
    /// # Panics
    /// If `a` or `c` is too short for that.
    pub fn apply(&self, isa: Isa, a: Rows<'_, bf16>, c: RowsMut<'_>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = isa.avx512bf16 {
            return x86::avx512bf16(proof, self, a, c);
        } else if let Some(proof) = isa.avx2 {
            return x86::avx2(proof, self, a, c);
        }
        let _ = isa;
        self.scalar(a, c);
    }

    /// The same in plain arithmetic.
    fn scalar(&self, a: Rows<'_, bf16>, c: RowsMut<'_>) {
        for panel in 0..self.panels.count {
            let (lines, columns) = (self.panels.panel(panel), panel * PANEL..(panel + 1) * PANEL);
            for row in 0..a.count {
                let a = &a.data[row * a.stride..][..2 * self.panels.n_pairs];
                let c = &mut c.data[row * c.stride..][columns.clone()];
                c.copy_from_slice(&self.bias[columns.clone()]);
                for (&[even, odd], line) in a.as_chunks::<2>().0.iter().zip(lines) {
                    for (sum, b) in c.iter_mut().zip(&line.0) {
                        *sum += widened(odd) * widened(b[1]);
                        *sum += widened(even) * widened(b[0]);
                    }
                }
            }
        }
    }
}

/// The name of the kernel that runs, with its tile.
pub fn kernel_name(isa: Isa) -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if isa.avx512bf16.is_some() {
        return "bf16 avx512bf16 vdpbf16ps 12x16";
    } else if isa.avx2.is_some() {
        return "bf16 avx2 fma 6x16";
    }
    let _ = isa;
    "bf16 scalar"
}

/// Rounds a row, as far as both reach.
pub fn round(isa: Isa, row: &[f32], to: &mut [bf16]) {
    isa.run(
        #[inline(always)]
        || {
            for (to, &value) in to.iter_mut().zip(row) {
                *to = rounded(value);
            }
        },
    );
}

/// The nearest number, of two equally near the one whose last bit is 0. Without a branch, so that compilers vectorise it.
#[inline(always)]
fn rounded(value: f32) -> bf16 {
    let bits = value.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    bf16::from_bits(if value.is_nan() { 0x7fc0 } else { nearest as u16 })
}

#[inline(always)]
fn widened(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All versions against sums in f64 of the rounded numbers; the plain one and AVX2's to the last bit.
    fn check(a: &[f32], rows: usize, weight: &[f32], bias: &[f32], inputs: usize) {
        let packed = Weights::pack(weight, bias, inputs);
        let (stride, width) = (inputs.next_multiple_of(2), padded(bias.len()));
        let mut rounded = vec![bf16::ZERO; rows * stride];
        for (to, row) in rounded.chunks_exact_mut(stride).zip(a.chunks_exact(inputs)) {
            round(Isa::best(), row, to);
        }
        let mut plain = vec![f32::NAN; rows * width];
        packed.scalar(Rows::new(&rounded, stride, rows), RowsMut::new(&mut plain, width));
        for isa in Isa::available() {
            let mut c = vec![f32::NAN; rows * width];
            packed.apply(isa, Rows::new(&rounded, stride, rows), RowsMut::new(&mut c, width));
            for (row, output) in (0..rows).flat_map(|row| (0..bias.len()).map(move |output| (row, output))) {
                let products = weight[output * inputs..][..inputs].iter().zip(&rounded[row * stride..]);
                let (mut sum, mut size) = (f64::from(bias[output]), f64::from(bias[output]).abs());
                for (&weight, a) in products {
                    let product = bf16::from_f32(weight).to_f64() * a.to_f64();
                    (sum, size) = (sum + product, size + product.abs());
                }
                let difference = (f64::from(c[row * width + output]) - sum).abs();
                // Each addition rounds to half a unit in the last place of what was added so far.
                let tolerance = size * f64::from(f32::EPSILON) * (inputs + 1) as f64 / 2.0;
                assert!(difference <= tolerance, "{isa:?} at {row}, {output}: {difference}");
            }
            if !kernel_name(isa).contains("vdpbf16ps") {
                assert!(c.iter().zip(&plain).all(|(c, plain)| c.to_bits() == plain.to_bits()), "{isa:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_version_is_near_the_exact_product(
            (rows, inputs, outputs) in (1usize..30, 1usize..80, 1usize..50),
            a in prop::collection::vec(-9.0f32..9.0, 30 * 80),
            weights in prop::collection::vec(-2.0f32..2.0, 80 * 50),
            bias in prop::collection::vec(-9.0f32..9.0, 50),
        ) {
            check(&a, rows, &weights[..outputs * inputs], &bias[..outputs], inputs);
        }

        #[test]
        fn numbers_are_rounded_to_the_nearest(bits: [u32; 40]) {
            for isa in Isa::available() {
                let mut to = [bf16::ZERO; 40];
                round(isa, &bits.map(f32::from_bits), &mut to);
                for (to, bits) in to.into_iter().zip(bits) {
                    let expected = bf16::from_f32(f32::from_bits(bits));
                    prop_assert!(to == expected || to.is_nan() && expected.is_nan(), "{isa:?}: {bits:x}");
                    prop_assert!(to.is_nan() || to.to_bits() == expected.to_bits());
                }
            }
        }
    }

    #[test]
    fn numbers_of_very_different_sizes_add_up() {
        let sizes = [1e-18, 3.0, -1e18, 1e18, 7e-6];
        let a: Vec<f32> = (0..13 * 301).map(|i| sizes[i % sizes.len()] * (1.0 + i as f32 * 1e-4)).collect();
        let weight: Vec<f32> = (0..17 * 301).map(|i| (i as f32 * 0.7).sin()).collect();
        check(&a, 13, &weight, &[-4.0; 17], 301);
    }

    #[test]
    fn ties_go_to_even_and_the_largest_become_infinite() {
        for (value, expected) in [
            (0x3f80_8000, 0x3f80),
            (0x3f81_8000, 0x3f82),
            (0x3f80_8001, 0x3f81),
            (0x7f7f_ffff, 0x7f80),
            (0x8000_0000, 0x8000),
        ] {
            assert_eq!(rounded(f32::from_bits(value)).to_bits(), expected, "{value:x}");
        }
    }
}
