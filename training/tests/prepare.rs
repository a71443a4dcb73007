//! `prepare` with the real binary over a small folder: what is kept, what is rejected and why, and that it is repeatable.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

const CONFIG: &str = r#"
    seed = 5
    calibration_share = 0.3
    near_duplicate_jaccard = 0.85
    limits = { min_chars = 4, max_chars = 600 }
    [[source]]
    kind = "jsonl"
    path = "."
    exclude = ["unlicensed"]
    exclude_attacks = ["unlicensed"]
    max_items = 100
    max_items_of = { many = 40 }
"#;

const REPORT: &str = "The night shift counted the crates twice and found the same number both times, although the \
    paper said otherwise, so the foreman asked for a third count in the morning and sent everybody home early with a \
    note that the paper would be corrected as soon as the office opened and somebody could be reached by telephone";

fn row(id: &str, text: &str) -> Value {
    json!({
        "id": id,
        "text": text,
        "surface": "prompt",
        "labels": { "injection": 0, "jailbreak": 0, "exfiltration": null },
        "license": "MIT",
        "lang": "en",
    })
}

fn with(mut row: Value, field: &str, value: Value) -> Value {
    row[field] = value;
    row
}

fn write(folder: &Path, file: &str, rows: &[Value]) {
    std::fs::create_dir_all(folder).unwrap();
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(folder.join(file), lines.join("\n")).unwrap();
}

fn write_sources(folder: &Path) {
    let attack = json!({ "injection": 1, "jailbreak": 0, "exfiltration": 0 });
    let first = [
        row("kept", REPORT),
        row("empty", "  \n "),
        row("long", &"too many words ".repeat(60)),
        with(row("bad-span", "five words are in here"), "spans", json!([[10, 99]])),
        with(row("excluded", "an attack from elsewhere"), "meta", json!({ "attack": "unlicensed" })),
        with(row("in-a-tool", REPORT), "surface", json!("tool_output")),
        row("disputed", "Is this one harmless or not, and who can say so today?"),
        row("held-out", "a question that the development set asks as well"),
    ];
    let second = [
        row("exact", &REPORT.to_uppercase()),
        row("near", &format!("{REPORT} today")),
        with(row("disputed-too", "is this one harmless or not, and who can say so today?"), "labels", attack),
    ];
    let many: Vec<Value> = (0..60)
        .map(|n| {
            with(row(&format!("many-{n}"), &format!("question number {n}")), "group", json!(format!("g{}", n / 4)))
        })
        .collect();
    write(folder, "a_first.jsonl", &first);
    write(folder, "b_second.jsonl", &second);
    write(folder, "many.jsonl", &many);
    write(folder, "unlicensed.jsonl", &[row("unlicensed", "never to be read")]);
}

fn prepare(folder: &Path, output: &str) {
    let result = Command::new(env!("CARGO_BIN_EXE_portcullis-train"))
        .args(["prepare", "--config", "data.toml", "--data", "sources", "--against", "held_out", "--output", output])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
}

fn rows(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_text_is_kept_on_one_side_or_rejected_for_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("data.toml"), CONFIG).unwrap();
    write_sources(&folder.join("sources"));
    write(&folder.join("held_out"), "dev.jsonl", &[row("dev", "A question that the development set asks as well")]);
    prepare(folder, "first");
    prepare(folder, "second");

    let output = folder.join("first");
    for file in ["fit.jsonl.gz", "calibration.jsonl.gz", "data_card.json", "data_card.md"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&output), read(&folder.join("second")), "{file} is repeatable");
    }
    let (fit, calibration) = (rows(&output.join("fit.jsonl.gz")), rows(&output.join("calibration.jsonl.gz")));
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let kept: BTreeSet<String> = ids(&fit).union(&ids(&calibration)).cloned().collect();
    let others: Vec<&String> = kept.iter().filter(|id| !id.starts_with("many-")).collect();
    assert!(others == ["in-a-tool", "kept"] || others == ["exact", "in-a-tool"], "{others:?}");
    assert_eq!(kept.len(), 42);

    let groups = |rows: &[Value]| rows.iter().filter_map(|row| row["group"].as_str().map(str::to_owned)).collect();
    let (fit_groups, calibration_groups): (BTreeSet<String>, BTreeSet<String>) = (groups(&fit), groups(&calibration));
    assert!(!fit_groups.is_empty() && !calibration_groups.is_empty());
    assert!(fit_groups.is_disjoint(&calibration_groups));
    assert_eq!(ids(&fit).contains("in-a-tool"), ids(&fit).contains(others[if others[0] == "exact" { 0 } else { 1 }]));
    assert!(fit.iter().chain(&calibration).all(|row| row["set"].is_string() && row["license"] == "MIT"));

    let card: Value = serde_json::from_slice(&std::fs::read(output.join("data_card.json")).unwrap()).unwrap();
    assert_eq!(
        card["total"]["rejected"],
        json!({
            "excluded_attack": 1, "over_cap": 20, "too_short": 1, "too_long": 1, "bad_span": 1, "near_held_out": 1,
            "exact_duplicate": 1, "near_duplicate": 1, "conflicting_labels": 2,
        })
    );
    assert_eq!((card["total"]["read"].as_u64(), card["sets"].as_array().unwrap().len()), (Some(71), 3));
    assert_eq!(card["sets"][2]["labels"]["exfiltration"], json!({ "positive": 0, "negative": 0, "unknown": 40 }));
    let markdown = std::fs::read_to_string(output.join("data_card.md")).unwrap();
    assert!(!markdown.contains("night shift"), "a card holds no text");
}
