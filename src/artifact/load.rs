//! From files to a model that scores.

use std::sync::Arc;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::manifest::{CALIBRATION, GOLDEN, MODEL_CARD, TOKENIZER, WEIGHTS};
use super::{ArtifactError, ArtifactFiles, GoldenRecord, Manifest};
use crate::calibrate::Calibration;
use crate::canonical::canonicalize;
use crate::model::{CandleScorer, Scorer, TokenBatch};
use crate::policy::Thresholds;
use crate::threat::{PerCategory, PerChannel};
use crate::tokenize::{Tokenizer, WindowLayout};

/// What an answer says of the model that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId {
    /// The manifest's name.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// SHA-256 of the manifest, hexadecimal; through it, of every file.
    pub digest: String,
}

/// A model that was verified and answers as its authors recorded.
pub struct Model {
    /// Who it is.
    pub id: ModelId,
    /// From text to windows.
    pub tokenizer: Tokenizer,
    /// How texts are cut.
    pub layout: WindowLayout,
    /// From windows to logits.
    pub scorer: Arc<dyn Scorer>,
    /// From logits to probabilities.
    pub calibration: Calibration,
    /// From probabilities to verdicts.
    pub thresholds: PerChannel<PerCategory<Thresholds>>,
}

impl Model {
    /// Verifies an artefact, loads it on the CPU and checks its golden inputs.
    ///
    /// # Errors
    /// The first reason for which it must not be served.
    pub fn load(files: &ArtifactFiles) -> Result<Self, ArtifactError> {
        let (manifest, digest) = Manifest::read(files)?;
        manifest.read_verified(files, MODEL_CARD)?;
        let tokenizer = Tokenizer::from_bytes(&manifest.read_verified(files, TOKENIZER)?)
            .map_err(|error| ArtifactError::invalid(TOKENIZER, error))?;
        if tokenizer.vocab_size() > manifest.encoder.vocab_size {
            return Err(ArtifactError::invalid(TOKENIZER, "the vocabulary is larger than the encoder's"));
        }
        let calibration: Calibration = serde_json::from_slice(&manifest.read_verified(files, CALIBRATION)?)
            .map_err(|error| ArtifactError::invalid(CALIBRATION, error))?;
        calibration.validate().map_err(|reason| ArtifactError::invalid(CALIBRATION, reason))?;
        let golden = GoldenRecord::parse(&manifest.read_verified(files, GOLDEN)?)?;
        let model = Self {
            id: ModelId { name: manifest.name.clone(), version: manifest.version.clone(), digest },
            tokenizer,
            layout: manifest.window,
            scorer: Arc::new(load_scorer(&manifest, files)?),
            calibration,
            thresholds: manifest.thresholds,
        };
        model.check_golden(&golden)?;
        Ok(model)
    }

    fn check_golden(&self, records: &[GoldenRecord]) -> Result<(), ArtifactError> {
        let mut batch = TokenBatch::default();
        for record in records {
            let windows = self
                .tokenizer
                .windows(&canonicalize(&record.text).text, self.layout)
                .map_err(|error| ArtifactError::invalid(GOLDEN, error))?
                .windows;
            match windows.as_slice() {
                [window] => batch.push(&window.ids, record.surface.channel()),
                _ => return Err(ArtifactError::invalid(GOLDEN, "a golden input does not fit one window")),
            }
        }
        let logits = self.scorer.score(&batch)?;
        records.iter().zip(&logits).enumerate().try_for_each(|(index, (record, actual))| record.check(index, actual))
    }
}

fn load_scorer(manifest: &Manifest, files: &ArtifactFiles) -> Result<CandleScorer, ArtifactError> {
    let invalid = |error: candle_core::Error| ArtifactError::invalid(WEIGHTS, error);
    let weights = manifest.read_verified(files, WEIGHTS)?;
    let tensors = candle_core::safetensors::load_buffer(&weights, &Device::Cpu)
        .map_err(invalid)?
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)))
        .collect::<candle_core::Result<_>>()
        .map_err(invalid)?;
    CandleScorer::load(&VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), &manifest.encoder).map_err(invalid)
}
