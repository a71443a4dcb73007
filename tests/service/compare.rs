//! `models compare`, before a swap: who is worse is told so, by the exit status as well.

use std::path::Path;
use std::process::{Command, Output};

use crate::altered::{Shelf, swap_labels};
use crate::common::{ATTACK, HARMLESS};
use crate::process::BINARY;

/// Labelled texts, half of them attacks, at a new path.
fn texts(folder: &Path, n_texts: usize) -> String {
    let row = |n: usize| {
        let is_attack = n.is_multiple_of(2);
        let text = format!("{} ({n})", if is_attack { ATTACK } else { HARMLESS });
        let labels = if is_attack {
            serde_json::json!({ "injection": 1, "jailbreak": null, "exfiltration": null })
        } else {
            serde_json::json!({ "injection": 0, "jailbreak": 0, "exfiltration": 0 })
        };
        serde_json::json!({ "id": format!("text-{n}"), "text": text, "surface": "prompt", "labels": labels })
            .to_string()
    };
    let path = folder.join(format!("{n_texts}.jsonl"));
    std::fs::write(&path, (0..n_texts).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    path.display().to_string()
}

fn compare(arguments: &[&str]) -> Output {
    // How fast a busy machine is says nothing about the model.
    let output =
        Command::new(BINARY).args(["models", "compare", "--max-latency-ratio", "1000"]).args(arguments).output();
    output.unwrap()
}

#[test]
fn a_model_is_worse_if_its_labels_are_swapped_and_not_if_it_is_the_same() {
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().unwrap());
    let bad = shelf.make("9.1.1", |files, _| swap_labels(files, true)).display().to_string();
    let data = texts(folder.path(), 120);
    let [json, html] = ["report.json", "report.html"].map(|name| folder.path().join(name).display().to_string());
    let same = compare(&["embedded", "embedded", "--data", &data]);
    let answer = String::from_utf8_lossy(&same.stdout);
    assert!(same.status.success() && answer.contains("Not worse beyond the bounds"), "{answer}");

    let worse = compare(&["embedded", &bad, "--data", &data, "--json", &json, "--html", &html]);
    let answer = String::from_utf8_lossy(&worse.stdout);
    assert!(worse.status.code() == Some(1) && answer.contains("attacks blocked on all texts"), "{answer}");
    let (json, html) = (std::fs::read_to_string(json).unwrap(), std::fs::read_to_string(html).unwrap());
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    // What neither label reaches a threshold for does not flip.
    assert!(report["comparison"]["flips"].as_array().unwrap().len() > 60, "{answer}");
    for output in [&json, &html, &answer.into_owned()] {
        assert!(!output.contains(HARMLESS) && output.contains("text-7"), "ids, and no text: {output}");
    }
}

#[test]
fn few_texts_are_no_ground_for_a_judgement() {
    let folder = tempfile::tempdir().unwrap();
    let output = compare(&["embedded", "embedded", "--data", &texts(folder.path(), 20)]);
    let reason = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && reason.contains("50 attacks"), "{reason}");
}
