//! The report's diagrams, as SVG: drawn as text, so that they need no fonts here and stay sharp there.

use std::io;

use crate::threat::Category;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::Report;
use super::tables::category_title;
use crate::evaluate::metrics::Bin;

const SIZE: (u32, u32) = (370, 330);
/// Three colours that the colour-blind tell apart (Okabe and Ito 2008, <https://jfly.uni-koeln.de/color/>).
const COLORS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];
/// The lowest false-positive rate that is drawn, and the lowest count: a logarithmic axis has no zero.
const LOWEST_RATE: f64 = 1e-4;
const LOWEST_COUNT: f64 = 0.7;

/// Why a diagram could not be drawn: none that is drawn as text in memory has a reason.
pub type DrawError = DrawingAreaErrorKind<io::Error>;
type Result<T> = std::result::Result<T, DrawError>;
type Points = Vec<(f64, f64)>;
type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A named line.
struct Line {
    name: String,
    points: Points,
}

/// The reliability diagram, ROC and score histogram of a category, one line for each report.
pub fn of_category(reports: &[&Report], category: Category) -> Result<[String; 3]> {
    let lines = |points: fn(&super::Curves) -> Points| -> Vec<Line> {
        let line = |report: &&Report| Line { name: report.model.clone(), points: points(report.curves.get(category)) };
        reports.iter().map(line).collect()
    };
    let reliability = lines(|curves| reliability_points(&curves.reliability));
    let roc = lines(|curves| curves.roc.iter().map(|(rate, recall)| (rate.max(LOWEST_RATE), *recall)).collect());
    let bins = reports.first().map(|report| report.curves.get(category).histogram.as_slice()).unwrap_or_default();
    let svgs = [
        draw(|canvas| draw_reliability(canvas, &reliability))?,
        draw(|canvas| draw_roc(canvas, &roc))?,
        draw(|canvas| draw_histogram(canvas, bins))?,
    ];
    // Within a page the namespace is known; a page without any address is plainly one that loads nothing.
    Ok(svgs.map(|svg| svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")))
}

/// All categories' reliability in one diagram, as a file of its own.
pub fn reliability_diagram(report: &Report) -> Result<String> {
    let lines: Vec<Line> = report
        .curves
        .iter()
        .map(|(category, curves)| Line {
            name: category_title(category).to_lowercase(),
            points: reliability_points(&curves.reliability),
        })
        .collect();
    draw(|canvas| draw_reliability(canvas, &lines))
}

fn reliability_points(bins: &[Bin]) -> Points {
    bins.iter().filter(|bin| bin.n > 0).map(|bin| (bin.mean_probability, bin.share_positive())).collect()
}

fn draw(content: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        canvas.fill(&WHITE)?;
        content(&canvas)?;
        canvas.present()?;
    }
    Ok(svg)
}

fn builder<'a, 'b>(canvas: &'a Canvas<'b>, caption: &str) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(canvas);
    builder.caption(caption, ("sans-serif", 15)).margin(10).x_label_area_size(38).y_label_area_size(46);
    builder
}

fn draw_reliability(canvas: &Canvas<'_>, lines: &[Line]) -> Result<()> {
    let mut chart = builder(canvas, "Reliability").build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("probability").y_desc("share of positives").draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3)))?;
    for (line, color) in lines.iter().zip(COLORS) {
        let series = LineSeries::new(line.points.iter().copied(), color.stroke_width(2)).point_size(3);
        chart.draw_series(series)?.label(&line.name).legend(move |at| legend(at, color));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw()?;
    Ok(())
}

fn draw_roc(canvas: &Canvas<'_>, lines: &[Line]) -> Result<()> {
    let mut chart = builder(canvas, "ROC").build_cartesian_2d((LOWEST_RATE..1.0).log_scale(), 0.0..1.0)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("false-positive rate").y_desc("recall").draw()?;
    for (line, color) in lines.iter().zip(COLORS) {
        let series = LineSeries::new(line.points.iter().copied(), color.stroke_width(2));
        chart.draw_series(series)?.label(&line.name).legend(move |at| legend(at, color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

fn draw_histogram(canvas: &Canvas<'_>, bins: &[Bin]) -> Result<()> {
    let counts: [(&str, Vec<usize>); 2] = [
        ("negative", bins.iter().map(|bin| bin.n - bin.n_positive).collect()),
        ("positive", bins.iter().map(|bin| bin.n_positive).collect()),
    ];
    let most = counts.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or_default().max(10) as f64;
    let range = (LOWEST_COUNT..most * 1.5).log_scale();
    let mut chart = builder(canvas, "Scores").build_cartesian_2d(0.0..1.0, range)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("probability").y_desc("texts").draw()?;
    for ((name, counts), color) in counts.iter().zip(COLORS) {
        let series = LineSeries::new(steps(counts), color.stroke_width(2));
        chart.draw_series(series)?.label(*name).legend(move |at| legend(at, color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperMiddle)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

/// The outline of a histogram over [0, 1].
fn steps(counts: &[usize]) -> Points {
    let width = 1.0 / counts.len() as f64;
    let bin = |(index, count): (usize, &usize)| {
        let height = (*count as f64).max(LOWEST_COUNT);
        [(index as f64 * width, height), ((index + 1) as f64 * width, height)]
    };
    counts.iter().enumerate().flat_map(bin).collect()
}

fn legend((x, y): (i32, i32), color: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2))
}
