//! GELU, x Φ(x) (Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>), and its derivative, over slices of f32.
//!
//! The normal distribution's Φ comes from formula 7.1.26 of Abramowitz and Stegun (absolute error of erf below 1.5e-7),
//! the exponential in it from Cephes' polynomial (relative error below 2e-7). One body in plain arithmetic serves every
//! instruction set: the compiler vectorises it for the one that it is compiled for.

use crate::Isa;
use crate::exp::exp_of_non_positive;

/// GELU of each element of `x`, to `y`; as far as both reach.
pub fn forward(isa: Isa, x: &[f32], y: &mut [f32]) {
    isa.run(
        #[inline(always)]
        || {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = gelu(x);
            }
        },
    );
}

/// GELU of each element of `x`, in place.
pub fn in_place(isa: Isa, x: &mut [f32]) {
    isa.run(
        #[inline(always)]
        || {
            for x in x {
                *x = gelu(*x);
            }
        },
    );
}

/// The gradient at each element, to `y`: `grad` times GELU's derivative at `x`; as far as all reach.
pub fn backward(isa: Isa, x: &[f32], grad: &[f32], y: &mut [f32]) {
    isa.run(
        #[inline(always)]
        || {
            for ((y, &x), &grad) in y.iter_mut().zip(x).zip(grad) {
                *y = grad * derivative(x);
            }
        },
    );
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

    fn check(isa: Isa, x: &[f32], expected: impl Fn(f32, f32, f32)) {
        let (mut y, mut dy) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        forward(isa, x, &mut y);
        backward(isa, x, &vec![1.0; x.len()], &mut dy);
        let mut replaced = x.to_vec();
        in_place(isa, &mut replaced);
        assert!(replaced.iter().zip(&y).all(|(replaced, y)| replaced.to_bits() == y.to_bits()));
        x.iter().zip(&y).zip(&dy).for_each(|((&x, &y), &dy)| expected(x, y, dy));
    }

    #[test]
    fn every_version_is_near_the_exact_function() {
        for isa in Isa::available() {
            check(isa, &inputs(), |x, y, dy| {
                let wide = f64::from(x);
                let cdf = exact_cdf(wide);
                let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
                assert!((f64::from(y) - wide * cdf).abs() < TOLERANCE, "{isa:?} gelu({x}) = {y}");
                assert!((f64::from(dy) - cdf - wide * density).abs() < TOLERANCE, "{isa:?} gelu'({x}) = {dy}");
            });
        }
    }

    #[test]
    fn extremes_saturate() {
        for isa in Isa::available() {
            for (x, expected) in [(1e30, 1e30), (50.0, 50.0), (-50.0, 0.0), (f32::MIN, 0.0)] {
                check(isa, &[x], |x, y, _| {
                    assert!((y - expected).abs() <= f32::MIN_POSITIVE * 50.0, "{isa:?} gelu({x}) = {y}");
                });
            }
            check(isa, &[f32::NAN], |_, y, _| assert!(y.is_nan()));
        }
    }
}
