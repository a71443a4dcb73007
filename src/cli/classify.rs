//! `classify`: verdicts on texts, here and now, through the pipeline that serves.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};

use super::contract::{InputLine, OutputLine};
use super::load_model;
use crate::admission::{Admission, InFlightLimits};
use crate::batch::Limits;
use crate::cache::CacheLimits;
use crate::caller::Caller;
use crate::config::{HubSettings, ModelSettings};
use crate::pipeline::{Analysis, Content, Options, Pipeline, Segment};
use crate::threat::{Category, Source};

/// Lines under way at the same time: enough to fill batches, few enough that long texts fit in memory.
const CONCURRENT_LINES: usize = 64;
/// Tokens in one batch.
const BATCH_TOKENS: usize = 4096;

/// Classify a text, or each line of a file.
///
/// Lines are JSON objects with "id", "text" and "surface" (prompt, tool_output, document, tool_description, model_output
/// or system_prompt); each is answered by a line, in order. A bad line is reported with its number, the rest goes on, and
/// the exit status is 1.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Text to classify
    #[arg(required_unless_present = "input", conflicts_with = "input")]
    text: Option<String>,
    /// Where TEXT is said to come from
    #[arg(long, default_value = "prompt", value_name = "SURFACE", conflicts_with = "input")]
    surface: Source,
    /// File of lines to classify, .jsonl or .jsonl.gz; - for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// File to write the answers to; - for standard output
    #[arg(long, value_name = "FILE", default_value = "-", requires = "input")]
    output: PathBuf,
    #[command(flatten)]
    model: ModelSettings,
    #[command(flatten)]
    hub: HubSettings,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let model = load_model(&arguments.model, &arguments.hub)?;
    let pipeline = Pipeline::start(model, Limits::tokens(BATCH_TOKENS), CacheLimits::NONE)?;
    let local = Local { pipeline, admission: Admission::new(InFlightLimits::NONE) };
    match (arguments.text, arguments.input) {
        (Some(text), _) => {
            print_analysis(&local.analyze(text, arguments.surface).await?)?;
            Ok(ExitCode::SUCCESS)
        }
        (None, Some(input)) => classify_lines(&local, &input, &arguments.output).await,
        (None, None) => bail!("give a text or --input"),
    }
}

/// The pipeline, in this process and for this process alone.
struct Local {
    pipeline: Pipeline,
    admission: Admission,
}

impl Local {
    async fn analyze(&self, text: String, source: Source) -> anyhow::Result<Analysis> {
        let admitted = self.admission.admit(Caller::default(), text.len())?;
        let segment = Segment { source, content: Content::Text(text) };
        Ok(self.pipeline.analyze(&admitted, vec![segment], Options { spans: true, ..Options::default() }).await?)
    }
}

fn print_analysis(analysis: &Analysis) -> io::Result<()> {
    let model = &analysis.model;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}  risk {:.4}  ({} {}, windows: {})",
        analysis.verdict, analysis.risk, model.name, model.version, analysis.coverage.windows
    )?;
    for category in Category::ALL {
        let score = analysis.scores.get(category);
        writeln!(
            out,
            "  {:<13} {:.4}  (review from {:.4}, block from {:.4})",
            category.name(),
            score.probability,
            score.thresholds.review,
            score.thresholds.block
        )?;
    }
    for finding in &analysis.findings {
        let range = &finding.range;
        writeln!(
            out,
            "  {} at bytes {}..{}  {:.4}  {}",
            finding.category, range.start, range.end, finding.probability, finding.atlas_id
        )?;
    }
    Ok(())
}

async fn classify_lines(local: &Local, input: &Path, output: &Path) -> anyhow::Result<ExitCode> {
    let (reader, bar) = open_input(input)?;
    let mut writer = open_output(output)?;
    let mut answers = std::pin::pin!(
        futures::stream::iter(lines(reader).enumerate())
            .map(|(index, line)| async move { (index + 1, answer(local, line).await) })
            .buffered(CONCURRENT_LINES)
    );
    let (mut n_answered, mut n_bad) = (0_u64, 0_u64);
    while let Some((number, answer)) = answers.next().await {
        match answer {
            Ok(answer) => {
                serde_json::to_writer(&mut writer, &answer)?;
                writer.write_all(b"\n").with_context(|| format!("writing {}", output.display()))?;
                n_answered += 1;
            }
            Err(error) => {
                bar.suspend(|| tracing::error!("line {number}: {error:#}"));
                n_bad += 1;
            }
        }
        bar.set_message(format!("{n_answered} lines"));
    }
    writer.flush().with_context(|| format!("writing {}", output.display()))?;
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    tracing::info!(
        lines = n_answered,
        bad = n_bad,
        seconds,
        lines_per_second = n_answered as f64 / seconds,
        "classified"
    );
    Ok(if n_bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn answer(local: &Local, line: io::Result<Vec<u8>>) -> anyhow::Result<OutputLine> {
    // The parser's own message may quote the line; its place and kind say enough.
    let line: InputLine = serde_json::from_slice(&line?).map_err(|error| {
        anyhow::anyhow!(
            "not a line of the contract ({:?} error at column {}): id, text and a known surface are needed",
            error.classify(),
            error.column()
        )
    })?;
    let analysis = local.analyze(line.text, line.surface).await?;
    Ok(OutputLine::new(line.id, analysis))
}

/// The lines of a reader as bytes, without their ends: a line that is not UTF-8 is a bad line, not the end.
fn lines(reader: impl Read) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    BufReader::new(reader).split(b'\n')
}

/// Opens the input with a bar that shows how much of its bytes is read.
fn open_input(path: &Path) -> anyhow::Result<(Box<dyn Read>, ProgressBar)> {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {elapsed} eta {eta} {msg}")?;
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), ProgressBar::new_spinner()));
    }
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let bar = ProgressBar::new(file.metadata()?.len()).with_style(style);
    let read = bar.wrap_read(file);
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    Ok((if is_gzip { Box::new(MultiGzDecoder::new(read)) } else { Box::new(read) }, bar))
}

fn open_output(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}
