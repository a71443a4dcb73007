//! The report as one page that needs nothing else: no script, no link, no font, no picture from elsewhere.

use crate::evaluate::EvaluateError;
use crate::threat::Category;

use super::plots::DrawError;
use super::slices::Dimension;
use super::tables::category_title;
use super::{Evaluation, Report, plots};

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid #ddd;padding:2px 8px;text-align:right}\
    td:nth-child(-n+3),th:nth-child(-n+3){text-align:left}th{border-bottom:2px solid #888}\
    .wide{overflow-x:auto}.plots{display:flex;flex-wrap:wrap;gap:8px}code{font-size:12px;overflow-wrap:anywhere}";

/// What a reader must know to read the numbers.
const DEFINITIONS: [&str; 6] = [
    "Recall at a false-positive rate: the share of positives above the lowest threshold that keeps the false positives to \
     that share of the negatives. A star marks slices with fewer than 100 negatives of their own: there the negatives are \
     those of all evaluated texts of the same channels. In parentheses the 95 % bootstrap interval over texts.",
    "AUC: the chance that a positive scores above a negative, ties counted half.",
    "ECE: the expected calibration error over 15 bins of equal width. Brier: the mean squared error of the probability.",
    "Blocked, reviewed, allowed: the model's own verdict at its shipped thresholds. Harmless are texts that are labelled \
     negative in every category; attacks are positive in at least one.",
    "Span F1: the F1 score of the characters in findings against those in labelled spans, averaged over the texts whose \
     attack is located; 0 where nothing was found.",
    "Lengths are in characters. Only texts whose label is known count in a category.",
];

/// Text that cannot end the element that it stands in.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Evaluation {
    /// The page.
    ///
    /// # Errors
    /// If a diagram cannot be drawn.
    pub fn html(&self) -> Result<String, EvaluateError> {
        let report = &self.report;
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
            title = escaped(&report.model),
        );
        let digest = escaped(&report.digest);
        page += &format!("<p>{} texts, seed {}, model <code>sha256:{digest}</code></p>\n", report.n_texts, report.seed);
        page += &self.diagrams()?;
        page += &self.comparison_section();
        page += &report.sections();
        page += "<h2>What the numbers mean</h2>\n<ul>\n";
        for definition in DEFINITIONS {
            page += &format!("<li>{definition}</li>\n");
        }
        page += "</ul>\n</body>\n</html>\n";
        Ok(page)
    }

    fn diagrams(&self) -> Result<String, DrawError> {
        let mut reports = vec![&self.report];
        reports.extend(self.comparison.as_ref().map(|comparison| &comparison.baseline));
        let mut out = String::new();
        for category in Category::ALL {
            out += &format!("<h2>{}</h2>\n<div class=\"plots\">\n", category_title(category));
            for svg in plots::of_category(&reports, category)? {
                out += &svg;
            }
            out += "</div>\n";
        }
        Ok(out)
    }

    fn comparison_section(&self) -> String {
        let Some(comparison) = &self.comparison else { return String::new() };
        let compared =
            [comparison.worse_table(), comparison.latency_table(&self.report.model), comparison.flip_table()];
        let tables = self.side_by_side().into_iter().chain(compared);
        format!("<h2>Comparison</h2>\n{}", tables.map(|table| table.html()).collect::<String>())
    }
}

impl Report {
    fn sections(&self) -> String {
        let verdicts = Dimension::ALL.map(|dimension| self.verdict_table(&dimension.title(), &[dimension]).html());
        let pairs = self.same_words_two_sources.map(|_| self.pair_table().html()).unwrap_or_default();
        let categories = Dimension::ALL.map(|dimension| self.category_table(&dimension.title(), &[dimension]).html());
        format!("<h2>Verdicts</h2>\n{}{pairs}<h2>Categories</h2>\n{}", verdicts.concat(), categories.concat())
    }
}
