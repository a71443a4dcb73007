//! An encoder's weights, packed once for the kernels. Their names and shapes are those of [`ThreatClassifier`], which read
//! them.

use candle_core::{DType, Result, Tensor};
use half::bf16;
use portcullis_kernels::Isa;
use portcullis_kernels::attention::Heads;
use portcullis_kernels::gemm::{self, Rows, RowsMut, int16};

use crate::model::classifier::{Head, ThreatClassifier};
use crate::model::encoder::{Embeddings, Layer};
use crate::model::layers::{LayerNorm, Linear};

/// Embeddings, layers and heads.
#[derive(Debug)]
pub(super) struct PackedWeights {
    pub(super) hidden: usize,
    pub(super) inner: usize,
    pub(super) heads: Heads,
    pub(super) embeddings: PackedEmbeddings,
    pub(super) layers: Vec<PackedLayer>,
    /// A logit a category, from a window's first state.
    pub(super) categories: gemm::f32::Weights,
    /// A logit a token, if the model has that head.
    pub(super) tokens: Option<gemm::f32::Weights>,
}

/// A table of words, and for each token type one of the sums of position and type.
#[derive(Debug)]
pub(super) struct PackedEmbeddings {
    pub(super) words: Vec<f32>,
    pub(super) positions: Vec<Vec<f32>>,
    pub(super) norm: PackedNorm,
}

#[derive(Debug)]
pub(super) struct PackedLayer {
    /// Scaled by 1 / √(head size), so that scores need no scaling.
    pub(super) query: PackedLinear,
    /// Keys, then values. Apart from the queries, since the last layer has fewer of these.
    pub(super) key_value: PackedLinear,
    pub(super) attention_output: PackedLinear,
    pub(super) attention_norm: PackedNorm,
    pub(super) intermediate: PackedLinear,
    pub(super) output: PackedLinear,
    pub(super) output_norm: PackedNorm,
}

#[derive(Debug)]
pub(super) struct PackedNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) eps: f32,
}

/// An affine map in one of the arithmetics.
#[derive(Debug)]
pub(super) enum PackedLinear {
    F32(gemm::f32::Weights),
    Bf16(gemm::bf16::Weights),
    Int16(int16::Weights),
}

/// The arithmetic of the linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    F32,
    Bf16,
    Int16,
}

impl PackedWeights {
    pub(super) fn pack(model: &ThreatClassifier, arithmetic: Arithmetic) -> Result<Self> {
        let encoder = &model.encoder;
        let hidden = encoder.embeddings.word.dim(1)?;
        let heads = Heads { count: encoder.last.attention.n_heads, size: hidden / encoder.last.attention.n_heads };
        let layers = encoder.layers.iter().chain([&encoder.last]);
        Ok(Self {
            hidden,
            inner: encoder.last.intermediate.bias.dim(0)?,
            heads,
            embeddings: PackedEmbeddings::pack(&encoder.embeddings)?,
            layers: layers.map(|layer| PackedLayer::pack(layer, heads, arithmetic)).collect::<Result<_>>()?,
            categories: head(&model.category_head, hidden)?,
            tokens: model.token_head.as_ref().map(|token| head(token, hidden)).transpose()?,
        })
    }
}

impl PackedWeights {
    /// The name of the kernel that runs the linear layers.
    pub(super) fn kernel_name(&self, isa: Isa) -> &'static str {
        match self.layers.first().map(|layer| &layer.query) {
            Some(PackedLinear::Int16(_)) => int16::kernel_name(isa),
            Some(PackedLinear::Bf16(_)) => gemm::bf16::kernel_name(isa),
            Some(PackedLinear::F32(_)) | None => gemm::f32::kernel_name(isa),
        }
    }
}

impl PackedEmbeddings {
    fn pack(embeddings: &Embeddings) -> Result<Self> {
        let types = embeddings.token_type.dim(0)?;
        let sums = |index| numbers(&embeddings.position.broadcast_add(&embeddings.token_type.get(index)?)?);
        Ok(Self {
            words: numbers(&embeddings.word)?,
            positions: (0..types).map(sums).collect::<Result<_>>()?,
            norm: PackedNorm::pack(&embeddings.norm)?,
        })
    }
}

impl PackedLayer {
    fn pack(layer: &Layer, heads: Heads, arithmetic: Arithmetic) -> Result<Self> {
        let attention = &layer.attention;
        let scale = (heads.size as f64).powf(-0.5);
        let pack = |linear: &Linear| PackedLinear::pack(&linear.weight, &linear.bias, arithmetic);
        let joined = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 0);
        Ok(Self {
            query: PackedLinear::pack(
                &(&attention.query.weight * scale)?,
                &(&attention.query.bias * scale)?,
                arithmetic,
            )?,
            key_value: PackedLinear::pack(
                &joined(&attention.key.weight, &attention.value.weight)?,
                &joined(&attention.key.bias, &attention.value.bias)?,
                arithmetic,
            )?,
            attention_output: pack(&attention.output)?,
            attention_norm: PackedNorm::pack(&attention.output_norm)?,
            intermediate: pack(&layer.intermediate)?,
            output: pack(&layer.output)?,
            output_norm: PackedNorm::pack(&layer.output_norm)?,
        })
    }
}

impl PackedNorm {
    fn pack(norm: &LayerNorm) -> Result<Self> {
        Ok(Self { weight: numbers(&norm.weight)?, bias: numbers(&norm.bias)?, eps: norm.eps })
    }
}

impl PackedLinear {
    fn pack(weight: &Tensor, bias: &Tensor, arithmetic: Arithmetic) -> Result<Self> {
        let (inputs, weight, bias) = (weight.dim(1)?, numbers(weight)?, numbers(bias)?);
        Ok(match arithmetic {
            Arithmetic::F32 => Self::F32(gemm::f32::Weights::pack(&weight, &bias, inputs)),
            Arithmetic::Bf16 => Self::Bf16(gemm::bf16::Weights::pack(&weight, &bias, inputs)),
            Arithmetic::Int16 => Self::Int16(int16::Weights::pack(&weight, &bias, inputs)),
        })
    }

    /// Each row through the map, to rows of `c` as wide as whole panels.
    pub(super) fn apply(&self, isa: Isa, rows: Rows<'_, f32>, codes: &Codes, c: RowsMut<'_>) {
        match self {
            Self::F32(weights) => weights.apply(isa, rows, c),
            Self::Bf16(weights) => weights.apply(isa, Rows::new(&codes.rounded, codes.stride, rows.count()), c),
            Self::Int16(weights) => {
                weights.apply(isa, Rows::new(&codes.codes, codes.stride, rows.count()), &codes.scales, c);
            }
        }
    }
}

/// Some rows as the arithmetic's kernels read them, where that is not f32.
#[derive(Debug, Default)]
pub(super) struct Codes {
    rounded: Vec<bf16>,
    codes: Vec<i16>,
    scales: Vec<f32>,
    stride: usize,
}

impl Codes {
    /// Reads the first `width` elements of each row of `rows`.
    pub(super) fn read<'a>(
        &mut self,
        (isa, arithmetic): (Isa, Arithmetic),
        rows: impl ExactSizeIterator<Item = &'a [f32]>,
        width: usize,
    ) {
        // The kernels read inputs in pairs.
        self.stride = width.next_multiple_of(2);
        let (stride, length) = (self.stride.max(1), rows.len() * self.stride);
        let rows = rows.map(|row| row.get(..width).unwrap_or(row));
        match arithmetic {
            Arithmetic::F32 => rows.for_each(drop),
            Arithmetic::Bf16 => {
                self.rounded.resize(self.rounded.len().max(length), bf16::ZERO);
                for (row, rounded) in rows.zip(self.rounded.chunks_exact_mut(stride)) {
                    gemm::bf16::round(isa, row, rounded);
                }
            }
            Arithmetic::Int16 => {
                self.codes.resize(self.codes.len().max(length), 0);
                self.scales.clear();
                for (row, codes) in rows.zip(self.codes.chunks_exact_mut(stride)) {
                    self.scales.push(int16::quantise(isa, row, codes));
                }
            }
        }
    }
}

fn head(head: &Head, hidden: usize) -> Result<gemm::f32::Weights> {
    Ok(gemm::f32::Weights::pack(&numbers(&head.weight)?, &numbers(&head.bias)?, hidden))
}

/// A tensor's elements, row by row.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
