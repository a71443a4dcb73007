//! The encoder gives what Hugging Face transformers gives for the same weights and token ids.
//! `tests/parity/make_golden.py` made the numbers, with torch in f32.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use portcullis::artifact::{ArtifactFiles, Manifest, TOKENIZER, WEIGHTS, read_weights};
use portcullis::canonical::canonicalize;
use portcullis::model::{Detail, Inference, ThreatClassifier, TokenBatch};
use portcullis::threat::Channel;
use portcullis::tokenize::Tokenizer;
use serde::Deserialize;

/// Six layers of f32 sums in another order. Measured: see docs/ARCHITECTURE.md.
const TOLERANCE: f32 = 2e-5;

#[derive(Deserialize)]
struct Record {
    text: String,
    token_type: u32,
    ids: Vec<u32>,
    pooled: Vec<f32>,
    logits: Vec<f32>,
    tokens: Vec<f32>,
}

fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn states_and_logits_equal_those_of_transformers() {
    let files = ArtifactFiles::embedded().unwrap();
    let (manifest, _) = Manifest::read(&files).unwrap();
    let tensors = read_weights(&files.read(WEIGHTS).unwrap()).unwrap();
    let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let classifier = ThreatClassifier::load(&vb, &manifest.encoder).unwrap();
    let tokenizer = Tokenizer::from_bytes(&files.read(TOKENIZER).unwrap()).unwrap();
    let records: Vec<Record> = serde_json::from_str(include_str!("parity/golden.json")).unwrap();
    assert!(records.len() >= 6);

    // All in one padded batch, which must change nothing.
    let channel = |record: &Record| Channel::ALL.into_iter().find(|c| c.token_type() == record.token_type).unwrap();
    let batch: TokenBatch = records.iter().map(|record| (record.ids.as_slice(), channel(record))).collect();
    let pooled = classifier.pooled(&batch, &Inference).unwrap().to_vec2::<f32>().unwrap();
    let logits = classifier.forward(&batch, &Inference).unwrap().to_vec2::<f32>().unwrap();
    let detailed = classifier.score(&batch, Detail::Tokens, &Inference).unwrap();
    for (((record, pooled), logits), detailed) in records.iter().zip(&pooled).zip(&logits).zip(&detailed) {
        let windows = tokenizer.windows(&canonicalize(&record.text).visible.text, manifest.window).windows;
        if let [window] = windows.as_slice() {
            assert_eq!(window.ids, record.ids, "{:?}", record.text);
        }
        let (state, score) = (max_difference(pooled, &record.pooled), max_difference(logits, &record.logits));
        let tokens = max_difference(&detailed.tokens, &record.tokens);
        println!(
            "{} tokens: pooled differs by {state:.1e}, logits by {score:.1e}, token logits by {tokens:.1e}",
            record.ids.len()
        );
        assert!(state <= TOLERANCE && score.max(tokens) <= TOLERANCE * 10.0, "{:?}: {state} {score}", record.text);
    }
}
