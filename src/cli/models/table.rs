//! A server's models as a table for a terminal. Pure.

use crate::grpc::v1::{ListModelsResponse, Model, ModelStage};

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

/// A line a model, one more where it is compared, and the last rollback.
pub(super) fn render(state: &ListModelsResponse) -> String {
    let head = ["STAGE", "MODEL", "DIGEST", "CANARY", "SHADOW", "ANSWERED", "FAULTS", "MS/WINDOW", "SOURCE"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(state.models.iter().map(row));
    let widths: Vec<usize> = (0..head.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.extend(state.models.iter().filter_map(notes));
    lines.extend(state.last_rollback.iter().map(|rollback| {
        let name = |id: &Option<crate::grpc::v1::ModelRef>| {
            id.as_ref().map(|id| format!("{} {}", id.name, id.version)).unwrap_or_default()
        };
        let (from, to) = (name(&rollback.from), name(&rollback.to));
        format!("rolled back ({}): {from} to {to}: {}", rollback.guard, rollback.reason)
    }));
    lines.push(format!("etag {}", state.etag));
    lines.join("\n")
}

/// The name of a stage.
pub(super) fn stage_name(stage: ModelStage) -> &'static str {
    stage.as_str_name().strip_prefix("MODEL_STAGE_").unwrap_or_default()
}

fn row(model: &Model) -> [String; 9] {
    let id = model.r#ref.clone().unwrap_or_default();
    let live = model.live.unwrap_or_default();
    let share = |share: f64| if share > 0.0 { format!("{:.1}%", share * 100.0) } else { "-".to_owned() };
    [
        stage_name(model.stage()).to_owned(),
        format!("{} {}", id.name, id.version).trim().to_owned(),
        id.digest.chars().take(DIGEST_DIGITS).collect(),
        share(model.canary_share),
        share(model.shadow_share),
        live.answered.to_string(),
        live.faults.to_string(),
        format!("{:.2}", live.median_window_us as f64 / 1e3),
        model.source.clone(),
    ]
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join("  ").trim_end().to_owned()
}

/// What is told of a model beside its line.
fn notes(model: &Model) -> Option<String> {
    let version = model.r#ref.as_ref().map(|id| id.version.as_str()).unwrap_or_default();
    if !model.reason.is_empty() {
        return Some(format!("{} {version}: {}", model.source, model.reason));
    }
    let compared = model.comparison.as_ref().filter(|compared| compared.requests > 0)?;
    let sources: Vec<_> = compared
        .sources
        .iter()
        .map(|source| format!("{} +{} -{} of {}", source.source, source.stricter, source.laxer, source.segments))
        .collect();
    Some(format!(
        "{version} compared on {} requests: {} flips, PSI {:.3}, KS {:.3}; stricter and laxer by source: {}",
        compared.requests,
        compared.flips,
        compared.population_stability_index,
        compared.kolmogorov_smirnov,
        sources.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::v1::{ModelComparison, ModelRef};

    #[test]
    fn columns_stand_below_each_other() {
        let model = |version: &str, stage: ModelStage| Model {
            r#ref: Some(ModelRef {
                name: "m".to_owned(),
                version: version.to_owned(),
                digest: "0123456789abcdef".to_owned(),
            }),
            stage: stage.into(),
            source: "embedded".to_owned(),
            comparison: Some(ModelComparison { requests: 7, flips: 2, ..ModelComparison::default() }),
            ..Model::default()
        };
        let models = vec![model("1.0.0", ModelStage::Active), model("1.10.0", ModelStage::SelfTest)];
        let text = render(&ListModelsResponse { models, etag: "e-1".to_owned(), last_rollback: None });
        let lines: Vec<_> = text.lines().collect();
        let at: Vec<_> = lines[..3].iter().map(|line| line.rfind(' ')).collect();
        assert!(at.iter().all(|place| *place == at[0]), "{text}");
        assert!(lines[2].starts_with("SELF_TEST  m 1.10.0  0123456789ab  -"), "{text}");
        assert!(lines[3].contains("7 requests: 2 flips"), "{text}");
        assert_eq!(lines.last(), Some(&"etag e-1"));
    }
}
