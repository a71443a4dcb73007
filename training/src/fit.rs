//! `fit`: fine-tunes the base encoder and its head, with checkpoints from which a stopped run goes on.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use portcullis::model::{DeviceChoice, EncoderConfig, ThreatClassifier, TokenBatch};
use portcullis::threat::Category;
use portcullis::tokenize::Tokenizer;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::base::BaseModel;
use crate::config::Recipe;
use crate::data::{Label, Split, folder_digest, hash};
use crate::device;
use crate::dropout::Dropout;
use crate::optimizer::{AdamW, Gradients};
use crate::run::RunDir;
use crate::windows::{Cut, LabelledWindow};

/// Batches whose windows are sorted by length together, so that a batch holds windows of about one length.
const BATCHES_PER_BUCKET: usize = 32;
/// Standard deviation of the head's initial weights, as BERT's own (its `initializer_range`).
const HEAD_INIT_STD: f64 = 0.02;
/// The share of the last steps' loss that a step's own loss replaces, for display.
const LOSS_SMOOTHING: f64 = 0.02;

/// Fine-tunes the base encoder on labelled data.
#[derive(clap::Args)]
pub struct Arguments {
    /// Recipe.
    #[arg(long, value_name = "FILE", default_value = "training/configs/default.toml")]
    config: PathBuf,
    /// Folder that `prepare` has written.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder with the base encoder's model.safetensors, config.json and tokenizer.json, in place of the hub.
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Artefact to go on from, its heads and all, in place of the recipe's base encoder: to teach a trained model more.
    #[arg(long, value_name = "DIR", conflicts_with = "base")]
    from: Option<PathBuf>,
    /// Folder of the run; a stopped run in it goes on from its last checkpoint.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Where to train: auto, cpu, cuda or cuda:N. auto is a GPU if there is one and this build knows GPUs.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
}

/// How far a run has come, and on what it was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    pub step: usize,
    pub total_steps: usize,
    pub loss: f64,
    pub seconds: f64,
    pub n_fit: usize,
    pub data_sha256: String,
}

/// Runs `fit`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut recipe = Recipe::read(&arguments.config)?;
    let base = match &arguments.from {
        Some(folder) => BaseModel::trained(folder, &mut recipe)?,
        None => BaseModel::load(&recipe, arguments.base.as_deref())?,
    };
    let run = RunDir::create(&arguments.run, &recipe)?;
    run.write_base(&base.config, &base.tokenizer)?;
    let tokenizer = Tokenizer::from_bytes(&base.tokenizer)?;
    let split = Split::read(&arguments.data)?;
    let batch = recipe.optimizer.batch_windows;
    let steps_per_epoch = split.fit.len().div_ceil(batch);
    let mut progress = run.progress()?.unwrap_or(Progress {
        step: 0,
        total_steps: steps_per_epoch * recipe.optimizer.epochs,
        loss: 0.0,
        seconds: 0.0,
        n_fit: split.fit.len(),
        data_sha256: folder_digest(&arguments.data)?,
    });
    ensure!(
        progress.data_sha256 == folder_digest(&arguments.data)?,
        "{} was begun on other data; give a new folder with --run",
        arguments.run.display()
    );
    let weights = if progress.step > 0 { run.weights()? } else { initial_weights(&base, &recipe)? };
    let device = device::open(arguments.device)?;
    let mut trainer = Trainer::new(&recipe, &base.config, weights, progress.total_steps, device)?;
    if progress.step > 0 {
        trainer.optimizer.restore(&run.optimizer_state()?)?;
    }

    let bar = progress_bar(&progress);
    bar.println(format!("training on {:?}", trainer.device.location()));
    let started = std::time::Instant::now();
    let seconds_before = progress.seconds;
    while progress.step < progress.total_steps {
        let epoch = progress.step / steps_per_epoch;
        let batches = epoch_batches(&split, &tokenizer, &recipe, epoch)?;
        for windows in batches.iter().skip(progress.step % steps_per_epoch) {
            let loss = trainer.step(progress.step, windows)?;
            ensure!(loss.is_finite(), "the loss is {loss} at step {}; lower optimizer.learning_rate", progress.step);
            let smoothing = if progress.step == 0 { 1.0 } else { LOSS_SMOOTHING };
            progress.loss += smoothing * (loss - progress.loss);
            progress.step += 1;
            progress.seconds = seconds_before + started.elapsed().as_secs_f64();
            bar.set_position(progress.step as u64);
            bar.set_message(format!("loss {:.4}", progress.loss));
            if progress.step.is_multiple_of(recipe.checkpoint.every_steps) || progress.step == progress.total_steps {
                let keep_share = if progress.step == progress.total_steps { recipe.optimizer.keep_share } else { 0.0 };
                let weights = averaged(trainer.weights(), &base.weights, keep_share)?;
                run.save(&weights, &trainer.optimizer.state(), &progress)?;
                bar.println(format!("step {} of {}: loss {:.4}", progress.step, progress.total_steps, progress.loss));
            }
        }
    }
    bar.finish();
    Ok(())
}

/// The mean of what was trained and what it began from (Wortsman et al. 2022, arXiv:2109.01903): it forgets less.
fn averaged(
    trained: HashMap<String, Tensor>,
    base: &HashMap<String, Tensor>,
    keep_share: f64,
) -> Result<HashMap<String, Tensor>> {
    if keep_share == 0.0 {
        return Ok(trained);
    }
    let mean = |(name, tensor): (String, Tensor)| {
        let kept = base.get(&name).with_context(|| format!("the base has no {name} to keep a share of"))?;
        let mean = ((kept.to_device(tensor.device())? * keep_share)? + (&tensor * (1.0 - keep_share))?)?;
        Ok((name, mean))
    };
    trained.into_iter().map(mean).collect()
}

/// The base's weights, and a fresh head where it has none.
fn initial_weights(base: &BaseModel, recipe: &Recipe) -> Result<HashMap<String, Tensor>> {
    let mut rng = SmallRng::seed_from_u64(hash((recipe.seed, "head")));
    let mut weights = base.weights.clone();
    let mut add_head = |name: &str, n_outputs: usize| -> Result<()> {
        if weights.contains_key(&format!("{name}.weight")) {
            return Ok(());
        }
        let shape = (n_outputs, base.config.hidden_size);
        // A sum of twelve uniform draws is near enough to a normal one, of variance 1.
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let head: Vec<f32> = (0..shape.0 * shape.1).map(|_| (HEAD_INIT_STD * normal()) as f32).collect();
        weights.insert(format!("{name}.weight"), Tensor::from_vec(head, shape, &Device::Cpu)?);
        weights.insert(format!("{name}.bias"), Tensor::zeros(n_outputs, DType::F32, &Device::Cpu)?);
        Ok(())
    };
    add_head("classifier", Category::ALL.len())?;
    if recipe.objective.token_weight > 0.0 {
        add_head("token_classifier", 1)?;
    }
    Ok(weights)
}

/// An epoch's batches: windows chosen anew, shuffled, sorted by length within buckets, batches shuffled.
fn epoch_batches(
    split: &Split,
    tokenizer: &Tokenizer,
    recipe: &Recipe,
    epoch: usize,
) -> Result<Vec<Vec<LabelledWindow>>> {
    let seed = hash((recipe.seed, "epoch", epoch));
    let mut rng = SmallRng::seed_from_u64(seed);
    let cut = Cut { layout: recipe.window, disguise_share: recipe.augmentation.disguise_share, seed };
    let mut windows = split.fit.iter().map(|example| cut.choose(example, tokenizer)).collect::<Result<Vec<_>>>()?;
    windows.shuffle(&mut rng);
    let batch = recipe.optimizer.batch_windows;
    for bucket in windows.chunks_mut(batch * BATCHES_PER_BUCKET) {
        bucket.sort_by_key(|window| window.ids.len());
    }
    let mut batches: Vec<_> = windows.chunks(batch).map(<[_]>::to_vec).collect();
    batches.shuffle(&mut rng);
    Ok(batches)
}

struct Trainer {
    classifier: ThreatClassifier,
    vars: BTreeMap<String, Var>,
    frozen: HashMap<String, Tensor>,
    optimizer: AdamW,
    token_weight: f64,
    dropout: f32,
    seed: u64,
    device: Device,
}

impl Trainer {
    fn new(
        recipe: &Recipe,
        config: &EncoderConfig,
        weights: HashMap<String, Tensor>,
        total_steps: usize,
        device: Device,
    ) -> Result<Self> {
        let weights = weights
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_device(&device)?)))
            .collect::<Result<HashMap<_, _>>>()?;
        let (frozen, trained): (HashMap<_, _>, HashMap<_, _>) = weights.into_iter().partition(|(name, _)| {
            recipe.optimizer.freeze_word_embeddings && name == "embeddings.word_embeddings.weight"
        });
        let vars = trained
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let mut all = frozen.clone();
        all.extend(vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())));
        let classifier = ThreatClassifier::load(&VarBuilder::from_tensors(all, DType::F32, &device), config)?;
        let optimizer = AdamW::new(&vars, recipe.optimizer.clone(), total_steps)?;
        Ok(Self {
            classifier,
            vars,
            frozen,
            optimizer,
            token_weight: recipe.objective.token_weight,
            dropout: recipe.optimizer.dropout,
            seed: recipe.seed,
            device,
        })
    }

    /// One step on a batch, its windows divided over the cores, or whole on a GPU; returns the loss.
    fn step(&mut self, step: usize, windows: &[LabelledWindow]) -> Result<f64> {
        let weights = LossWeights::new(windows, self.token_weight);
        let n_shards = if self.device.is_cpu() { std::thread::available_parallelism()?.get() } else { 1 };
        let shards: Vec<_> = windows.chunks(windows.len().div_ceil(n_shards)).enumerate().collect();
        let this = &*self;
        let results = std::thread::scope(|scope| {
            let threads: Vec<_> = shards
                .iter()
                .map(|(index, shard)| {
                    let seed = hash((this.seed, "dropout", step, index));
                    scope.spawn(move || this.gradients(shard, weights, seed))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a training thread panicked"))?)
                .collect::<Result<Vec<_>>>()
        })?;
        let mut total = 0.0;
        let mut sum = Gradients::new();
        for (loss, gradients) in results {
            total += loss;
            for (name, gradient) in gradients {
                let merged = match sum.remove(&name) {
                    Some(other) => (other + gradient)?,
                    None => gradient,
                };
                sum.insert(name, merged);
            }
        }
        self.optimizer.step(step, &sum)?;
        Ok(total)
    }

    /// The loss of some of a batch's windows, as their share of the batch's, and its gradients.
    fn gradients(&self, windows: &[LabelledWindow], weights: LossWeights, seed: u64) -> Result<(f64, Gradients)> {
        let loss = self.loss(windows, weights, &Dropout::new(self.dropout, seed))?;
        let mut gradients = loss.backward()?;
        let gradients = self
            .vars
            .iter()
            .map(|(name, var)| {
                let gradient = gradients.remove(var.as_tensor()).with_context(|| format!("{name} is not used"))?;
                Ok((name.clone(), gradient))
            })
            .collect::<Result<_>>()?;
        Ok((f64::from(loss.to_scalar::<f32>()?), gradients))
    }

    fn loss(&self, windows: &[LabelledWindow], weights: LossWeights, dropout: &Dropout) -> Result<Tensor> {
        let batch: TokenBatch = windows.iter().map(|window| (window.ids.as_slice(), window.channel)).collect();
        let categories = || windows.iter().flat_map(LabelledWindow::categories);
        let Some((logits, token_logits)) = self.classifier.forward_tokens(&batch, dropout)? else {
            let logits = self.classifier.forward(&batch, dropout)?;
            return Ok((masked_cross_entropy(&logits, categories())? * weights.category)?);
        };
        let length = token_logits.dim(1)?;
        let padded = |window: &LabelledWindow| {
            window.token_labels.clone().into_iter().chain(std::iter::repeat(None)).take(length)
        };
        let category_loss = (masked_cross_entropy(&logits, categories())? * weights.category)?;
        let token_loss = (masked_cross_entropy(&token_logits, windows.iter().flat_map(padded))? * weights.token)?;
        Ok((category_loss + token_loss)?)
    }

    fn weights(&self) -> HashMap<String, Tensor> {
        let mut weights = self.frozen.clone();
        weights.extend(self.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())));
        weights
    }
}

/// What a known label counts in the loss of a batch, so that each head's part is a mean over the whole batch.
#[derive(Clone, Copy)]
struct LossWeights {
    category: f64,
    token: f64,
}

impl LossWeights {
    fn new(windows: &[LabelledWindow], token_weight: f64) -> Self {
        let per_label = |n_known: usize| 1.0 / n_known.max(1) as f64;
        let tokens = windows.iter().flat_map(|window| &window.token_labels);
        Self {
            category: per_label(windows.iter().flat_map(LabelledWindow::categories).flatten().count()),
            token: token_weight * per_label(tokens.flatten().count()),
        }
    }
}

/// The sum of binary cross-entropies over known labels, which come in the order of the logits. In the form that does not
/// overflow, max(x, 0) - x y + ln(1 + e^-|x|).
fn masked_cross_entropy(logits: &Tensor, labels: impl Iterator<Item = Label>) -> Result<Tensor> {
    let (targets, known): (Vec<f32>, Vec<f32>) =
        labels.map(|label| (f32::from(label == Some(true)), f32::from(label.is_some()))).unzip();
    let targets = Tensor::from_vec(targets, logits.shape(), logits.device())?;
    let known = Tensor::from_vec(known, logits.shape(), logits.device())?;
    let softplus = ((logits.abs()?.neg()?.exp()? + 1.0)?).log()?;
    let losses = ((logits.relu()? - (logits * targets)?)? + softplus)?;
    Ok((losses * known)?.sum_all()?)
}

fn progress_bar(progress: &Progress) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} step {pos}/{len} {elapsed} eta {eta} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(progress.total_steps as u64).with_style(style).with_position(progress.step as u64);
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_labels_do_not_count() {
        let logits = Tensor::new(&[[0.0f32, 5.0, -5.0]], &Device::Cpu).unwrap();
        let loss = |jailbreak| {
            let labels = [Some(true), jailbreak, Some(false)].into_iter();
            masked_cross_entropy(&logits, labels).unwrap().to_scalar::<f32>().unwrap()
        };
        let expected = 2f32.ln() + (1.0 + (-5.0f32).exp()).ln();
        assert!((loss(None) - expected).abs() < 1e-5);
        assert!((loss(Some(false)) - expected - (1.0 + 5.0f32.exp()).ln()).abs() < 1e-5);
    }
}
