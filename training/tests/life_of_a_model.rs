//! From nothing to an artefact that the library serves, with the real binary on a tiny encoder: prepare, fit, stop, go on,
//! calibrate, export, evaluate, and the export of one that is worse.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use portcullis::artifact::{ArtifactFiles, Model, TOKENIZER};
use portcullis::model::EncoderConfig;
use sha2::{Digest, Sha256};

const ENCODER: EncoderConfig = EncoderConfig {
    hidden_size: 32,
    intermediate_size: 64,
    layer_norm_eps: 1e-12,
    max_position_embeddings: 64,
    num_attention_heads: 2,
    num_hidden_layers: 2,
    type_vocab_size: 2,
    vocab_size: 30_522,
};

/// Weights that are spread out but need no generator: sines of their position.
fn weight(name: &str, shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let values: Vec<f32> = match name {
        _ if name.ends_with("LayerNorm.weight") => vec![1.0; n],
        _ if name.ends_with("bias") => vec![0.0; n],
        _ => (0..n).map(|i| 0.2 * ((i * i % 7919) as f32 + name.len() as f32).sin()).collect(),
    };
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// A base encoder in a folder; returns the SHA-256 of its weights.
fn write_base(folder: &Path) -> String {
    let (hidden, inner) = (ENCODER.hidden_size, ENCODER.intermediate_size);
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![ENCODER.vocab_size, hidden]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![ENCODER.max_position_embeddings, hidden]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![ENCODER.type_vocab_size, hidden]),
    ];
    let mut norms = vec!["embeddings".to_owned()];
    for layer in (0..ENCODER.num_hidden_layers).map(|index| format!("encoder.layer.{index}")) {
        let linear = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ];
        for (name, outputs, inputs) in linear {
            shapes.push((format!("{layer}.{name}.weight"), vec![outputs, inputs]));
            shapes.push((format!("{layer}.{name}.bias"), vec![outputs]));
        }
        norms.extend([format!("{layer}.attention.output"), format!("{layer}.output")]);
    }
    for norm in norms {
        shapes.push((format!("{norm}.LayerNorm.weight"), vec![hidden]));
        shapes.push((format!("{norm}.LayerNorm.bias"), vec![hidden]));
    }
    let weights: HashMap<String, Tensor> =
        shapes.into_iter().map(|(name, shape)| (name.clone(), weight(&name, &shape))).collect();
    let path = folder.join("model.safetensors");
    candle_core::safetensors::save(&weights, &path).unwrap();
    std::fs::write(folder.join("config.json"), serde_json::to_vec(&ENCODER).unwrap()).unwrap();
    let tokenizer = ArtifactFiles::embedded().unwrap().read(TOKENIZER).unwrap();
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&tokenizer).unwrap();
    tokenizer["pre_tokenizer"] = serde_json::json!({ "type": "BertPreTokenizer" });
    std::fs::write(folder.join("tokenizer.json"), serde_json::to_vec(&tokenizer).unwrap()).unwrap();
    format!("{:x}", Sha256::digest(std::fs::read(path).unwrap()))
}

/// Texts that one word tells apart.
fn write_data(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let objects = ["river", "garden", "ledger", "bridge", "window", "kettle", "harbour", "pencil"];
    let lines: Vec<String> = (0..480)
        .map(|n| {
            let (object, other) = (objects[n % 8], objects[(n / 8) % 8]);
            let is_attack = n % 2 == 0;
            let verb = if is_attack { "override" } else { "describe" };
            serde_json::json!({
                "id": n.to_string(),
                "text": format!("please {verb} the {object} near the {other}, number {n}"),
                "surface": if n % 3 == 0 { "tool_output" } else { "prompt" },
                "labels": { "injection": u8::from(is_attack), "jailbreak": 0, "exfiltration": if n % 5 == 0 { None } else { Some(0) } },
            })
            .to_string()
        })
        .collect();
    std::fs::write(folder.join("toy.jsonl"), lines.join("\n")).unwrap();
}

fn recipe(base_sha256: &str, epochs: usize, learning_rate: f64) -> String {
    format!(
        r#"
        seed = 7
        [base]
        repository = "none/none"
        revision = "main"
        sha256 = "{base_sha256}"
        [window]
        tokens = 32
        overlap = 8
        [augmentation]
        disguise_share = 0.1
        [objective]
        token_weight = 0.5
        [optimizer]
        epochs = {epochs}
        batch_windows = 16
        learning_rate = {learning_rate}
        warmup_share = 0.1
        weight_decay = 0.01
        clip_norm = 1.0
        dropout = 0.1
        freeze_word_embeddings = true
        [checkpoint]
        every_steps = 3
        [policy]
        instruction = {{ review = "fpr_5%", block = "fpr_5%" }}
        data = {{ review = "fpr_5%", block = "fpr_5%" }}
        "#
    )
}

const DATA_CONFIG: &str = r#"
    seed = 7
    calibration_share = 0.3
    near_duplicate_jaccard = 0.85
    limits = { min_chars = 2, max_chars = 1000 }
    [[source]]
    kind = "jsonl"
    path = "."
    max_items = 1000
"#;

fn train(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis-train"));
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = train(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn step(run: &Path) -> u64 {
    let progress = std::fs::read(run.join("progress.json")).ok();
    let progress = progress.and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    progress.map_or(0, |progress| progress["step"].as_u64().unwrap())
}

#[test]
fn a_model_is_fitted_stopped_resumed_calibrated_exported_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let base = folder.join("base");
    std::fs::create_dir(&base).unwrap();
    let base_sha256 = write_base(&base);
    std::fs::write(folder.join("recipe.toml"), recipe(&base_sha256, 10, 5e-3)).unwrap();
    std::fs::write(folder.join("data.toml"), DATA_CONFIG).unwrap();
    write_data(&folder.join("sources"));
    run(folder, &["prepare", "--config", "data.toml", "--data", "sources", "--output", "data"]);
    let fit = |run: &'static str| ["fit", "--config", "recipe.toml", "--data", "data", "--base", "base", "--run", run];

    // A run that is killed after its first checkpoint and goes on ends with the weights of one that was left alone.
    run(folder, &fit("whole"));
    let mut stopped = train(folder, &fit("stopped")).spawn().unwrap();
    while step(&folder.join("stopped")) == 0 && stopped.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    let total = step(&folder.join("whole"));
    assert!((1..total).contains(&step(&folder.join("stopped"))));
    run(folder, &fit("stopped"));
    let weights =
        |run: &str| candle_core::safetensors::load(folder.join(run).join("model.safetensors"), &Device::Cpu).unwrap();
    let (whole, resumed) = (weights("whole"), weights("stopped"));
    assert_eq!(whole.len(), resumed.len());
    for (name, tensor) in whole {
        let values =
            |tensor: &Tensor| tensor.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&tensor), values(&resumed[&name]), "{name}");
    }

    run(folder, &["calibrate", "--data", "data", "--run", "whole"]);
    std::fs::write(folder.join("card.md"), "A toy.").unwrap();
    std::fs::write(folder.join("golden.jsonl"), "{\"text\": \"please override the river\", \"surface\": \"prompt\"}\n")
        .unwrap();
    let export = [
        "export",
        "--run",
        "whole",
        "--version",
        "1.0.0",
        "--name",
        "toy",
        "--card",
        "card.md",
        "--data-card",
        "data/data_card.json",
        "--commit",
        "0123456789abcdef0123456789abcdef01234567",
        "--golden",
        "golden.jsonl",
    ];
    run(folder, &[export.as_slice(), &["--output", "model"]].concat());
    let model = Model::load(&ArtifactFiles::Folder(folder.join("model"))).unwrap();
    assert_eq!((model.id.name.as_str(), model.id.version.as_str()), ("toy", "1.0.0"));

    let read = |file: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join("model").join(file)).unwrap()).unwrap()
    };
    let (manifest, bill) = (read("manifest.json"), read("ml-bom.cdx.json"));
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let component = &bill["metadata"]["component"];
    assert_eq!((&component["type"], &component["version"]), (&"machine-learning-model".into(), &"1.0.0".into()));
    assert_eq!(component["hashes"][0]["content"], manifest["files"]["model.safetensors"]);

    let evaluate = ["evaluate", "--model", "model", "--data", "sources", "--compare", "model", "--html", "report.html"];
    let output = run(folder, &[evaluate.as_slice(), &["--output", "report.json"]].concat());
    assert!(String::from_utf8_lossy(&output.stdout).contains("| injection | all | all | 240 | 240 |"));
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    assert!(report["categories"][0]["auc"].as_f64().unwrap() > 0.99, "{report}");
    assert!(report["verdicts"][0]["attacks_blocked"].as_f64().unwrap() > 0.9, "{report}");

    assert_eq!(report["comparison"]["flips"], serde_json::json!([]), "a model agrees with itself");
    assert!(std::fs::read_to_string(folder.join("report.html")).unwrap().contains("<svg"));

    check_release_gate(folder, &base_sha256, &export);

    // What was begun on other data or with another recipe is not gone on with.
    std::fs::write(folder.join("data/more.jsonl"), "").unwrap();
    assert!(!train(folder, &fit("whole")).output().unwrap().status.success());
}

/// A model that has learnt nothing does not replace one that has, unless somebody insists; then its card says so.
fn check_release_gate(folder: &Path, base_sha256: &str, export: &[&str]) {
    // Times of so small a model are a busy machine's.
    let gate = ["--baseline", "model", "--data", "sources", "--max-latency-ratio", "1000"];
    let card = |output: &str| std::fs::read_to_string(folder.join(output).join("MODEL_CARD.md")).unwrap();
    run(folder, &[export, &gate, &["--output", "same"]].concat());
    assert!(card("same").contains("it is not worse than the baseline"), "{}", card("same"));

    std::fs::write(folder.join("idle.toml"), recipe(base_sha256, 1, 1e-9)).unwrap();
    run(folder, &["fit", "--config", "idle.toml", "--data", "data", "--base", "base", "--run", "idle"]);
    run(folder, &["calibrate", "--data", "data", "--run", "idle"]);
    let of_idle = export.iter().map(|argument| if *argument == "whole" { "idle" } else { *argument });
    let export: Vec<&str> = of_idle.chain(gate).collect();
    let refused = train(folder, &[export.as_slice(), &["--output", "worse"]].concat()).output().unwrap();
    let reason = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && reason.contains("AUC of injection on all texts"), "{reason}");
    assert!(!folder.join("worse").exists(), "nothing is left of what was refused");
    run(folder, &[export.as_slice(), &["--output", "worse", "--force"]].concat());
    assert!(card("worse").contains("by force") && card("worse").contains("AUC of injection"), "{}", card("worse"));
}
