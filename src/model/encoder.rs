//! The BERT encoder (Devlin et al. 2018). Structs nest as the weights are named in a Hugging Face checkpoint.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::config::EncoderConfig;
use super::layers::{LayerNorm, Linear, Regularizer, gelu, softmax};

/// Token ids of one rectangular batch, padded to its longest window.
#[derive(Debug)]
pub struct EncoderInput {
    /// Token ids. [batch, length], u32.
    pub ids: Tensor,
    /// Token types. [batch, length], u32.
    pub token_types: Tensor,
    /// Added to the attention scores: 0 at tokens, a large negative number at padding. [batch, 1, 1, length], f32.
    pub attention_bias: Tensor,
}

/// Embeddings and layers.
#[derive(Debug)]
pub struct Encoder {
    pub(super) embeddings: Embeddings,
    pub(super) layers: Vec<Layer>,
    pub(super) last: Layer,
}

impl Encoder {
    /// Reads the weights under the builder's prefix.
    ///
    /// # Errors
    /// A weight is missing or has another shape.
    pub fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> Result<Self> {
        let layers = vb.pp("encoder").pp("layer");
        let last = config.num_hidden_layers.saturating_sub(1);
        Ok(Self {
            embeddings: Embeddings::load(&vb.pp("embeddings"), config)?,
            layers: (0..last).map(|index| Layer::load(&layers.pp(index), config)).collect::<Result<_>>()?,
            last: Layer::load(&layers.pp(last), config)?,
        })
    }

    /// The hidden state of each window's first token (`[CLS]`): [batch, hidden]. The last layer runs for that token alone,
    /// which changes nothing in its value.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn pooled(&self, input: &EncoderInput, purpose: &dyn Regularizer) -> Result<Tensor> {
        let context = self.context(input, purpose)?;
        let first = context.narrow(1, 0, 1)?.contiguous()?;
        self.last.forward(&first, &context, &input.attention_bias, purpose)?.squeeze(1)
    }

    /// The hidden state of every token: [batch, length, hidden].
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn states(&self, input: &EncoderInput, purpose: &dyn Regularizer) -> Result<Tensor> {
        let context = self.context(input, purpose)?;
        self.last.forward(&context, &context, &input.attention_bias, purpose)
    }

    /// What the last layer reads: [batch, length, hidden].
    fn context(&self, input: &EncoderInput, purpose: &dyn Regularizer) -> Result<Tensor> {
        let embedded = self.embeddings.forward(input, purpose)?;
        self.layers
            .iter()
            .try_fold(embedded, |hidden, layer| layer.forward(&hidden, &hidden, &input.attention_bias, purpose))
    }
}

#[derive(Debug)]
pub(super) struct Embeddings {
    pub(super) word: Tensor,
    pub(super) position: Tensor,
    pub(super) token_type: Tensor,
    pub(super) norm: LayerNorm,
}

impl Embeddings {
    fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> Result<Self> {
        let table = |name: &str, rows: usize| vb.pp(name).get((rows, config.hidden_size), "weight");
        Ok(Self {
            word: table("word_embeddings", config.vocab_size)?,
            position: table("position_embeddings", config.max_position_embeddings)?,
            token_type: table("token_type_embeddings", config.type_vocab_size)?,
            norm: LayerNorm::load(&vb.pp("LayerNorm"), config.hidden_size, config.layer_norm_eps)?,
        })
    }

    /// -> [batch, length, hidden]
    fn forward(&self, input: &EncoderInput, purpose: &dyn Regularizer) -> Result<Tensor> {
        let (batch, length) = input.ids.dims2()?;
        let look_up = |table: &Tensor, ids: &Tensor| {
            table.embedding(&ids.flatten_all()?)?.reshape((batch, length, table.dim(1)?))
        };
        let words = look_up(&self.word, &input.ids)?;
        let types = look_up(&self.token_type, &input.token_types)?;
        let positions = self.position.narrow(0, 0, length)?;
        let sum = (words + types)?.broadcast_add(&positions)?;
        purpose.regularize(self.norm.forward(&sum)?)
    }
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention: Attention,
    pub(super) intermediate: Linear,
    pub(super) output: Linear,
    pub(super) output_norm: LayerNorm,
}

impl Layer {
    fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let output = vb.pp("output");
        Ok(Self {
            attention: Attention::load(&vb.pp("attention"), config)?,
            intermediate: Linear::load(&vb.pp("intermediate").pp("dense"), hidden, inner)?,
            output: Linear::load(&output.pp("dense"), inner, hidden)?,
            output_norm: LayerNorm::load(&output.pp("LayerNorm"), hidden, config.layer_norm_eps)?,
        })
    }

    /// queries [batch, n_queries, hidden], context [batch, length, hidden] -> [batch, n_queries, hidden]
    fn forward(&self, queries: &Tensor, context: &Tensor, bias: &Tensor, purpose: &dyn Regularizer) -> Result<Tensor> {
        let attended = self.attention.forward(queries, context, bias, purpose)?;
        let inner = gelu(&self.intermediate.forward(&attended)?)?;
        let output = purpose.regularize(self.output.forward(&inner)?)?;
        self.output_norm.forward(&(output + attended)?)
    }
}

#[derive(Debug)]
pub(super) struct Attention {
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) output: Linear,
    pub(super) output_norm: LayerNorm,
    pub(super) n_heads: usize,
}

impl Attention {
    fn load(vb: &VarBuilder<'_>, config: &EncoderConfig) -> Result<Self> {
        let hidden = config.hidden_size;
        let projection = |name: &str| Linear::load(&vb.pp("self").pp(name), hidden, hidden);
        let output = vb.pp("output");
        Ok(Self {
            query: projection("query")?,
            key: projection("key")?,
            value: projection("value")?,
            output: Linear::load(&output.pp("dense"), hidden, hidden)?,
            output_norm: LayerNorm::load(&output.pp("LayerNorm"), hidden, config.layer_norm_eps)?,
            n_heads: config.num_attention_heads,
        })
    }

    fn forward(&self, queries: &Tensor, context: &Tensor, bias: &Tensor, purpose: &dyn Regularizer) -> Result<Tensor> {
        let (batch, n_queries, hidden) = queries.dims3()?;
        let head_size = hidden / self.n_heads;
        let q = (self.split_heads(&self.query.forward(queries)?)? * (head_size as f64).powf(-0.5))?;
        let k = self.split_heads(&self.key.forward(context)?)?;
        let v = self.split_heads(&self.value.forward(context)?)?;
        // [batch, heads, n_queries, length]
        let mixed = softmax(&q.matmul(&k.t()?)?, bias)?.matmul(&v)?;
        let merged = mixed.transpose(1, 2)?.reshape((batch, n_queries, hidden))?;
        let output = purpose.regularize(self.output.forward(&merged)?)?;
        self.output_norm.forward(&(output + queries)?)
    }

    /// [batch, length, hidden] -> [batch, heads, length, head size]
    fn split_heads(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, length, hidden) = x.dims3()?;
        x.reshape((batch, length, self.n_heads, hidden / self.n_heads))?.transpose(1, 2)?.contiguous()
    }
}
