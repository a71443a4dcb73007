//! The encoder with its heads: a linear map from the `[CLS]` state to a logit a category, and one from each token's state to
//! a logit that the token is part of an attack.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::config::EncoderConfig;
use super::encoder::{Encoder, EncoderInput};
use super::layers::Regularizer;
use super::{Detail, Logits, ScoreError, TokenBatch, WindowScore};
use crate::threat::Category;

/// Attention score of padding: far below any real score, and finite, so that no softmax can give NaN.
const PADDING_BIAS: f32 = -1e9;

/// A fine-tuned encoder: windows of token ids to logits.
#[derive(Debug)]
pub struct ThreatClassifier {
    pub(super) encoder: Encoder,
    pub(super) category_head: Head,
    pub(super) token_head: Option<Head>,
    max_tokens: usize,
    device: Device,
}

impl ThreatClassifier {
    /// Reads the weights: the encoder's under its own names, the heads' under `classifier` and `token_classifier`. A model
    /// may lack the second: then it says that there is an attack in a window, not where.
    ///
    /// # Errors
    /// A weight is missing or has another shape.
    pub fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> candle_core::Result<Self> {
        let token_head = vb.pp("token_classifier");
        Ok(Self {
            encoder: Encoder::load(vb, config)?,
            category_head: Head::load(&vb.pp("classifier"), config.hidden_size, Category::ALL.len())?,
            token_head: token_head
                .contains_tensor("weight")
                .then(|| Head::load(&token_head, config.hidden_size, 1))
                .transpose()?,
            max_tokens: config.max_position_embeddings,
            device: vb.device().clone(),
        })
    }

    /// The logits of each window: [batch, categories], in the order of [`Category::ALL`].
    ///
    /// # Errors
    /// A window is too long, or the tensor library refused.
    pub fn forward(&self, batch: &TokenBatch, purpose: &dyn Regularizer) -> Result<Tensor, ScoreError> {
        let pooled = purpose.regularize(self.encoder.pooled(&self.pad(batch)?, purpose)?)?;
        Ok(self.category_head.forward(&pooled)?)
    }

    /// [`Self::forward`]'s logits and those of each token: [batch, categories] and [batch, length], padded to the longest
    /// window. None if there is no token head.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_tokens(
        &self,
        batch: &TokenBatch,
        purpose: &dyn Regularizer,
    ) -> Result<Option<(Tensor, Tensor)>, ScoreError> {
        let Some(token_head) = &self.token_head else { return Ok(None) };
        let states = purpose.regularize(self.encoder.states(&self.pad(batch)?, purpose)?)?;
        let pooled = states.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let tokens =
            token_head.forward(&states.flatten_to(1)?)?.reshape(states.shape().dims3().map(|(b, l, _)| (b, l))?)?;
        Ok(Some((self.category_head.forward(&pooled)?, tokens)))
    }

    /// The pooled `[CLS]` state of each window: [batch, hidden]. What parity with other implementations is measured on.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn pooled(&self, batch: &TokenBatch, purpose: &dyn Regularizer) -> Result<Tensor, ScoreError> {
        Ok(self.encoder.pooled(&self.pad(batch)?, purpose)?)
    }

    /// Scores as numbers, checked: one a window, all finite. Tokens are scored if they are asked for and the model can.
    ///
    /// # Errors
    /// As [`Self::forward`], or a logit that is not finite.
    pub fn score(
        &self,
        batch: &TokenBatch,
        detail: Detail,
        purpose: &dyn Regularizer,
    ) -> Result<Vec<WindowScore>, ScoreError> {
        let with_tokens = match detail {
            Detail::Categories => None,
            Detail::Tokens => self.forward_tokens(batch, purpose)?,
        };
        let (logits, tokens) = match with_tokens {
            Some((logits, tokens)) => (rows(&logits)?, rows(&tokens)?),
            None => (rows(&self.forward(batch, purpose)?)?, vec![Vec::new(); batch.len()]),
        };
        if logits.len() != batch.len() || tokens.len() != batch.len() {
            return Err(ScoreError::WrongShape { got: logits.len().min(tokens.len()), expected: batch.len() });
        }
        batch
            .windows()
            .zip(logits)
            .zip(tokens)
            .map(|(((ids, _), logits), tokens)| checked(ids, &logits, tokens))
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

fn rows(logits: &Tensor) -> Result<Vec<Vec<f32>>, ScoreError> {
    Ok(logits.to_dtype(DType::F32)?.to_vec2::<f32>()?)
}

/// A window's score from its rows of logits; that of the tokens is padded behind them.
fn checked(ids: &[u32], logits: &[f32], mut tokens: Vec<f32>) -> Result<WindowScore, ScoreError> {
    tokens.truncate(ids.len());
    let &[injection, jailbreak, exfiltration] = logits else {
        return Err(ScoreError::WrongShape { got: logits.len(), expected: Category::ALL.len() });
    };
    if !logits.iter().chain(&tokens).all(|logit| logit.is_finite()) {
        return Err(ScoreError::NotFinite);
    }
    Ok(WindowScore { logits: Logits { injection, jailbreak, exfiltration }, tokens })
}

/// An affine map from states to logits.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl Head {
    fn load(vb: &VarBuilder<'_>, hidden: usize, outputs: usize) -> candle_core::Result<Self> {
        Ok(Self { weight: vb.get((outputs, hidden), "weight")?, bias: vb.get(outputs, "bias")? })
    }

    /// [rows, hidden] -> [rows, outputs]
    fn forward(&self, states: &Tensor) -> candle_core::Result<Tensor> {
        states.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)
    }
}
