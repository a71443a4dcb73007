//! What a `tokenizer.json` says, and whether this crate can do it: BERT's normal form, BERT's words, cut to a fixed length
//! if asked for, and WordPiece.
//!
//! Everything else is refused: a text read by other rules than the model was trained with would be judged by chance.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::TokenizeError;

/// The parts of the file that decide how a text becomes tokens. Its special tokens around a text, truncation, padding and
/// decoding are left to their callers.
#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    added_tokens: Vec<AddedToken>,
    normalizer: NormalizerRule,
    pre_tokenizer: WordRule,
    /// The vocabulary and how it is applied.
    pub(super) model: ModelRule,
}

/// A token that the file lists outside the vocabulary. Such tokens are never searched for in a text, so that nobody can
/// write one.
#[derive(Debug, Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    special: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum NormalizerRule {
    BertNormalizer { clean_text: bool, handle_chinese_chars: bool, strip_accents: Option<bool>, lowercase: bool },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum WordRule {
    BertPreTokenizer,
    FixedLength { length: usize },
    Sequence { pretokenizers: Vec<WordRule> },
}

/// A vocabulary and how it is applied.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum ModelRule {
    /// See [`super::wordpiece`].
    WordPiece {
        /// The token of a word that cannot be spelled.
        unk_token: String,
        /// How entries begin that go on within a word.
        continuing_subword_prefix: String,
        /// The longest word that is spelled.
        max_input_chars_per_word: usize,
        /// Every entry and its id.
        vocab: BTreeMap<String, u32>,
    },
}

impl Rules {
    /// Reads the file.
    pub(super) fn parse(json: &[u8]) -> Result<Self, TokenizeError> {
        let rules: Self = serde_json::from_slice(json).map_err(|error| TokenizeError::Parse(error.to_string()))?;
        match rules.normalizer {
            NormalizerRule::BertNormalizer {
                clean_text: true,
                handle_chinese_chars: true,
                strip_accents: None | Some(true),
                lowercase: true,
            } => {}
            NormalizerRule::BertNormalizer { .. } => {
                return Err(TokenizeError::Unsupported("a normalizer that keeps control characters, case or accents"));
            }
        }
        let ModelRule::WordPiece { vocab, .. } = &rules.model;
        let is_harmless = |token: &AddedToken| token.special && vocab.get(&token.content) == Some(&token.id);
        if !rules.added_tokens.iter().all(is_harmless) {
            return Err(TokenizeError::Unsupported("added tokens that are not special or not in the vocabulary"));
        }
        Ok(rules)
    }

    /// The length in characters at which words are cut; none if they are not.
    pub(super) fn max_word_chars(&self) -> Result<Option<usize>, TokenizeError> {
        let rules = match &self.pre_tokenizer {
            WordRule::Sequence { pretokenizers } => pretokenizers.as_slice(),
            rule => std::slice::from_ref(rule),
        };
        match rules {
            [WordRule::BertPreTokenizer] => Ok(None),
            [WordRule::BertPreTokenizer, WordRule::FixedLength { length: length @ 1.. }] => Ok(Some(*length)),
            _ => Err(TokenizeError::Unsupported("pre-tokenizers other than BERT's, then a fixed length")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn file() -> Value {
        json!({
            "added_tokens": [{ "id": 0, "content": "[UNK]", "special": true, "normalized": false }],
            "normalizer": {
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                "lowercase": true,
            },
            "pre_tokenizer": { "type": "BertPreTokenizer" },
            "model": {
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": { "[UNK]": 0 },
            },
        })
    }

    /// Reads the file with one value of it replaced; the length at which words are cut, unless it is refused.
    fn check(pointer: &str, value: Value, expected: Option<Option<usize>>) {
        let mut file = file();
        *file.pointer_mut(pointer).unwrap() = value;
        let read = Rules::parse(&serde_json::to_vec(&file).unwrap()).and_then(|rules| rules.max_word_chars());
        assert_eq!(read.ok(), expected, "{pointer}");
    }

    #[test]
    fn only_what_is_understood_is_accepted() {
        let (bert, cut) = (json!({ "type": "BertPreTokenizer" }), json!({ "type": "FixedLength", "length": 64 }));
        let sequence = |parts: &[&Value]| json!({ "type": "Sequence", "pretokenizers": parts });
        check("/normalizer/strip_accents", json!(true), Some(None));
        check("/normalizer/strip_accents", json!(false), None);
        check("/normalizer/lowercase", json!(false), None);
        check("/normalizer/clean_text", json!(false), None);
        check("/normalizer/type", json!("NFC"), None);
        check("/normalizer", Value::Null, None);
        check("/pre_tokenizer", sequence(&[&bert]), Some(None));
        check("/pre_tokenizer", sequence(&[&bert, &cut]), Some(Some(64)));
        check("/pre_tokenizer", sequence(&[&cut, &bert]), None);
        check("/pre_tokenizer", sequence(&[&bert, &json!({ "type": "FixedLength", "length": 0 })]), None);
        check("/pre_tokenizer", cut, None);
        check("/pre_tokenizer/type", json!("Whitespace"), None);
        check("/model/type", json!("BPE"), None);
        check("/added_tokens/0/special", json!(false), None);
        check("/added_tokens/0/id", json!(1), None);
        check("/added_tokens/0/content", json!("[NEW]"), None);
    }
}
