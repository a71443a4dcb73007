//! Softmax over rows that share a bias, as attention has it, and its derivative.

use crate::Isa;
use crate::exp::exp_of_non_positive;
use crate::reduce::{dot, max, sum};

/// Each row of `x`, as long as `bias`, becomes softmax(row + bias), to `y`.
pub fn forward(isa: Isa, x: &[f32], bias: &[f32], y: &mut [f32]) {
    let length = bias.len().max(1);
    isa.run(
        #[inline(always)]
        || {
            for (x, y) in x.chunks_exact(length).zip(y.chunks_exact_mut(length)) {
                forward_row(x, bias, y);
            }
        },
    );
}

#[inline(always)]
fn forward_row(x: &[f32], bias: &[f32], y: &mut [f32]) {
    for ((y, &x), &bias) in y.iter_mut().zip(x).zip(bias) {
        *y = x + bias;
    }
    let largest = max(y);
    for y in y.iter_mut() {
        *y = exp_of_non_positive(*y - largest);
    }
    let scale = 1.0 / sum(y);
    for y in y.iter_mut() {
        *y *= scale;
    }
}

/// The gradient of rows of `length`, to `dx`, from their softmax `y` and its gradient: y (grad - Σ y grad).
pub fn backward(isa: Isa, length: usize, y: &[f32], grad: &[f32], dx: &mut [f32]) {
    let length = length.max(1);
    isa.run(
        #[inline(always)]
        || {
            let rows = y.chunks_exact(length).zip(grad.chunks_exact(length)).zip(dx.chunks_exact_mut(length));
            for ((y, grad), dx) in rows {
                let inner = dot(y, grad);
                for ((dx, &y), &grad) in dx.iter_mut().zip(y).zip(grad) {
                    *dx = y * (grad - inner);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roundings of f32 over a row, relative to probabilities of at most 1.
    const TOLERANCE: f64 = 1e-6;

    fn exact(x: &[f32], bias: &[f32]) -> Vec<f64> {
        let sums: Vec<f64> = x.iter().zip(bias).map(|(&x, &bias)| f64::from(x) + f64::from(bias)).collect();
        let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = sums.iter().map(|sum| (sum - largest).exp()).sum();
        sums.iter().map(|sum| (sum - largest).exp() / total).collect()
    }

    fn rows(length: usize) -> (Vec<f32>, Vec<f32>) {
        let wave = |i: usize, step: f32| (i as f32 * step).sin() * 6.0;
        let bias = (0..length).map(|i| if i % 5 == 4 { -1e9 } else { wave(i, 0.3) }).collect();
        ((0..3 * length).map(|i| wave(i, 1.7)).collect(), bias)
    }

    #[test]
    fn every_version_is_near_the_exact_function() {
        for (isa, length) in Isa::available().into_iter().flat_map(|isa| [1, 7, 16, 45].map(|n| (isa, n))) {
            let (x, bias) = rows(length);
            let mut y = vec![f32::NAN; x.len()];
            forward(isa, &x, &bias, &mut y);
            for (x, y) in x.chunks(length).zip(y.chunks(length)) {
                for (exact, &y) in exact(x, &bias).into_iter().zip(y) {
                    assert!((exact - f64::from(y)).abs() < TOLERANCE, "{isa:?} {length}: {exact} and {y}");
                }
            }
        }
    }

    #[test]
    fn the_gradient_is_the_slope() {
        const STEP: f32 = 1e-3;
        let (x, bias) = rows(19);
        let weights: Vec<f32> = (0..x.len()).map(|i| (i as f32 * 0.9).cos()).collect();
        let objective = |x: &[f32]| -> f64 {
            let rows = x.chunks(19).flat_map(|row| exact(row, &bias));
            rows.zip(&weights).map(|(y, &weight)| y * f64::from(weight)).sum()
        };
        for isa in Isa::available() {
            let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            forward(isa, &x, &bias, &mut y);
            backward(isa, 19, &y, &weights, &mut dx);
            for (index, &gradient) in dx.iter().enumerate() {
                let moved = |by: f32| {
                    let mut x = x.clone();
                    x[index] += by;
                    objective(&x)
                };
                let slope = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
                assert!((slope - f64::from(gradient)).abs() < 1e-4, "{isa:?} at {index}: {slope} and {gradient}");
            }
        }
    }
}
