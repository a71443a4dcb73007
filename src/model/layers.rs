//! The layers that the encoder is built of. On the CPU their elementwise parts are our own kernels (`fused`), with backward
//! passes: one form for inference and training.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::VarBuilder;

use super::fused;

/// What a forward pass is for: training perturbs hidden states, inference does not.
pub trait Regularizer {
    /// Regularises a hidden state, of any shape. The identity outside training.
    ///
    /// # Errors
    /// Those of the tensor library.
    fn regularize(&self, hidden: Tensor) -> Result<Tensor>;
}

/// The forward pass as it is served: nothing is perturbed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inference;

impl Regularizer for Inference {
    fn regularize(&self, hidden: Tensor) -> Result<Tensor> {
        Ok(hidden)
    }
}

/// An affine map, y = x Wᵀ + b.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl Linear {
    pub(super) fn load(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self { weight: vb.get((outputs, inputs), "weight")?, bias: vb.get(outputs, "bias")? })
    }

    /// [batch, length, inputs] -> [batch, length, outputs]. Flattened to one matrix product.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, length, inputs) = x.dims3()?;
        let rows = x.reshape((batch * length, inputs))?;
        let outputs = self.bias.dim(0)?;
        rows.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?.reshape((batch, length, outputs))
    }
}

/// Layer normalisation over the last dimension (Ba et al. 2016, <https://arxiv.org/abs/1607.06450>).
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) eps: f32,
}

impl LayerNorm {
    pub(super) fn load(vb: &VarBuilder<'_>, size: usize, eps: f64) -> Result<Self> {
        Ok(Self { weight: vb.get(size, "weight")?, bias: vb.get(size, "bias")?, eps: eps as f32 })
    }

    /// [.., size] -> [.., size]
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if is_fused(x) {
            fused::layer_norm(x, &self.weight, &self.bias, self.eps)
        } else {
            candle_nn::ops::layer_norm_slow(x, &self.weight, &self.bias, self.eps)
        }
    }
}

/// Attention's softmax over the last dimension: scores [batch, heads, queries, length], bias [batch, 1, 1, length].
pub(super) fn softmax(scores: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if is_fused(scores) {
        fused::softmax(scores, bias)
    } else {
        candle_nn::ops::softmax(&scores.broadcast_add(bias)?, D::Minus1)
    }
}

/// GELU in its exact form.
pub(super) fn gelu(x: &Tensor) -> Result<Tensor> {
    if is_fused(x) { fused::gelu(x) } else { x.gelu_erf() }
}

/// The kernels are for f32 on the CPU; anything else goes through the tensor library.
fn is_fused(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}
