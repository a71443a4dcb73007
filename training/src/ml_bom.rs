//! The bill of materials of a model, for the tools that keep inventories: CycloneDX 1.6, a `machine-learning-model` with its
//! base as an ancestor. It says nothing that the manifest does not, and has no time or serial number: the same run gives the
//! same bytes.

use portcullis::artifact::{Manifest, WEIGHTS};
use serde_json::{Value, json};

/// The bill of a manifest whose other files are known, under a license by its SPDX identifier.
pub fn ml_bom(manifest: &Manifest, license: Option<&str>) -> Value {
    let files = manifest.files.iter().filter(|(name, _)| *name != WEIGHTS);
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": model(manifest, license) },
        "components": files
            .map(|(name, digest)| json!({ "type": "file", "name": name, "hashes": hashes(digest) }))
            .collect::<Vec<_>>(),
    })
}

fn model(manifest: &Manifest, license: Option<&str>) -> Value {
    let provenance = &manifest.provenance;
    json!({
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": manifest.name,
        "version": manifest.version,
        "hashes": manifest.files.get(WEIGHTS).map(|digest| hashes(digest)).unwrap_or_else(|| json!([])),
        "licenses": license.map(|id| json!({ "license": { "id": id } })).into_iter().collect::<Vec<_>>(),
        "pedigree": {
            "ancestors": [{
                "type": "machine-learning-model",
                "name": provenance.base,
                "version": provenance.base_revision,
                "purl": format!("pkg:huggingface/{}@{}", provenance.base, provenance.base_revision),
                "hashes": hashes(&provenance.base_sha256),
            }],
            "commits": [{ "uid": provenance.commit }],
        },
        "modelCard": { "modelParameters": parameters(manifest) },
        "properties": properties(&[
            ("portcullis:recipe_sha256", &provenance.recipe_sha256),
            ("portcullis:seed", &provenance.seed.to_string()),
        ]),
    })
}

fn parameters(manifest: &Manifest) -> Value {
    let (encoder, provenance) = (&manifest.encoder, &manifest.provenance);
    json!({
        "approach": { "type": "supervised" },
        "task": "text classification",
        "architectureFamily": "transformer encoder",
        "modelArchitecture": format!(
            "{}, {} layers of width {}", manifest.architecture, encoder.num_hidden_layers, encoder.hidden_size
        ),
        "datasets": [{
            "type": "dataset",
            "name": "training data",
            "contents": { "properties": properties(&[
                ("portcullis:data_sha256", &provenance.data_sha256),
                ("portcullis:data_card_sha256", &provenance.data_card_sha256),
            ]) },
        }],
        "inputs": [{ "format": "text" }],
        "outputs": manifest
            .labels
            .iter()
            .map(|label| json!({ "format": format!("probability of {label}") }))
            .collect::<Vec<_>>(),
    })
}

fn hashes(sha256: &str) -> Value {
    json!([{ "alg": "SHA-256", "content": sha256 }])
}

fn properties(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}
