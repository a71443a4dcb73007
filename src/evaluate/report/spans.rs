//! How well the findings meet the place of an attack.

use std::ops::Range;

use super::Judged;

/// The F1 score of a text's characters: those in any finding against those in any labelled span. 0 if nothing was found;
/// none if the attack's place is not labelled. A report averages it over texts, so that a long one counts as a short one.
pub fn f1(text: &Judged<'_>) -> Option<f64> {
    let spans = &text.example.spans;
    if spans.is_empty() {
        return None;
    }
    let found: Vec<Range<usize>> = text.analysis.findings.iter().map(|finding| finding.range.clone()).collect();
    let (mut n_both, mut n_sum) = (0, 0);
    for (start, _) in text.example.text.char_indices() {
        let is_in = |ranges: &[Range<usize>]| usize::from(ranges.iter().any(|range| range.contains(&start)));
        let (labelled, found) = (is_in(spans), is_in(&found));
        n_both += labelled * found;
        n_sum += labelled + found;
    }
    Some(2.0 * n_both as f64 / (n_sum as f64).max(1.0))
}

#[cfg(test)]
mod tests {
    use crate::pipeline::Finding;
    use crate::threat::{Category, Source, Verdict};

    use super::super::tests::{analysis, example};
    use super::*;

    fn check(spans: &[(usize, usize)], findings: &[(usize, usize)], expected: Option<f64>) {
        let mut example = example("a", Source::ToolOutput, true);
        example.text = "äöü four five six".to_owned();
        example.spans = spans.iter().map(|(start, end)| *start..*end).collect();
        let finding = |(start, end): &(usize, usize)| Finding {
            category: Category::Injection,
            segment: 0,
            range: *start..*end,
            detector: "toy",
            probability: 0.9,
            verdict: Verdict::Block,
            atlas_id: "",
        };
        let analysis = analysis(0.9, findings.iter().map(finding).collect());
        assert_eq!(f1(&Judged { example: &example, analysis: &analysis }), expected, "{spans:?} {findings:?}");
    }

    #[test]
    fn overlap_is_counted_in_characters() {
        let (umlauts, four, both) = ((0, 6), (7, 11), (0, 11));
        check(&[], &[umlauts], None);
        check(&[umlauts], &[], Some(0.0));
        check(&[umlauts], &[umlauts], Some(1.0));
        check(&[umlauts], &[four], Some(0.0));
        // Three characters of eight.
        check(&[umlauts], &[both], Some(6.0 / 11.0));
        check(&[umlauts, four], &[both, four], Some(14.0 / 15.0));
    }
}
