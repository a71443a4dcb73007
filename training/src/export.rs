//! `export`: packs a calibrated run as an artefact that the server loads, and loads it once to prove that it does.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Tensor};
use portcullis::artifact::{
    ArtifactFiles, CALIBRATION, GOLDEN, GoldenRecord, MANIFEST, ML_BOM, MODEL_CARD, Manifest, Model, Provenance,
    SCHEMA_VERSION, TOKENIZER, WEIGHTS, hex_digest,
};
use portcullis::canonical::canonicalize;
use portcullis::evaluate::{Bounds, Evaluation, evaluate};
use portcullis::model::{Detail, TokenBatch};
use portcullis::threat::{Category, Source};
use serde::Deserialize;

use crate::calibrate::Calibrated;
use crate::data;
use crate::evaluate::load;
use crate::ml_bom::ml_bom;
use crate::run::RunDir;

/// Pack a calibrated run as an artefact.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Folder to write the artefact to; files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// The model's name: lower-case letters, digits and '-'
    #[arg(long, default_value = "default")]
    name: String,
    /// The model's version, a semantic version
    #[arg(long)]
    version: String,
    /// Model card to include
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
    /// Data card of the run, as `prepare` wrote it; its SHA-256 is recorded
    #[arg(long, value_name = "FILE")]
    data_card: PathBuf,
    /// Commit of the code that trained the model: "$(git rev-parse HEAD)"
    #[arg(long)]
    commit: String,
    /// License of the model, an SPDX identifier, for its bill of materials
    #[arg(long, value_name = "ID")]
    license: Option<String>,
    /// Golden inputs: lines of {"text", "surface"}, each short enough for one window
    #[arg(long, value_name = "FILE", default_value = "training/configs/golden_inputs.jsonl")]
    golden: PathBuf,
    /// Folder of the model that this one shall replace: one that is worse beyond the bounds is not exported
    #[arg(long, value_name = "DIR", requires = "data")]
    baseline: Option<PathBuf>,
    /// Labelled texts that no step has seen, on which both are measured: a folder or a file
    #[arg(long, value_name = "PATH", requires = "baseline")]
    data: Option<PathBuf>,
    /// Export it even so; the card then says in what it is worse
    #[arg(long, requires = "baseline")]
    force: bool,
    #[command(flatten)]
    bounds: Bounds,
}

#[derive(Deserialize)]
struct GoldenInput {
    text: String,
    surface: Source,
}

/// Runs `export`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let run = RunDir::open(&arguments.run)?;
    let calibrated: Calibrated = run.read_json("calibrated.json").context("calibrate the run before its export")?;
    let mut card = read(&arguments.card)?;
    card.extend(compare(arguments, &run, &calibrated)?.into_bytes());
    let golden = golden_records(&arguments.golden, &run.model(&arguments.name, &calibrated)?)?;
    std::fs::create_dir_all(&arguments.output)?;

    let write = |name: &str, bytes: &[u8]| -> Result<(String, String)> {
        let path = arguments.output.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok((name.to_owned(), hex_digest(bytes)))
    };
    let files = BTreeMap::from([
        write(WEIGHTS, &half_precision(&run.weights()?)?)?,
        write(TOKENIZER, &run.tokenizer()?)?,
        write(CALIBRATION, &serde_json::to_vec_pretty(&calibrated.calibration)?)?,
        write(GOLDEN, golden.as_bytes())?,
        write(MODEL_CARD, &card)?,
    ]);
    let mut manifest = manifest(arguments, &run, &calibrated, files)?;
    let bill = ml_bom(&manifest, arguments.license.as_deref());
    manifest.files.extend([write(ML_BOM, &serde_json::to_vec_pretty(&bill)?)?]);
    write(MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
    let model =
        Model::load(&ArtifactFiles::Folder(arguments.output.clone())).context("the exported artefact is refused")?;
    crate::print(&format!("exported {} {} sha256:{}", model.id.name, model.id.version, model.id.digest))
}

/// Holds the run against the baseline, if there is one; returns what the card says of it.
///
/// # Errors
/// It is worse than the bounds allow, and nobody insists.
fn compare(arguments: &Arguments, run: &RunDir, calibrated: &Calibrated) -> Result<String> {
    let Some((baseline, data)) = arguments.baseline.as_deref().zip(arguments.data.as_deref()) else {
        return Ok(String::new());
    };
    let (seed, examples) = (run.recipe()?.seed, data::read(data)?);
    let model = run.model(&arguments.name, calibrated)?;
    let evaluation = evaluate(model, Some(load(baseline)?), &examples, seed, arguments.bounds)?;
    let worse: Vec<String> = evaluation.worse()?.iter().map(|worse| format!("- {worse}\n")).collect();
    if !worse.is_empty() && !arguments.force {
        bail!("worse than {} beyond the bounds; --force exports it even so\n{}", baseline.display(), worse.concat());
    }
    Ok(card_section(&evaluation, worse.is_empty()))
}

fn card_section(evaluation: &Evaluation, is_accepted: bool) -> String {
    let decision = if is_accepted {
        "It was exported because it is not worse than the baseline beyond the bounds."
    } else {
        "It was exported by force, though it is worse than the baseline beyond the bounds."
    };
    format!("\n## Against the model before it\n\n{decision}\n\n{}", evaluation.comparison_markdown())
}

fn manifest(
    arguments: &Arguments,
    run: &RunDir,
    calibrated: &Calibrated,
    files: BTreeMap<String, String>,
) -> Result<Manifest> {
    let recipe = run.recipe()?;
    let progress = run.progress()?.context("the run has no checkpoint")?;
    let base = recipe.base.as_ref().context("the run's recipe names no base")?;
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        name: arguments.name.clone(),
        version: arguments.version.clone(),
        architecture: "bert".to_owned(),
        pooling: "cls".to_owned(),
        encoder: run.encoder()?,
        labels: Category::ALL.to_vec(),
        window: recipe.window,
        thresholds: calibrated.thresholds.clone(),
        policy: recipe.policy,
        provenance: Provenance {
            base: base.repository.clone(),
            base_revision: base.revision.clone(),
            base_sha256: base.sha256.clone(),
            data_sha256: progress.data_sha256,
            data_card_sha256: hex_digest(&read(&arguments.data_card)?),
            recipe_sha256: hex_digest(toml::to_string(&recipe)?.as_bytes()),
            commit: arguments.commit.clone(),
            seed: recipe.seed,
        },
        files,
    })
}

/// The golden inputs with the logits that the model gives them, one record a line.
fn golden_records(inputs: &Path, model: &Model) -> Result<String> {
    let text = std::fs::read_to_string(inputs).with_context(|| format!("reading {}", inputs.display()))?;
    let mut lines = String::new();
    for (index, line) in text.lines().enumerate() {
        let input: GoldenInput =
            serde_json::from_str(line).with_context(|| format!("{}, line {}", inputs.display(), index + 1))?;
        let windows = model.tokenizer.windows(&canonicalize(&input.text).visible.text, model.layout).windows;
        let [window] = windows.as_slice() else {
            bail!("{}, line {}: the text does not fit one window", inputs.display(), index + 1);
        };
        let batch: TokenBatch = std::iter::once((window.ids.as_slice(), input.surface.channel())).collect();
        let logits =
            model.scorer.score(&batch, Detail::Categories)?.first().context("the model gave no logits")?.logits;
        lines += &serde_json::to_string(&GoldenRecord { text: input.text, surface: input.surface, logits })?;
        lines.push('\n');
    }
    Ok(lines)
}

fn half_precision(weights: &HashMap<String, Tensor>) -> Result<Vec<u8>> {
    let tensors = weights
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.to_dtype(DType::F16)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    Ok(safetensors::serialize(&tensors, None)?)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
