//! The encoder with its multi-label head: one linear map from the `[CLS]` state to a logit a category.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::config::EncoderConfig;
use super::encoder::{Encoder, EncoderInput};
use super::layers::Regularizer;
use super::{Logits, ScoreError, TokenBatch};
use crate::threat::Category;

/// Attention score of padding: far below any real score, and finite, so that no softmax can give NaN.
const PADDING_BIAS: f32 = -1e9;

/// A fine-tuned encoder: windows of token ids to logits.
#[derive(Debug)]
pub struct ThreatClassifier {
    encoder: Encoder,
    weight: Tensor,
    bias: Tensor,
    max_tokens: usize,
    device: Device,
}

impl ThreatClassifier {
    /// Reads the weights: the encoder's under its own names, the head's under `classifier`.
    ///
    /// # Errors
    /// A weight is missing or has another shape.
    pub fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> candle_core::Result<Self> {
        let head = vb.pp("classifier");
        Ok(Self {
            encoder: Encoder::load(vb, config)?,
            weight: head.get((Category::ALL.len(), config.hidden_size), "weight")?,
            bias: head.get(Category::ALL.len(), "bias")?,
            max_tokens: config.max_position_embeddings,
            device: vb.device().clone(),
        })
    }

    /// The logits of each window: [batch, categories], in the order of [`Category::ALL`].
    ///
    /// # Errors
    /// A window is too long, or the tensor library refused.
    pub fn forward(&self, batch: &TokenBatch, purpose: &dyn Regularizer) -> Result<Tensor, ScoreError> {
        let input = self.pad(batch)?;
        let pooled = purpose.regularize(self.encoder.pooled(&input, purpose)?)?;
        Ok(pooled.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?)
    }

    /// The pooled `[CLS]` state of each window: [batch, hidden]. What parity with other implementations is measured on.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn pooled(&self, batch: &TokenBatch, purpose: &dyn Regularizer) -> Result<Tensor, ScoreError> {
        Ok(self.encoder.pooled(&self.pad(batch)?, purpose)?)
    }

    /// [`Self::forward`] as numbers, checked: one finite row a window.
    ///
    /// # Errors
    /// As [`Self::forward`], or a logit that is not finite.
    pub fn logits(&self, batch: &TokenBatch, purpose: &dyn Regularizer) -> Result<Vec<Logits>, ScoreError> {
        let rows = self.forward(batch, purpose)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        if rows.len() != batch.len() {
            return Err(ScoreError::WrongShape { got: rows.len(), expected: batch.len() });
        }
        rows.iter()
            .map(|row| match row.as_slice() {
                &[injection, jailbreak, exfiltration] if row.iter().all(|logit| logit.is_finite()) => {
                    Ok(Logits { injection, jailbreak, exfiltration })
                }
                [_, _, _] => Err(ScoreError::NotFinite),
                _ => Err(ScoreError::WrongShape { got: rows.len(), expected: batch.len() }),
            })
            .collect()
    }

    fn pad(&self, batch: &TokenBatch) -> Result<EncoderInput, ScoreError> {
        let (rows, length) = (batch.len(), batch.windows().map(|(ids, _)| ids.len()).max().unwrap_or(0));
        if length > self.max_tokens {
            return Err(ScoreError::WindowTooLong { tokens: length, limit: self.max_tokens });
        }
        let mut ids = Vec::with_capacity(rows * length);
        let mut token_types = Vec::with_capacity(rows * length);
        let mut attention_bias = Vec::with_capacity(rows * length);
        for (row, (window, channel)) in batch.windows().enumerate() {
            let end = (row + 1) * length;
            ids.extend_from_slice(window);
            attention_bias.resize(ids.len(), 0.0);
            ids.resize(end, 0);
            attention_bias.resize(end, PADDING_BIAS);
            token_types.resize(end, channel.token_type());
        }
        Ok(EncoderInput {
            ids: Tensor::from_vec(ids, (rows, length), &self.device)?,
            token_types: Tensor::from_vec(token_types, (rows, length), &self.device)?,
            attention_bias: Tensor::from_vec(attention_bias, (rows, 1, 1, length), &self.device)?,
        })
    }
}
