//! A picture of latency over rate, as SVG: one line a percentile, latency on a logarithmic axis. Pure.

use std::fmt::Write;

use super::report::{Latency, Report};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
/// Space for the labels of the axes.
const MARGIN: f64 = 60.0;

/// A percentile: its name, its colour and where it stands in a report.
type Line = (&'static str, &'static str, fn(&Latency) -> f64);

const LINES: [Line; 4] = [
    ("p50", "#1b7837", |latency| latency.p50),
    ("p90", "#2166ac", |latency| latency.p90),
    ("p99", "#e08214", |latency| latency.p99),
    ("p99.9", "#b2182b", |latency| latency.p999),
];

/// From what is measured to places in the picture.
struct Scale {
    most_per_s: f64,
    /// Powers of ten of the lowest and the highest latency, in milliseconds.
    decades: (f64, f64),
}

impl Scale {
    fn of(points: &[(f64, Latency)]) -> Self {
        let values = || points.iter().flat_map(|(_, latency)| LINES.map(|(_, _, of)| of(latency).max(0.001)));
        let (lowest, highest) = (values().fold(f64::MAX, f64::min), values().fold(0.001, f64::max));
        let most_per_s = points.iter().map(|(rate, _)| *rate).fold(f64::MIN_POSITIVE, f64::max);
        Self { most_per_s, decades: (lowest.log10().floor(), highest.log10().ceil().max(lowest.log10().floor() + 1.0)) }
    }

    fn x(&self, per_s: f64) -> f64 {
        MARGIN + (WIDTH - 2.0 * MARGIN) * per_s / self.most_per_s
    }

    fn y(&self, latency_ms: f64) -> f64 {
        let (lowest, highest) = self.decades;
        let share = (latency_ms.max(0.001).log10() - lowest) / (highest - lowest);
        HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * share
    }
}

/// The latency of all answers over the rate that was offered. Reports without a rate are left out.
pub(super) fn svg(reports: &[Report]) -> String {
    let mut points: Vec<(f64, Latency)> =
        reports.iter().filter_map(|report| Some((report.offered_per_s?, *report.latency_ms.get("all")?))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let scale = Scale::of(&points);
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = draw(&mut svg, &points, &scale);
    svg
}

fn draw(svg: &mut String, points: &[(f64, Latency)], scale: &Scale) -> std::fmt::Result {
    let (right, bottom) = (WIDTH - MARGIN, HEIGHT - MARGIN);
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>"
    )?;
    for decade in scale.decades.0 as i32..=scale.decades.1 as i32 {
        let (value, y) = (10_f64.powi(decade), scale.y(10_f64.powi(decade)));
        writeln!(svg, "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>")?;
        writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value} ms</text>", MARGIN - 6.0, y + 4.0)?;
    }
    for (per_s, _) in points {
        let x = scale.x(*per_s);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{per_s:.0}</text>", bottom + 18.0)?;
    }
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">requests offered a second</text>",
        WIDTH / 2.0,
        HEIGHT - 16.0
    )?;
    for (index, (name, color, of)) in LINES.iter().enumerate() {
        let path: Vec<String> =
            points.iter().map(|(rate, latency)| format!("{:.1},{:.1}", scale.x(*rate), scale.y(of(latency)))).collect();
        writeln!(svg, "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>", path.join(" "))?;
        let x = MARGIN + 70.0 * index as f64;
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{color}\">{name}</text>", MARGIN - 20.0)?;
    }
    writeln!(svg, "</svg>")
}
