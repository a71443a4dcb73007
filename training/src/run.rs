//! The folder of a run: recipe, base, checkpoint, calibration. What each later step reads is what an earlier one wrote.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use portcullis::artifact::{GoldenSet, Model, ModelId};
use portcullis::model::{EncoderConfig, Engine, EngineOptions, Precision};
use portcullis::tokenize::Tokenizer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calibrate::Calibrated;
use crate::config::Recipe;
use crate::fit::Progress;

/// A run's folder.
pub struct RunDir {
    folder: PathBuf,
}

impl RunDir {
    /// Opens or makes the folder for a recipe; a folder begun with another recipe is refused.
    pub fn create(folder: &Path, recipe: &Recipe) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making the run's folder {}", folder.display()))?;
        let run = Self { folder: folder.to_owned() };
        let text = toml::to_string(recipe)?;
        match std::fs::read_to_string(run.path("recipe.toml")) {
            Ok(begun) => ensure!(
                begun == text,
                "{} was begun with another recipe; give a new folder with --run",
                folder.display()
            ),
            Err(_) => run.write("recipe.toml", text.as_bytes())?,
        }
        Ok(run)
    }

    /// Opens the folder of a run that `fit` has finished.
    pub fn open(folder: &Path) -> Result<Self> {
        let run = Self { folder: folder.to_owned() };
        let progress =
            run.progress()?.with_context(|| format!("{} holds no run; begin with `fit`", folder.display()))?;
        ensure!(
            progress.step == progress.total_steps,
            "the run in {} stopped at step {} of {}; go on with `fit`",
            folder.display(),
            progress.step,
            progress.total_steps
        );
        Ok(run)
    }

    pub fn recipe(&self) -> Result<Recipe> {
        Recipe::read(&self.path("recipe.toml"))
    }

    pub fn write_base(&self, config: &EncoderConfig, tokenizer: &[u8]) -> Result<()> {
        self.write_json("encoder.json", config)?;
        self.write("tokenizer.json", tokenizer)
    }

    pub fn encoder(&self) -> Result<EncoderConfig> {
        self.read_json("encoder.json")
    }

    pub fn tokenizer(&self) -> Result<Vec<u8>> {
        self.read("tokenizer.json")
    }

    /// How far the run has come; none if it has no checkpoint yet.
    pub fn progress(&self) -> Result<Option<Progress>> {
        if self.path("progress.json").exists() { self.read_json("progress.json").map(Some) } else { Ok(None) }
    }

    pub fn weights(&self) -> Result<HashMap<String, Tensor>> {
        Ok(candle_core::safetensors::load(self.path("model.safetensors"), &Device::Cpu)?)
    }

    /// The run's model as it would be exported: its weights rounded to half precision. Computes in single precision.
    pub fn model(&self, name: &str, calibrated: &Calibrated) -> Result<Model> {
        let weights = self
            .weights()?
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F16)?.to_dtype(DType::F32)?)))
            .collect::<Result<_>>()?;
        let vb = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        let recipe = self.recipe()?;
        let exact = EngineOptions { precision: Precision::F32, ..EngineOptions::default() };
        Ok(Model {
            id: ModelId { name: name.to_owned(), version: "0.0.0-run".to_owned(), digest: String::new() },
            tokenizer: Tokenizer::from_bytes(&self.tokenizer()?)?,
            layout: recipe.window,
            scorer: Arc::new(Engine::new(&vb, &self.encoder()?, exact)?),
            calibration: calibrated.calibration,
            thresholds: recipe.policy.thresholds(&calibrated.thresholds).map_err(anyhow::Error::msg)?,
            operating_points: calibrated.thresholds.clone(),
            policy: recipe.policy,
            // `export` makes them.
            golden: GoldenSet::default(),
        })
    }

    pub fn optimizer_state(&self) -> Result<HashMap<String, Tensor>> {
        Ok(candle_core::safetensors::load(self.path("optimizer.safetensors"), &Device::Cpu)?)
    }

    /// Saves a checkpoint. The progress is written last: it makes the checkpoint valid.
    pub fn save(
        &self,
        weights: &HashMap<String, Tensor>,
        optimizer: &HashMap<String, Tensor>,
        progress: &Progress,
    ) -> Result<()> {
        self.write_tensors("model.safetensors", weights)?;
        self.write_tensors("optimizer.safetensors", optimizer)?;
        self.write_json("progress.json", progress)
    }

    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(value)?;
        json.push(b'\n');
        self.write(name, &json)
    }

    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.read(name)?).with_context(|| format!("parsing {}", self.path(name).display()))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.path(name)).with_context(|| format!("reading {}", self.path(name).display()))
    }

    /// Writes beside the file and renames over it, so that a stop leaves the old one or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let temporary = self.path(&format!("{name}.new"));
        std::fs::write(&temporary, bytes).with_context(|| format!("writing {}", temporary.display()))?;
        Ok(std::fs::rename(temporary, self.path(name))?)
    }

    fn write_tensors(&self, name: &str, tensors: &HashMap<String, Tensor>) -> Result<()> {
        let temporary = self.path(&format!("{name}.new"));
        candle_core::safetensors::save(tensors, &temporary)?;
        Ok(std::fs::rename(temporary, self.path(name))?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
