//! Fits [`TextMap`]s: weighted logistic regression on a text's highest logit and the logarithm of its length.

use portcullis::calibrate::TextMap;

/// The flattest accepted map: below, the logits say nothing.
const MIN_SLOPE: f64 = 0.05;
const MAX_ITERATIONS: usize = 100;
/// Of the summed loss; a smaller gain ends the fit.
const MIN_RELATIVE_GAIN: f64 = 1e-10;
/// Keeps Newton's step finite where the data separates perfectly.
const RIDGE: f64 = 1e-6;

/// A text with a known label.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// The highest of its windows.
    pub logit: f32,
    pub n_windows: usize,
    pub label: bool,
    /// What it counts.
    pub weight: f64,
}

impl Observation {
    fn features(&self) -> Vector {
        [f64::from(self.logit), (self.n_windows.max(1) as f64).ln(), 1.0]
    }
}

type Vector = [f64; 3];

/// Platt scaling by Newton's method, with Platt's smoothed targets (Lin, Lin and Weng 2007,
/// <https://doi.org/10.1007/s10994-007-5018-6>), and the length as a second feature where it lowers the probability.
pub fn fit_text_map(observations: &[Observation]) -> TextMap {
    let problem = Problem::new(observations);
    let with_length = problem.solve([true, true, true]);
    let [slope, length, intercept] =
        if with_length[1] <= 0.0 { with_length } else { problem.solve([true, false, true]) };
    TextMap { slope: slope.max(MIN_SLOPE), length, intercept }
}

struct Problem {
    /// Features, target and weight of each observation.
    rows: Vec<(Vector, f64, f64)>,
}

impl Problem {
    fn new(observations: &[Observation]) -> Self {
        let weight_of = |label: bool| -> f64 {
            observations
                .iter()
                .filter(|observation| observation.label == label)
                .map(|observation| observation.weight)
                .sum()
        };
        let (positive, negative) = (weight_of(true), weight_of(false));
        let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
        let row = |observation: &Observation| {
            (observation.features(), if observation.label { high } else { low }, observation.weight)
        };
        Self { rows: observations.iter().map(row).collect() }
    }

    /// The coefficients of least loss; those that are not used stay 0.
    fn solve(&self, used: [bool; 3]) -> Vector {
        let mut coefficients = [1.0, 0.0, 0.0];
        for _ in 0..MAX_ITERATIONS {
            let before = self.loss(&coefficients);
            let step = self.newton_step(&coefficients, used);
            let moved = |scale: f64| std::array::from_fn(|index| coefficients[index] - scale * step[index]);
            let mut scale = 1.0;
            while scale > 1e-6 && self.loss(&moved(scale)) > before {
                scale /= 2.0;
            }
            coefficients = moved(scale);
            if before - self.loss(&coefficients) < MIN_RELATIVE_GAIN * before.abs().max(1.0) {
                break;
            }
        }
        coefficients
    }

    fn loss(&self, coefficients: &Vector) -> f64 {
        let loss = |(features, target, weight): &(Vector, f64, f64)| {
            let z = dot(coefficients, features);
            weight * (z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z)
        };
        self.rows.iter().map(loss).sum()
    }

    /// The Hessian's inverse times the gradient.
    fn newton_step(&self, coefficients: &Vector, used: [bool; 3]) -> Vector {
        let mut gradient = [0.0; 3];
        let mut hessian = [[0.0; 3]; 3];
        for (features, target, weight) in &self.rows {
            let p = 1.0 / (1.0 + (-dot(coefficients, features)).exp());
            for i in (0..3).filter(|&i| used[i]) {
                gradient[i] += weight * (p - target) * features[i];
                for j in (0..3).filter(|&j| used[j]) {
                    hessian[i][j] += weight * p * (1.0 - p) * features[i] * features[j];
                }
            }
        }
        for (i, row) in hessian.iter_mut().enumerate() {
            row[i] += if used[i] { RIDGE } else { 1.0 };
        }
        solve_symmetric(hessian, gradient)
    }
}

fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Gaussian elimination; the matrix is positive definite, so that no pivot is 0.
fn solve_symmetric(mut matrix: [[f64; 3]; 3], mut right: Vector) -> Vector {
    for pivot in 0..3 {
        let pivot_row = matrix[pivot];
        for row in pivot + 1..3 {
            let factor = matrix[row][pivot] / pivot_row[pivot];
            for (entry, above) in matrix[row].iter_mut().zip(pivot_row) {
                *entry -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; 3];
    for row in (0..3).rev() {
        let known: f64 = (row + 1..3).map(|column| matrix[row][column] * solution[column]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn drawn(truth: TextMap) -> Vec<Observation> {
        let mut rng = SmallRng::seed_from_u64(1);
        (0..20_000)
            .map(|_| {
                let (logit, n_windows) = (rng.random::<f32>() * 16.0 - 8.0, 1 << rng.random_range(0..8));
                let label = rng.random::<f64>() < truth.probability(logit, n_windows);
                Observation { logit, n_windows, label, weight: 1.0 }
            })
            .collect()
    }

    #[test]
    fn finds_the_map_that_made_the_labels() {
        let truth = TextMap { slope: 0.6, length: -0.5, intercept: -1.2 };
        let fitted = fit_text_map(&drawn(truth));
        assert!((fitted.slope - truth.slope).abs() < 0.03, "{fitted:?}");
        assert!((fitted.length - truth.length).abs() < 0.05, "{fitted:?}");
        assert!((fitted.intercept - truth.intercept).abs() < 0.12, "{fitted:?}");
    }

    #[test]
    fn length_never_raises_a_probability() {
        let fitted = fit_text_map(&drawn(TextMap { slope: 0.6, length: 0.5, intercept: -1.2 }));
        assert_eq!(fitted.length, 0.0);
    }

    #[test]
    fn a_perfect_separation_stays_finite() {
        let observation = |logit, label| Observation { logit, n_windows: 1, label, weight: 1.0 };
        let observations = [(-3.0, false), (-2.0, false), (2.0, true), (3.0, true)].map(|(l, y)| observation(l, y));
        let fitted = fit_text_map(&observations);
        assert!(fitted.slope.is_finite() && fitted.slope > 0.0 && fitted.intercept.is_finite(), "{fitted:?}");
    }
}
