//! Layer normalisation over rows (Ba et al. 2016, <https://arxiv.org/abs/1607.06450>) and its derivative.

use crate::Isa;
use crate::reduce::{dot, sum};

/// Each row of `x`, as long as `weight`, becomes (row - mean) / √(variance + eps) * weight + bias, to `y`.
pub fn forward(isa: Isa, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, y: &mut [f32]) {
    let length = weight.len().max(1);
    isa.run(
        #[inline(always)]
        || {
            for (x, y) in x.chunks_exact(length).zip(y.chunks_exact_mut(length)) {
                let (mean, scale) = moments(x, eps, y);
                for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                    *y = (x - mean) * scale * weight + bias;
                }
            }
        },
    );
}

/// Each row of `x`, as long as `weight`, plus the row of `added` with its number, which are `stride` apart, becomes its
/// layer norm, in place.
pub fn add_and_norm(isa: Isa, x: &mut [f32], added: &[f32], stride: usize, weight: &[f32], bias: &[f32], eps: f32) {
    let length = weight.len().max(1);
    isa.run(
        #[inline(always)]
        || {
            for (x, added) in x.chunks_exact_mut(length).zip(added.chunks(stride.max(1))) {
                for (x, added) in x.iter_mut().zip(added) {
                    *x += added;
                }
                let mean = sum(x) / length as f32;
                for x in x.iter_mut() {
                    *x -= mean;
                }
                let scale = 1.0 / (dot(x, x) / length as f32 + eps).sqrt();
                for ((x, &weight), &bias) in x.iter_mut().zip(weight).zip(bias) {
                    *x = *x * scale * weight + bias;
                }
            }
        },
    );
}

/// Where the gradients of a layer norm's operands go.
pub struct Gradients<'a> {
    /// Of the rows; overwritten.
    pub x: &'a mut [f32],
    /// Of the weight; added to.
    pub weight: &'a mut [f32],
    /// Of the bias; added to.
    pub bias: &'a mut [f32],
}

/// The gradients of the operands, from that of the result, `grad`.
pub fn backward(isa: Isa, x: &[f32], weight: &[f32], eps: f32, grad: &[f32], gradients: Gradients<'_>) {
    let length = weight.len().max(1);
    isa.run(
        #[inline(always)]
        || {
            let mut normed = vec![0.0; length];
            let rows = x.chunks_exact(length).zip(grad.chunks_exact(length)).zip(gradients.x.chunks_exact_mut(length));
            for ((x, grad), dx) in rows {
                let (mean, scale) = moments(x, eps, &mut normed);
                for (normed, &x) in normed.iter_mut().zip(x) {
                    *normed = (x - mean) * scale;
                }
                for ((dweight, &normed), &grad) in gradients.weight.iter_mut().zip(&normed).zip(grad) {
                    *dweight += grad * normed;
                }
                for (dbias, &grad) in gradients.bias.iter_mut().zip(grad) {
                    *dbias += grad;
                }
                backward_row(&normed, scale, weight, grad, dx);
            }
        },
    );
}

/// dx = scale (g - mean(g) - normed mean(g normed)), where g = grad weight.
#[inline(always)]
fn backward_row(normed: &[f32], scale: f32, weight: &[f32], grad: &[f32], dx: &mut [f32]) {
    for ((dx, &grad), &weight) in dx.iter_mut().zip(grad).zip(weight) {
        *dx = grad * weight;
    }
    let (mean, along) = (sum(dx) / dx.len() as f32, dot(dx, normed) / dx.len() as f32);
    for (dx, &normed) in dx.iter_mut().zip(normed) {
        *dx = scale * (*dx - mean - normed * along);
    }
}

/// A row's mean and 1 / √(variance + eps); `centred` is scratch space.
#[inline(always)]
fn moments(x: &[f32], eps: f32, centred: &mut [f32]) -> (f32, f32) {
    let mean = sum(x) / x.len() as f32;
    for (centred, &x) in centred.iter_mut().zip(x) {
        *centred = x - mean;
    }
    let variance = dot(centred, centred) / x.len() as f32;
    (mean, 1.0 / (variance + eps).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPS: f32 = 1e-12;
    const LENGTH: usize = 37;

    fn operands() -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let wave = |n: usize, step: f32, base: f32| (0..n).map(|i| base + (i as f32 * step).sin()).collect();
        (wave(3 * LENGTH, 1.3, 5.0), wave(LENGTH, 0.7, 1.0), wave(LENGTH, 0.2, 0.0))
    }

    fn exact(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f64> {
        x.chunks(LENGTH)
            .flat_map(|row| {
                let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
                let mean = row.iter().sum::<f64>() / LENGTH as f64;
                let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / LENGTH as f64;
                let scale = 1.0 / (variance + f64::from(EPS)).sqrt();
                row.into_iter()
                    .zip(weight.iter().zip(bias))
                    .map(move |(x, (&weight, &bias))| (x - mean) * scale * f64::from(weight) + f64::from(bias))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn every_version_is_near_the_exact_function() {
        let (x, weight, bias) = operands();
        for isa in Isa::available() {
            let mut y = vec![f32::NAN; x.len()];
            forward(isa, &x, &weight, &bias, EPS, &mut y);
            for (exact, &y) in exact(&x, &weight, &bias).into_iter().zip(&y) {
                assert!((exact - f64::from(y)).abs() < 1e-5, "{isa:?}: {exact} and {y}");
            }
        }
    }

    #[test]
    fn a_sum_is_normed_in_place() {
        let (sums, weight, bias) = operands();
        const STRIDE: usize = LENGTH + 3;
        let added: Vec<f32> = (0..3 * STRIDE).map(|i| (i as f32 * 0.4).cos()).collect();
        let of_row = |i: usize| added[i / LENGTH * STRIDE + i % LENGTH];
        for isa in Isa::available() {
            let mut x: Vec<f32> = sums.iter().enumerate().map(|(i, sum)| sum - of_row(i)).collect();
            add_and_norm(isa, &mut x, &added, STRIDE, &weight, &bias, EPS);
            for (exact, &x) in exact(&sums, &weight, &bias).into_iter().zip(&x) {
                assert!((exact - f64::from(x)).abs() < 1e-5, "{isa:?}: {exact} and {x}");
            }
        }
    }

    #[test]
    fn the_gradients_are_the_slopes() {
        let (x, weight, bias) = operands();
        let grad: Vec<f32> = (0..x.len()).map(|i| (i as f32 * 0.9).cos()).collect();
        let objective = |x: &[f32], weight: &[f32], bias: &[f32]| -> f64 {
            exact(x, weight, bias).into_iter().zip(&grad).map(|(y, &grad)| y * f64::from(grad)).sum()
        };
        let slope = |operand: usize, index: usize| {
            let moved = |by: f32| {
                let mut operands = [x.clone(), weight.clone(), bias.clone()];
                operands[operand][index] += by;
                objective(&operands[0], &operands[1], &operands[2])
            };
            (moved(1e-2) - moved(-1e-2)) / 2e-2
        };
        for isa in Isa::available() {
            let (mut dx, mut dweight, mut dbias) = (vec![0.0; x.len()], vec![0.0; LENGTH], vec![0.0; LENGTH]);
            backward(isa, &x, &weight, EPS, &grad, Gradients { x: &mut dx, weight: &mut dweight, bias: &mut dbias });
            for (operand, gradients) in [dx, dweight, dbias].iter().enumerate() {
                for (index, &gradient) in gradients.iter().enumerate() {
                    let slope = slope(operand, index);
                    assert!(
                        (slope - f64::from(gradient)).abs() < 2e-3,
                        "{isa:?} {operand}[{index}]: {slope} and {gradient}"
                    );
                }
            }
        }
    }
}
