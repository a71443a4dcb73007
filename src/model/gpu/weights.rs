//! An encoder's weights in a device's memory. Their names and shapes are those of [`ThreatClassifier`], which read them.

use candle_core::{DType, Result, Tensor};
use portcullis_kernels::attention::Heads;
use portcullis_kernels::device::encoder::{Linear, Norm, Tables};
use portcullis_kernels::device::{Device, Floats, Halves};

use crate::model::EngineError;
use crate::model::classifier::{Head, ThreatClassifier};
use crate::model::encoder::{Embeddings, Layer};
use crate::model::layers;

/// Embeddings, layers and heads.
#[derive(Debug)]
pub(super) struct DeviceWeights<M> {
    pub(super) hidden: usize,
    pub(super) inner: usize,
    pub(super) heads: Heads,
    pub(super) words: usize,
    /// Positions, and places: a place is one of these as one of the token types.
    pub(super) positions: usize,
    pub(super) places: usize,
    pub(super) tables: Tables<M>,
    pub(super) norm: Norm<M>,
    pub(super) layers: Vec<DeviceLayer<M>>,
    /// A logit a category, from a window's first state.
    pub(super) categories: (Floats<M>, Floats<M>),
    /// A logit a token, if the model has that head.
    pub(super) tokens: Option<(Floats<M>, Floats<M>)>,
}

#[derive(Debug)]
pub(super) struct DeviceLayer<M> {
    /// Queries, keys and values, one after another.
    pub(super) projection: Linear<M>,
    pub(super) attention_output: Linear<M>,
    pub(super) attention_norm: Norm<M>,
    pub(super) intermediate: Linear<M>,
    pub(super) output: Linear<M>,
    pub(super) output_norm: Norm<M>,
}

impl<M> DeviceWeights<M> {
    pub(super) fn upload<D: Device<Memory = M>>(
        device: &D,
        model: &ThreatClassifier,
    ) -> std::result::Result<Self, EngineError> {
        let encoder = &model.encoder;
        let hidden = encoder.embeddings.word.dim(1)?;
        let count = encoder.last.attention.n_heads;
        let positions = encoder.embeddings.position.dim(0)?;
        let layers = encoder.layers.iter().chain([&encoder.last]);
        Ok(Self {
            hidden,
            inner: encoder.last.intermediate.bias.dim(0)?,
            heads: Heads { count, size: hidden / count },
            words: encoder.embeddings.word.dim(0)?,
            positions,
            places: positions * encoder.embeddings.token_type.dim(0)?,
            tables: tables(device, &encoder.embeddings)?,
            norm: norm(device, &encoder.embeddings.norm)?,
            layers: layers.map(|one| layer(device, one)).collect::<std::result::Result<_, _>>()?,
            categories: head(device, &model.category_head)?,
            tokens: model.token_head.as_ref().map(|one| head(device, one)).transpose()?,
        })
    }
}

fn tables<D: Device>(device: &D, embeddings: &Embeddings) -> std::result::Result<Tables<D::Memory>, EngineError> {
    let types = embeddings.token_type.dim(0)?;
    let sums = (0..types)
        .map(|index| embeddings.position.broadcast_add(&embeddings.token_type.get(index)?))
        .collect::<Result<Vec<_>>>()?;
    Ok(Tables {
        words: Halves::upload(device, &numbers(&embeddings.word)?)?,
        places: Halves::upload(device, &numbers(&Tensor::cat(&sums, 0)?)?)?,
    })
}

fn layer<D: Device>(device: &D, layer: &Layer) -> std::result::Result<DeviceLayer<D::Memory>, EngineError> {
    let attention = &layer.attention;
    let maps = [&attention.query, &attention.key, &attention.value];
    let projection = layers::Linear {
        weight: Tensor::cat(&maps.map(|map| &map.weight), 0)?,
        bias: Tensor::cat(&maps.map(|map| &map.bias), 0)?,
    };
    Ok(DeviceLayer {
        projection: linear(device, &projection)?,
        attention_output: linear(device, &attention.output)?,
        attention_norm: norm(device, &attention.output_norm)?,
        intermediate: linear(device, &layer.intermediate)?,
        output: linear(device, &layer.output)?,
        output_norm: norm(device, &layer.output_norm)?,
    })
}

fn linear<D: Device>(device: &D, map: &layers::Linear) -> std::result::Result<Linear<D::Memory>, EngineError> {
    Ok(Linear {
        weight: Halves::upload(device, &numbers(&map.weight)?)?,
        bias: Floats::upload(device, &numbers(&map.bias)?)?,
    })
}

fn norm<D: Device>(device: &D, norm: &layers::LayerNorm) -> std::result::Result<Norm<D::Memory>, EngineError> {
    Ok(Norm {
        weight: Floats::upload(device, &numbers(&norm.weight)?)?,
        bias: Floats::upload(device, &numbers(&norm.bias)?)?,
        eps: norm.eps,
    })
}

type HeadOn<D> = (Floats<<D as Device>::Memory>, Floats<<D as Device>::Memory>);

fn head<D: Device>(device: &D, head: &Head) -> std::result::Result<HeadOn<D>, EngineError> {
    Ok((Floats::upload(device, &numbers(&head.weight)?)?, Floats::upload(device, &numbers(&head.bias)?)?))
}

/// A tensor's elements, row by row.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
