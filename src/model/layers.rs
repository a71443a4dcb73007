//! The layers that the encoder is built of, each in the form that the moment needs: fused for inference,
//! differentiable for training. (candle's fused layer norm and softmax have no backward pass.)

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, DType, Layout, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use portcullis_kernels::Gelu;

/// What a forward pass is for. Training perturbs hidden states and asks for gradients; inference does neither.
pub trait Regularizer {
    /// True if gradients will be asked for, so that every operation must have a backward pass.
    fn is_training(&self) -> bool;

    /// Regularises a hidden state, of any shape. The identity outside training.
    ///
    /// # Errors
    /// Those of the tensor library.
    fn regularize(&self, hidden: Tensor) -> Result<Tensor>;
}

/// The forward pass as it is served: nothing is perturbed, operations are fused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inference;

impl Regularizer for Inference {
    fn is_training(&self) -> bool {
        false
    }

    fn regularize(&self, hidden: Tensor) -> Result<Tensor> {
        Ok(hidden)
    }
}

/// An affine map, y = x Wᵀ + b.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
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
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    pub(super) fn load(vb: &VarBuilder<'_>, size: usize, eps: f64) -> Result<Self> {
        Ok(Self { weight: vb.get(size, "weight")?, bias: vb.get(size, "bias")?, eps: eps as f32 })
    }

    pub(super) fn forward(&self, x: &Tensor, purpose: &dyn Regularizer) -> Result<Tensor> {
        if purpose.is_training() {
            candle_nn::ops::layer_norm_slow(x, &self.weight, &self.bias, self.eps)
        } else {
            candle_nn::ops::layer_norm(&x.contiguous()?, &self.weight, &self.bias, self.eps)
        }
    }
}

/// Softmax over the last dimension.
pub(super) fn softmax(x: &Tensor, purpose: &dyn Regularizer) -> Result<Tensor> {
    if purpose.is_training() { candle_nn::ops::softmax(x, D::Minus1) } else { candle_nn::ops::softmax_last_dim(x) }
}

/// GELU in its exact form, with a backward pass; vectorised on the CPU.
pub(super) fn gelu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() && x.dtype() == DType::F32 { x.contiguous()?.apply_op1(GeluOp) } else { x.gelu_erf() }
}

struct GeluOp;

impl CustomOp1 for GeluOp {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = Gelu::new().forward(contiguous(storage, layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&grad.contiguous()?, &GeluGradientOp).map(Some)
    }
}

struct GeluGradientOp;

impl CustomOp2 for GeluGradientOp {
    fn name(&self) -> &'static str {
        "gelu-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = Gelu::new().backward(contiguous(x, x_layout)?, contiguous(grad, grad_layout)?);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }
}

/// The elements of a contiguous f32 tensor.
fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| candle_core::Error::msg("gelu needs a contiguous tensor"))?;
    storage.as_slice::<f32>()?.get(start..end).ok_or_else(|| candle_core::Error::msg("gelu's layout is out of bounds"))
}
