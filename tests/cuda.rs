//! The engine on GPUs gives what the model's definition gives. Everywhere: on a device that runs the GPU's kernels on a CPU, a
//! small model and the golden set. Where there is a GPU: the golden set and the probes, too, with
//! `cargo test --features cuda -- cuda`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

#[path = "../kernels/tests/device/emulated.rs"]
mod emulated;

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use portcullis::artifact::{
    ArtifactFiles, GOLDEN, GoldenRecord, Manifest, Model, WEIGHTS, golden_tolerance, read_weights,
};
use portcullis::canonical::canonicalize;
use portcullis::model::{
    CandleScorer, Detail, DeviceChoice, EncoderConfig, EngineError, EngineOptions, GpuEngine, Precision, ScoreError,
    Scorer, TokenBatch, WindowScore,
};
use portcullis::threat::{Category, Channel};
use portcullis_kernels::device::DeviceError;

use emulated::Emulated;

/// Adds a weight with a name and a shape, of a scale around a number.
type AddWeight<'a> = &'a mut dyn FnMut(String, &[usize], f32, f32);

/// Small weights of sines: states and logits of the size that a real model has.
fn small_model(head_size: usize) -> (VarBuilder<'static>, EncoderConfig) {
    let hidden = 2 * head_size;
    let config = EncoderConfig {
        hidden_size: hidden,
        intermediate_size: 96,
        layer_norm_eps: 1e-12,
        max_position_embeddings: 160,
        num_attention_heads: 2,
        num_hidden_layers: 2,
        type_vocab_size: 2,
        vocab_size: 50,
    };
    let mut weights = HashMap::new();
    let mut add = |name: String, shape: &[usize], scale: f32, shift: f32| {
        let seed = weights.len() as f32;
        let numbers: Vec<f32> = (0..shape.iter().product())
            .map(|i: usize| ((i as f32 + 0.5) * (1.3 + seed * 0.37)).sin() * scale + shift)
            .collect();
        weights.insert(name, Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap());
    };
    let norm = |add: AddWeight<'_>, prefix: &str| {
        add(format!("{prefix}.LayerNorm.weight"), &[hidden], 0.2, 1.0);
        add(format!("{prefix}.LayerNorm.bias"), &[hidden], 0.2, 0.0);
    };
    for (table, rows) in [("word", 50), ("position", 160), ("token_type", 2)] {
        add(format!("embeddings.{table}_embeddings.weight"), &[rows, hidden], 0.5, 0.0);
    }
    norm(&mut add, "embeddings");
    for layer in 0..2 {
        let prefix = format!("encoder.layer.{layer}");
        let maps = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", hidden, 96),
            ("output.dense", 96, hidden),
        ];
        for (name, inputs, outputs) in maps {
            add(format!("{prefix}.{name}.weight"), &[outputs, inputs], 0.2, 0.0);
            add(format!("{prefix}.{name}.bias"), &[outputs], 0.2, 0.0);
        }
        norm(&mut add, &format!("{prefix}.attention.output"));
        norm(&mut add, &format!("{prefix}.output"));
    }
    for (head, outputs) in [("classifier", 3), ("token_classifier", 1)] {
        add(format!("{head}.weight"), &[outputs, hidden], 0.2, 0.0);
        add(format!("{head}.bias"), &[outputs], 0.5, 0.0);
    }
    (VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu), config)
}

fn small_engine(head_size: usize) -> (GpuEngine<Emulated>, CandleScorer) {
    let (vb, config) = small_model(head_size);
    let engine = GpuEngine::new(vec![Emulated::default()], "cuda:0", &vb, &config, Precision::Auto).unwrap();
    (engine, CandleScorer::load(&vb, &config).unwrap())
}

fn batch(lengths: &[usize]) -> TokenBatch {
    let mut batch = TokenBatch::default();
    for (index, &length) in lengths.iter().enumerate() {
        let ids: Vec<u32> = (0..length).map(|i| ((i * 7 + index * 11) % 50) as u32).collect();
        batch.push(&ids, Channel::ALL[index % 2]);
    }
    batch
}

fn difference(a: &WindowScore, b: &WindowScore) -> f32 {
    assert_eq!(a.tokens.len(), b.tokens.len());
    let categories = Category::ALL.map(|category| (*a.logits.get(category), *b.logits.get(category)));
    let tokens = a.tokens.iter().copied().zip(b.tokens.iter().copied());
    categories.into_iter().chain(tokens).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn cuda_engine_emulated_scores_as_the_model_is_defined() {
    for head_size in [32, 64] {
        let (engine, reference) = small_engine(head_size);
        // Larger, then smaller: buffers that were used before must change nothing.
        for (lengths, detail) in [
            (vec![3], Detail::Categories),
            (vec![1, 70, 16, 130], Detail::Tokens),
            (vec![5, 33, 2], Detail::Categories),
            (vec![17, 64], Detail::Tokens),
        ] {
            let batch = batch(&lengths);
            let (scores, expected) = (engine.score(&batch, detail).unwrap(), reference.score(&batch, detail).unwrap());
            assert_eq!(scores.len(), expected.len());
            let worst = scores.iter().zip(&expected).map(|(a, b)| difference(a, b)).fold(0.0, f32::max);
            // f16 has 11 bits; logits go up to about 3.
            assert!(worst <= 0.02, "heads of {head_size}, {lengths:?}: {worst}");
        }
        assert!(engine.score(&TokenBatch::default(), Detail::Tokens).unwrap().is_empty());
        assert_eq!(engine.device(), "cuda:0 f16 emulated");
    }
}

/// Passes of a size that comes again are recorded once and asked for as a whole: the scores are those of the new windows.
#[test]
fn cuda_engine_emulated_repeats_a_recorded_pass_with_other_windows() {
    let (vb, config) = small_model(32);
    let reference = CandleScorer::load(&vb, &config).unwrap();
    let device = Emulated::default();
    let n_replayed = device.n_replayed.clone();
    let engine = GpuEngine::new(vec![device], "cuda:0", &vb, &config, Precision::Auto).unwrap();
    let of_one_shape = [[3, 20, 9], [10, 10, 10], [1, 2, 28], [31, 1, 0]];
    for detail in [Detail::Categories, Detail::Tokens] {
        for (round, lengths) in of_one_shape.iter().enumerate() {
            let lengths: Vec<usize> = lengths.iter().copied().filter(|&length| length > 0).collect();
            // Two windows have room where three were; two alone are of another shape.
            let is_repeated = round > 0 && lengths.len() == 3;
            let before = n_replayed.load(Ordering::Relaxed);
            let batch = batch(&lengths);
            let (scores, expected) = (engine.score(&batch, detail).unwrap(), reference.score(&batch, detail).unwrap());
            let worst = scores.iter().zip(&expected).map(|(a, b)| difference(a, b)).fold(0.0, f32::max);
            assert!(worst <= 0.02, "{lengths:?}: {worst}");
            assert_eq!(n_replayed.load(Ordering::Relaxed) - before, usize::from(is_repeated), "{lengths:?}");
        }
    }
}

/// Two devices have four lanes; whoever comes gets one, and the scores are the same on each.
#[test]
fn cuda_engine_emulated_scores_several_batches_at_once() {
    let (vb, config) = small_model(32);
    let devices = vec![Emulated::default(), Emulated::default()];
    let engine = GpuEngine::new(devices, "cuda:all", &vb, &config, Precision::Auto).unwrap();
    assert_eq!(engine.device(), "cuda:all f16 emulated, emulated");
    let batch = batch(&[5, 40]);
    let expected = engine.score(&batch, Detail::Tokens).unwrap();
    std::thread::scope(|scope| {
        let scorers: Vec<_> = (0..6).map(|_| scope.spawn(|| engine.score(&batch, Detail::Tokens).unwrap())).collect();
        for scorer in scorers {
            assert_eq!(scorer.join().unwrap(), expected);
        }
    });
}

#[test]
fn cuda_engine_refuses_what_it_cannot_score() {
    let (engine, _) = small_engine(32);
    let refusal = |ids: &[u32]| {
        let batch: TokenBatch = std::iter::once((ids, Channel::Data)).collect();
        engine.score(&batch, Detail::Categories).map(drop)
    };
    assert!(matches!(refusal(&[1; 161]), Err(ScoreError::WindowTooLong { .. })));
    assert!(matches!(refusal(&[50]), Err(ScoreError::NotInVocabulary)));
    assert!(matches!(refusal(&[]), Err(ScoreError::NotInVocabulary)));
    assert!(refusal(&[49]).is_ok());
    let (vb, config) = small_model(16);
    let refused = GpuEngine::new(vec![Emulated::default()], "cuda:0", &vb, &config, Precision::Auto);
    assert!(matches!(refused, Err(EngineError::Sizes { head: 16, .. })));
    let (vb, config) = small_model(32);
    let refused = GpuEngine::new(vec![Emulated::default()], "cuda:0", &vb, &config, Precision::Bf16);
    assert!(matches!(refused, Err(EngineError::Unavailable(Precision::Bf16))));
}

/// Whatever call fails: the batch gets the error, and if it was only memory, the next batch its scores.
#[test]
fn cuda_engine_without_memory_fails_a_batch_and_goes_on() {
    let (vb, config) = small_model(32);
    let batch = batch(&[2]);
    let device = Emulated::default();
    let failure = device.fails_after.clone();
    let engine = GpuEngine::new(vec![device], "cuda:0", &vb, &config, Precision::Auto).unwrap();
    let expected = engine.score(&batch, Detail::Categories).unwrap();
    for calls in [0, 1, 5, 9] {
        *failure.lock().unwrap() = Some((calls, true));
        let full = engine.score(&batch, Detail::Categories);
        assert!(matches!(full, Err(ScoreError::Device(DeviceError::OutOfMemory))), "{full:?}");
        assert_eq!(engine.score(&batch, Detail::Categories).unwrap(), expected);
        *failure.lock().unwrap() = Some((calls, false));
        assert!(engine.score(&batch, Detail::Categories).unwrap_err().is_device_lost());
    }
}

/// The default model in f32 on the CPU, and on some device.
struct Pair {
    exact: Model,
    on_device: Box<dyn Scorer>,
}

impl Pair {
    fn new(on_device: impl FnOnce(&VarBuilder<'_>, &EncoderConfig) -> Box<dyn Scorer>) -> Self {
        let files = ArtifactFiles::embedded().unwrap();
        let tensors = read_weights(&files.read(WEIGHTS).unwrap()).unwrap();
        let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let exact = EngineOptions { device: DeviceChoice::Cpu, precision: Precision::F32, threads: 1 };
        Self {
            exact: Model::load_with(&files, exact).unwrap(),
            on_device: on_device(&vb, &Manifest::read(&files).unwrap().0.encoder),
        }
    }

    fn emulated() -> Self {
        Self::new(|vb, config| {
            Box::new(GpuEngine::new(vec![Emulated::default()], "cuda:0", vb, config, Precision::F16).unwrap())
        })
    }

    /// The first window of a text.
    fn window(&self, text: &str, channel: Channel) -> TokenBatch {
        let windows = self.exact.tokenizer.windows(&canonicalize(text).visible.text, self.exact.layout).windows;
        std::iter::once((windows[0].ids.as_slice(), channel)).collect()
    }

    fn check_golden(&self) {
        let golden = GoldenRecord::parse(&ArtifactFiles::embedded().unwrap().read(GOLDEN).unwrap()).unwrap();
        let mut batch = TokenBatch::default();
        for record in &golden {
            let window = self.window(&record.text, record.surface.channel());
            window.windows().for_each(|(ids, channel)| batch.push(ids, channel));
        }
        let scores = self.on_device.score(&batch, Detail::Categories).unwrap();
        for (record, score) in golden.iter().zip(&scores) {
            for category in Category::ALL {
                let difference = (record.logits.get(category) - score.logits.get(category)).abs();
                assert!(difference <= golden_tolerance(Precision::F16), "{:?}: {difference}", record.text);
            }
        }
    }

    /// The guard of all arithmetics: the 99th percentile of |p - p of f32| over texts and categories is at most 0.01.
    fn check_probes(&self, step: usize) {
        let mut differences = Vec::new();
        for (text, channel) in probes().into_iter().step_by(step) {
            let batch = self.window(&text, channel);
            let [exact, here] = [&*self.exact.scorer, &*self.on_device].map(|scorer| {
                let logits = scorer.score(&batch, Detail::Categories).unwrap()[0].logits;
                self.exact.calibration.probabilities(channel, &logits, 1)
            });
            differences.extend(Category::ALL.map(|category| (exact.get(category) - here.get(category)).abs()));
        }
        differences.sort_by(f64::total_cmp);
        let p99 = differences[(differences.len() * 99).div_ceil(100) - 1];
        assert!(p99 <= 0.01, "{p99} over {} probabilities", differences.len());
    }
}

/// The texts of training/probes and their channels.
fn probes() -> Vec<(String, Channel)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/training/probes");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let lines: Vec<String> = files
        .iter()
        .flat_map(|path| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(lines.len() > 500, "{} probes", lines.len());
    let probe = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let source: portcullis::threat::Source = serde_json::from_value(line["surface"].clone()).unwrap();
        (line["text"].as_str().unwrap().to_owned(), source.channel())
    };
    lines.iter().map(probe).collect()
}

#[test]
fn cuda_engine_emulated_passes_the_default_models_golden_set() {
    let pair = Pair::emulated();
    pair.check_golden();
}

#[test]
fn cuda_engine_emulated_moves_no_probability_of_a_sample_of_the_probes() {
    Pair::emulated().check_probes(250);
}

#[cfg(feature = "cuda")]
#[test]
fn cuda_engine_on_a_gpu_passes_the_golden_set_and_the_probes() {
    if let Err(error) = portcullis_kernels::cuda::Gpu::open(0) {
        eprintln!("skipped: no CUDA device: {error}");
        return;
    }
    let pair = Pair::new(|vb, config| {
        Box::new(portcullis::model::CudaEngine::open(DeviceChoice::Cuda(0), vb, config, Precision::Auto).unwrap())
    });
    pair.check_golden();
    pair.check_probes(1);
}
