//! The shape of an encoder. The fields and their names are those of a Hugging Face BERT `config.json`.

use serde::{Deserialize, Serialize};

/// The hyper-parameters of a BERT encoder (Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Width of a hidden state.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Epsilon of each layer norm.
    pub layer_norm_eps: f64,
    /// The longest window, in tokens.
    pub max_position_embeddings: usize,
    /// Attention heads a layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Token types; two: instruction and data.
    pub type_vocab_size: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
}

impl EncoderConfig {
    /// Checks that the numbers fit each other and stay within what this implementation is meant for.
    ///
    /// # Errors
    /// A sentence that names the field that is off.
    pub fn validate(&self) -> Result<(), String> {
        let bounded = [
            ("hidden_size", self.hidden_size, 4096),
            ("intermediate_size", self.intermediate_size, 16_384),
            ("max_position_embeddings", self.max_position_embeddings, 8192),
            ("num_attention_heads", self.num_attention_heads, 128),
            ("num_hidden_layers", self.num_hidden_layers, 64),
            ("vocab_size", self.vocab_size, 1_000_000),
        ];
        for (field, value, limit) in bounded {
            if value == 0 || value > limit {
                return Err(format!("{field} is {value}; it must be between 1 and {limit}"));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err("num_attention_heads must divide hidden_size".to_owned());
        }
        if self.type_vocab_size < 2 {
            return Err("type_vocab_size must be at least 2: one token type a channel".to_owned());
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err("layer_norm_eps must be between 0 and 1".to_owned());
        }
        Ok(())
    }
}
