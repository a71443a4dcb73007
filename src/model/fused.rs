//! The CPU kernels as operations of the tensor library, each with its backward pass.
//!
//! Operands are made contiguous before. A forward pass is divided over the library's threads by rows; a backward pass is not:
//! training divides a batch over the cores itself.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor, bail};
use portcullis_kernels::{Isa, gelu, layer_norm, softmax};
use rayon::prelude::*;

/// GELU of each element.
pub(super) fn gelu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Gelu)
}

/// Layer normalisation over the last dimension; weight and bias are vectors.
pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    x.contiguous()?.apply_op3(weight, bias, LayerNorm { eps })
}

/// Softmax over the last dimension of scores [batch, heads, queries, length], with bias [batch, 1, 1, length] added. The
/// bias gets no gradient.
pub(super) fn softmax(scores: &Tensor, bias: &Tensor) -> Result<Tensor> {
    scores.contiguous()?.apply_op2(&bias.contiguous()?, Softmax)
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout)?;
        let mut y = vec![0.0; x.len()];
        by_rows(x, &mut y, 1, |x, y| gelu::forward(Isa::best(), x, y));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&grad.contiguous()?, &GeluGradient).map(Some)
    }
}

struct GeluGradient;

impl CustomOp2 for GeluGradient {
    fn name(&self) -> &'static str {
        "gelu-gradient"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout, grad: &CpuStorage, grad_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, grad) = (elements(x, at)?, elements(grad, grad_at)?);
        let mut dx = vec![0.0; x.len()];
        gelu::backward(Isa::best(), x, grad, &mut dx);
        Ok((CpuStorage::F32(dx), at.shape().clone()))
    }
}

struct LayerNorm {
    eps: f32,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        at: &Layout,
        weight: &CpuStorage,
        weight_at: &Layout,
        bias: &CpuStorage,
        bias_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, bias) = (elements(x, at)?, elements(weight, weight_at)?, elements(bias, bias_at)?);
        let mut y = vec![0.0; x.len()];
        by_rows(x, &mut y, weight.len(), |x, y| layer_norm::forward(Isa::best(), x, weight, bias, self.eps, y));
        Ok((CpuStorage::F32(y), at.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let all = x.apply_op3_no_bwd(weight, &grad.contiguous()?, &LayerNormGradients { eps: self.eps })?;
        let (n, length) = (x.elem_count(), weight.elem_count());
        let dx = all.narrow(0, 0, n)?.reshape(x.shape())?;
        Ok((Some(dx), Some(all.narrow(0, n, length)?), Some(all.narrow(0, n + length, length)?)))
    }
}

/// The gradients of x, weight and bias, end to end: an operation has one result.
struct LayerNormGradients {
    eps: f32,
}

impl CustomOp3 for LayerNormGradients {
    fn name(&self) -> &'static str {
        "layer-norm-gradients"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        at: &Layout,
        weight: &CpuStorage,
        weight_at: &Layout,
        grad: &CpuStorage,
        grad_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, grad) = (elements(x, at)?, elements(weight, weight_at)?, elements(grad, grad_at)?);
        let mut all = vec![0.0; x.len() + 2 * weight.len()];
        let (dx, rest) = all.split_at_mut(x.len());
        let (dweight, dbias) = rest.split_at_mut(weight.len());
        let gradients = layer_norm::Gradients { x: dx, weight: dweight, bias: dbias };
        layer_norm::backward(Isa::best(), x, weight, self.eps, grad, gradients);
        let shape = Shape::from(all.len());
        Ok((CpuStorage::F32(all), shape))
    }
}

struct Softmax;

impl CustomOp2 for Softmax {
    fn name(&self) -> &'static str {
        "attention-softmax"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout, bias: &CpuStorage, bias_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, n_heads, n_queries, length) = at.shape().dims4()?;
        let (x, bias) = (elements(x, at)?, elements(bias, bias_at)?);
        let mut y = vec![0.0; x.len()];
        let one_bias = n_heads * n_queries * length;
        if one_bias > 0 {
            let parts = y.chunks_mut(one_bias).zip(x.chunks(one_bias)).zip(bias.chunks(length));
            for ((y, x), bias) in parts {
                by_rows(x, y, length, |x, y| softmax::forward(Isa::best(), x, bias, y));
            }
        }
        Ok((CpuStorage::F32(y), at.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _bias: &Tensor, y: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(y.apply_op2_no_bwd(&grad.contiguous()?, &SoftmaxGradient)?), None))
    }
}

struct SoftmaxGradient;

impl CustomOp2 for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "attention-softmax-gradient"
    }

    fn cpu_fwd(&self, y: &CpuStorage, at: &Layout, grad: &CpuStorage, grad_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let length = at.shape().dims().last().copied().unwrap_or(1);
        let (y, grad) = (elements(y, at)?, elements(grad, grad_at)?);
        let mut dx = vec![0.0; y.len()];
        softmax::backward(Isa::best(), length, y, grad, &mut dx);
        Ok((CpuStorage::F32(dx), at.shape().clone()))
    }
}

/// Runs a kernel on stretches of whole rows, one a thread. With one thread it runs here, not on the pool's only worker,
/// which the threads of a training run would have to share.
fn by_rows(x: &[f32], y: &mut [f32], row: usize, kernel: impl Fn(&[f32], &mut [f32]) + Sync) {
    let n_threads = rayon::current_num_threads();
    if n_threads == 1 || row == 0 {
        return kernel(x, y);
    }
    let stretch = (x.len() / row).div_ceil(n_threads).max(1) * row;
    y.par_chunks_mut(stretch).zip(x.par_chunks(stretch)).for_each(|(y, x)| kernel(x, y));
}

/// The elements of a contiguous f32 tensor.
fn elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("a fused operation needs contiguous tensors") };
    storage.as_slice::<f32>()?.get(start..end).ok_or_else(|| Error::msg("a tensor's layout is out of its bounds"))
}
