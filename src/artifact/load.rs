//! From files to a model that scores.

use std::sync::Arc;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::manifest::{CALIBRATION, GOLDEN, MANIFEST, ML_BOM, MODEL_CARD, TOKENIZER, WEIGHTS};
use super::weights::read_weights;
use super::{ArtifactError, ArtifactFiles, GoldenRecord, GoldenSet, Manifest};
use crate::calibrate::Calibration;
use crate::canonical::canonicalize;
use crate::model::{AnyEngine, Detail, DeviceChoice, EngineError, EngineOptions, Precision, Scorer, TokenBatch};
use crate::policy::{OperatingPoints, Policy, Thresholds};
use crate::threat::PerChannel;
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
    /// The thresholds that there are to choose from.
    pub operating_points: PerChannel<OperatingPoints>,
    /// Those that were chosen: by the model's authors, unless [`Self::set_policy`] was called.
    pub policy: PerChannel<Policy>,
    /// From probabilities to verdicts, by the policy.
    pub thresholds: PerChannel<Thresholds>,
    /// What it must score.
    pub golden: GoldenSet,
}

impl Model {
    /// [`Self::load_with`] the best device and arithmetic, on all cores.
    ///
    /// # Errors
    /// As there.
    pub fn load(files: &ArtifactFiles) -> Result<Self, ArtifactError> {
        Self::load_with(files, EngineOptions::default())
    }

    /// Verifies an artefact, loads it and checks its golden inputs. [`DeviceChoice::Auto`] is the first GPU and
    /// [`Precision::Auto`] the fastest arithmetic that passes this check; else the CPU, and f32.
    ///
    /// # Errors
    /// The first reason for which it must not be served.
    pub fn load_with(files: &ArtifactFiles, options: EngineOptions) -> Result<Self, ArtifactError> {
        let (manifest, digest) = Manifest::read(files)?;
        manifest.read_verified(files, MODEL_CARD)?;
        manifest.read_verified(files, ML_BOM)?;
        let tokenizer = load_tokenizer(&manifest, files)?;
        let calibration: Calibration = serde_json::from_slice(&manifest.read_verified(files, CALIBRATION)?)
            .map_err(|error| ArtifactError::invalid(CALIBRATION, error))?;
        calibration.validate().map_err(|reason| ArtifactError::invalid(CALIBRATION, reason))?;
        let (scorer, golden) = load_checked(&manifest, files, &tokenizer, options)?;
        Ok(Self {
            id: ModelId { name: manifest.name.clone(), version: manifest.version.clone(), digest },
            tokenizer,
            layout: manifest.window,
            scorer: Arc::new(scorer),
            calibration,
            thresholds: manifest
                .policy
                .thresholds(&manifest.thresholds)
                .map_err(|reason| ArtifactError::invalid(MANIFEST, reason))?,
            operating_points: manifest.thresholds,
            policy: manifest.policy,
            golden,
        })
    }

    /// Judges by other operating points than the authors chose.
    ///
    /// # Errors
    /// A sentence that says which of them the model lacks, or that the two are in the wrong order.
    pub fn set_policy(&mut self, policy: PerChannel<Policy>) -> Result<(), String> {
        self.thresholds = policy.thresholds(&self.operating_points)?;
        self.policy = policy;
        Ok(())
    }
}

/// Verifies an artefact's weights and loads the engine alone, as [`Model::load_with`] does.
///
/// # Errors
/// The first reason for which it must not be used.
pub fn load_engine(files: &ArtifactFiles, options: EngineOptions) -> Result<AnyEngine, ArtifactError> {
    let (manifest, _) = Manifest::read(files)?;
    load_checked(&manifest, files, &load_tokenizer(&manifest, files)?, options).map(|(engine, _)| engine)
}

fn load_tokenizer(manifest: &Manifest, files: &ArtifactFiles) -> Result<Tokenizer, ArtifactError> {
    let tokenizer = Tokenizer::from_bytes(&manifest.read_verified(files, TOKENIZER)?)
        .map_err(|error| ArtifactError::invalid(TOKENIZER, error))?;
    if tokenizer.vocab_size() > manifest.encoder.vocab_size {
        return Err(ArtifactError::invalid(TOKENIZER, "the vocabulary is larger than the encoder's"));
    }
    Ok(tokenizer)
}

/// An engine that gives the golden inputs their logits, and these.
fn load_checked(
    manifest: &Manifest,
    files: &ArtifactFiles,
    tokenizer: &Tokenizer,
    options: EngineOptions,
) -> Result<(AnyEngine, GoldenSet), ArtifactError> {
    let golden = GoldenRecord::parse(&manifest.read_verified(files, GOLDEN)?)?;
    let batch = golden_batch(&golden, tokenizer, manifest.window)?;
    let engine = load_scorer(manifest, files, options, |engine| check_golden(engine, &golden, &batch))?;
    let set = GoldenSet::new(&golden, &batch, engine.precision());
    Ok((engine, set))
}

/// The golden inputs as windows, one each.
fn golden_batch(
    records: &[GoldenRecord],
    tokenizer: &Tokenizer,
    layout: WindowLayout,
) -> Result<TokenBatch, ArtifactError> {
    let mut batch = TokenBatch::default();
    for record in records {
        let windows = tokenizer.windows(&canonicalize(&record.text).visible.text, layout).windows;
        match windows.as_slice() {
            [window] => batch.push(&window.ids, record.surface.channel()),
            _ => return Err(ArtifactError::invalid(GOLDEN, "a golden input does not fit one window")),
        }
    }
    Ok(batch)
}

fn check_golden(engine: &AnyEngine, records: &[GoldenRecord], batch: &TokenBatch) -> Result<(), ArtifactError> {
    let scores = engine.score(batch, Detail::Categories)?;
    records
        .iter()
        .zip(&scores)
        .enumerate()
        .try_for_each(|(index, (record, score))| record.check(index, &score.logits, engine.precision()))
}

/// An engine that passes `check`. Where the choice is ours, the CPU stands in for a GPU that is not there or does not pass.
fn load_scorer(
    manifest: &Manifest,
    files: &ArtifactFiles,
    options: EngineOptions,
    check: impl Fn(&AnyEngine) -> Result<(), ArtifactError>,
) -> Result<AnyEngine, ArtifactError> {
    let tensors = read_weights(&manifest.read_verified(files, WEIGHTS)?)?;
    let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let load = |options| {
        let engine = AnyEngine::new(&vb, &manifest.encoder, options).map_err(refused)?;
        check(&engine).map(|()| engine)
    };
    match options.device {
        DeviceChoice::Auto if cfg!(feature = "cuda") => {
            load(EngineOptions { device: DeviceChoice::Cuda(0), ..options }).or_else(|error| {
                tracing::info!(%error, "no GPU is used: computing on the CPU");
                load_on_cpu(options, load)
            })
        }
        DeviceChoice::Auto | DeviceChoice::Cpu => load_on_cpu(options, load),
        DeviceChoice::Cuda(_) | DeviceChoice::AllCuda => load(options),
    }
}

/// An engine on the CPU. Where the choice is ours, the exact arithmetic stands in for one that does not pass.
fn load_on_cpu(
    options: EngineOptions,
    load: impl Fn(EngineOptions) -> Result<AnyEngine, ArtifactError>,
) -> Result<AnyEngine, ArtifactError> {
    let options = EngineOptions { device: DeviceChoice::Cpu, ..options };
    match load(options) {
        Err(ArtifactError::Golden { .. } | ArtifactError::Score(_)) if options.precision == Precision::Auto => {
            load(EngineOptions { precision: Precision::F32, ..options })
        }
        result => result,
    }
}

/// Weights that are off are the artefact's fault, all else is not.
fn refused(error: EngineError) -> ArtifactError {
    match error {
        EngineError::Weights(error) => ArtifactError::invalid(WEIGHTS, error),
        error => ArtifactError::Engine(error),
    }
}
