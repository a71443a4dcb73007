//! Dropout (Srivastava et al. 2014) with masks from a seeded generator: candle's own draws from one that cannot be seeded
//! on the CPU.

use std::cell::RefCell;

use candle_core::{Result, Tensor};
use portcullis::model::Regularizer;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Zeroes each element with probability `p` and scales the rest by 1 / (1 - p).
pub struct Dropout {
    p: f32,
    rng: RefCell<SmallRng>,
}

impl Dropout {
    pub fn new(p: f32, seed: u64) -> Self {
        Self { p, rng: RefCell::new(SmallRng::seed_from_u64(seed)) }
    }
}

impl Regularizer for Dropout {
    fn regularize(&self, hidden: Tensor) -> Result<Tensor> {
        if self.p == 0.0 {
            return Ok(hidden);
        }
        let keep_scale = 1.0 / (1.0 - self.p);
        // One 64-bit draw decides two elements: 32 bits are enough for a probability.
        let threshold = (f64::from(self.p) * f64::from(u32::MAX)) as u32;
        let n = hidden.elem_count();
        let mut rng = self.rng.borrow_mut();
        let mut mask = Vec::with_capacity(n + 1);
        while mask.len() < n {
            let bits: u64 = rng.random();
            mask.push(if (bits as u32) < threshold { 0.0 } else { keep_scale });
            mask.push(if ((bits >> 32) as u32) < threshold { 0.0 } else { keep_scale });
        }
        mask.truncate(n);
        hidden.mul(&Tensor::from_vec(mask, hidden.shape(), hidden.device())?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let ones = Tensor::ones((100, 1000), DType::F32, &Device::Cpu).unwrap();
        let dropped = Dropout::new(0.1, 7).regularize(ones).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let zeros = dropped.iter().filter(|&&x| x == 0.0).count() as f64 / dropped.len() as f64;
        let mean = dropped.iter().map(|&x| f64::from(x)).sum::<f64>() / dropped.len() as f64;
        assert!((zeros - 0.1).abs() < 0.01, "{zeros}");
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
    }
}
