//! Who may use whom: the table of docs/ARCHITECTURE.md, checked against the sources.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The table: each module of the library and the modules that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("threat", &[]),
    ("caller", &[]),
    ("canonical", &[]),
    ("structure", &["canonical"]),
    ("decode", &["canonical", "structure"]),
    ("detect", &["decode", "threat"]),
    ("telemetry", &[]),
    ("tokenize", &[]),
    ("admission", &["caller"]),
    ("model", &["threat"]),
    ("calibrate", &["model", "threat"]),
    ("policy", &["threat"]),
    ("signing", &[]),
    ("artifact", &["calibrate", "canonical", "model", "policy", "signing", "threat", "tokenize"]),
    ("fetch", &["artifact", "signing"]),
    ("batch", &["caller", "model", "telemetry", "threat"]),
    ("cache", &["caller", "model", "threat"]),
    ("sanitize", &["structure"]),
    (
        "pipeline",
        &[
            "admission",
            "artifact",
            "batch",
            "cache",
            "caller",
            "canonical",
            "decode",
            "detect",
            "model",
            "policy",
            "sanitize",
            "structure",
            "telemetry",
            "threat",
            "tokenize",
        ],
    ),
    ("evaluate", &["admission", "artifact", "batch", "cache", "caller", "pipeline", "policy", "threat"]),
    (
        "deploy",
        &[
            "admission",
            "artifact",
            "batch",
            "cache",
            "caller",
            "fetch",
            "model",
            "pipeline",
            "policy",
            "telemetry",
            "threat",
            "tokenize",
        ],
    ),
    (
        "grpc",
        &[
            "admission",
            "artifact",
            "batch",
            "caller",
            "deploy",
            "fetch",
            "pipeline",
            "policy",
            "sanitize",
            "telemetry",
            "threat",
        ],
    ),
    (
        "config",
        &[
            "admission",
            "artifact",
            "batch",
            "cache",
            "deploy",
            "fetch",
            "grpc",
            "model",
            "pipeline",
            "policy",
            "signing",
        ],
    ),
    ("app", &["admission", "artifact", "batch", "config", "deploy", "grpc", "pipeline", "telemetry"]),
    (
        "cli",
        &[
            "admission",
            "app",
            "artifact",
            "batch",
            "cache",
            "caller",
            "config",
            "deploy",
            "evaluate",
            "fetch",
            "grpc",
            "model",
            "pipeline",
            "policy",
            "signing",
            "telemetry",
            "threat",
        ],
    ),
];

/// Crates that only one module may name: outside it, nobody knows of them.
const KNOWN_ONLY_TO: &[(&str, &[&str])] = &[
    ("tonic", &["grpc", "app", "cli"]),
    ("prost", &["grpc"]),
    ("clap", &["cli", "config", "evaluate", "telemetry"]),
    ("candle_core", &["model", "artifact"]),
    ("unicode_categories", &["tokenize"]),
    ("p256", &["signing"]),
    ("x509_cert", &["grpc"]),
    ("hf_hub", &["fetch"]),
    ("safetensors", &["artifact"]),
    ("flate2", &["decode", "cli", "evaluate"]),
    ("prometheus_client", &["telemetry"]),
    ("hyper", &["telemetry"]),
    ("siphasher", &["cache"]),
    ("opentelemetry", &["telemetry"]),
    ("hdrhistogram", &["cli"]),
    ("ndarray", &["evaluate"]),
    ("plotters", &["evaluate"]),
    ("rand", &["evaluate"]),
];

/// Modules without files, network, clock or thread of their own.
const PURE: &[&str] =
    &["threat", "canonical", "structure", "decode", "detect", "tokenize", "model", "calibrate", "policy", "sanitize"];
const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::env", "Instant", "SystemTime", "tokio::", "async fn", "tracing::"];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.is_dir() || path.extension().is_some_and(|e| e == "rs"))
        .flat_map(|path| sources(&path))
        .collect()
}

/// The code of each module, its own tests left out.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        modules.entry(module).or_default().extend(lines.flat_map(|line| [line, "\n"]));
    }
    modules.retain(|module, _| module != "lib" && module != "main");
    modules
}

fn used(code: &str) -> BTreeSet<String> {
    let names = code
        .split("crate::")
        .skip(1)
        .map(|after| after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let modules = modules();
    let listed: BTreeSet<_> = MAY_USE.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(modules.keys().cloned().collect::<BTreeSet<_>>(), listed, "the table lists every module");
    for (module, allowed) in MAY_USE {
        for name in used(&modules[*module]) {
            assert!(name == *module || allowed.contains(&name.as_str()), "{module} uses {name}");
        }
    }
}

#[test]
fn crates_stay_behind_their_module() {
    for (name, known_to) in KNOWN_ONLY_TO {
        for (module, code) in modules() {
            let is_named = code.contains(&format!("{name}::"));
            assert!(!is_named || known_to.contains(&module.as_str()), "{module} names {name}");
        }
    }
}

#[test]
fn pure_modules_touch_nothing() {
    let modules = modules();
    for module in PURE {
        for impure in IMPURE {
            assert!(!modules[*module].contains(impure), "{module} names {impure}");
        }
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("//!"), "{}", path.display());
    }
}
