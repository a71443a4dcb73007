//! GELU, x Φ(x) (Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>), and its derivative, over slices of f32.
//!
//! The normal distribution's Φ comes from formula 7.1.26 of Abramowitz and Stegun (absolute error of erf below 1.5e-7),
//! the exponential in it from Cephes' polynomial (relative error below 2e-7). One body in plain arithmetic serves every
//! instruction set: the compiler vectorises it for the one that it is compiled for.

/// GELU for the best instruction set that this CPU has.
#[derive(Clone, Copy, Debug)]
pub struct Gelu(Isa);

#[derive(Clone, Copy, Debug)]
enum Isa {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Proof),
}

impl Gelu {
    /// Looks at the CPU once.
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = avx2::Proof::new() {
            return Self(Isa::Avx2(proof));
        }
        Self::baseline()
    }

    /// The version that runs on every CPU of the architecture.
    pub fn baseline() -> Self {
        Self(Isa::Baseline)
    }

    /// GELU of each element.
    pub fn forward(self, x: &[f32]) -> Vec<f32> {
        match self.0 {
            Isa::Baseline => x.iter().map(|&x| gelu(x)).collect(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(proof) => proof.forward(x),
        }
    }

    /// The gradient at each element: `grad` times GELU's derivative at `x`. As long as the shorter of the two.
    pub fn backward(self, x: &[f32], grad: &[f32]) -> Vec<f32> {
        match self.0 {
            Isa::Baseline => x.iter().zip(grad).map(|(&x, &grad)| grad * derivative(x)).collect(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(proof) => proof.backward(x, grad),
        }
    }
}

impl Default for Gelu {
    fn default() -> Self {
        Self::new()
    }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    x * normal_cdf(x, exp_of_non_positive(-0.5 * x * x))
}

/// Φ(x) + x φ(x)
#[inline(always)]
fn derivative(x: f32) -> f32 {
    const ONE_OVER_SQRT_TWO_PI: f32 = 0.398_942_3;
    let e = exp_of_non_positive(-0.5 * x * x);
    normal_cdf(x, e) + x * e * ONE_OVER_SQRT_TWO_PI
}

/// Φ(x), given e^(-x²/2).
#[inline(always)]
fn normal_cdf(x: f32, e: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let polynomial = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    let upper_tail = 0.5 * polynomial * e;
    if x >= 0.0 { 1.0 - upper_tail } else { upper_tail }
}

/// e^x for x <= 0; 0 below the smallest normal number.
#[inline(always)]
fn exp_of_non_positive(x: f32) -> f32 {
    /// 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let series =
        (((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 0.166_666_65) * r + 0.5)
            * r
            * r
            + r
            + 1.0;
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    series * power
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    /// Proof that this CPU has AVX2.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Proof(());

    impl Proof {
        pub(super) fn new() -> Option<Self> {
            is_x86_feature_detected!("avx2").then_some(Self(()))
        }

        pub(super) fn forward(self, x: &[f32]) -> Vec<f32> {
            // SAFETY: `self` exists only if the CPU has AVX2, which is all that the function asks for.
            unsafe { forward(x) }
        }

        pub(super) fn backward(self, x: &[f32], grad: &[f32]) -> Vec<f32> {
            // SAFETY: as in `forward`.
            unsafe { backward(x, grad) }
        }
    }

    #[target_feature(enable = "avx2")]
    fn forward(x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        for (y, &x) in y.iter_mut().zip(x) {
            *y = super::gelu(x);
        }
        y
    }

    #[target_feature(enable = "avx2")]
    fn backward(x: &[f32], grad: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len().min(grad.len())];
        for (y, (&x, &grad)) in y.iter_mut().zip(x.iter().zip(grad)) {
            *y = grad * super::derivative(x);
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula's own error (1.5e-7 of erf, halved) and a few roundings of f32, times |x| up to 10.
    const TOLERANCE: f64 = 2e-6;

    /// Φ by the series of erf, in f64: converges everywhere, exact enough below |x| = 10.
    fn exact_cdf(x: f64) -> f64 {
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term.abs() > 1e-18 * sum.abs().max(1e-300) && n < 2000.0 {
            term *= x * x / (2.0 * n + 1.0);
            sum += term;
            n += 1.0;
        }
        0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    fn inputs() -> Vec<f32> {
        let mut inputs: Vec<f32> = (-80_000..=80_000).map(|i| i as f32 * 1e-4).collect();
        inputs.extend([0.0, -0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE]);
        inputs
    }

    #[test]
    fn every_version_is_near_the_exact_function() {
        let x = inputs();
        let ones = vec![1.0; x.len()];
        for version in [Gelu::baseline(), Gelu::new()] {
            let (y, dy) = (version.forward(&x), version.backward(&x, &ones));
            for ((&x, &y), &dy) in x.iter().zip(&y).zip(&dy) {
                let wide = f64::from(x);
                let cdf = exact_cdf(wide);
                let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
                assert!((f64::from(y) - wide * cdf).abs() < TOLERANCE, "{version:?} gelu({x}) = {y}");
                assert!((f64::from(dy) - cdf - wide * density).abs() < TOLERANCE, "{version:?} gelu'({x}) = {dy}");
            }
        }
    }

    #[test]
    fn extremes_saturate() {
        for version in [Gelu::baseline(), Gelu::new()] {
            for (x, expected) in [(1e30, 1e30), (50.0, 50.0), (-50.0, 0.0), (f32::MIN, 0.0)] {
                let y = version.forward(&[x]).first().copied().unwrap_or(f32::NAN);
                assert!((y - expected).abs() <= f32::MIN_POSITIVE * 50.0, "{version:?} gelu({x}) = {y}");
            }
            assert!(version.forward(&[f32::NAN]).iter().all(|y| y.is_nan()));
        }
    }

    #[test]
    fn a_shorter_gradient_ends_the_result() {
        assert_eq!(Gelu::new().backward(&[1.0, 2.0], &[1.0]).len(), 1);
    }
}
