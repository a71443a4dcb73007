//! What a server under load tells of itself on its port of metrics: single figures, and its memory over time as a table and a
//! picture.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// How often memory is looked at.
const INTERVAL: Duration = Duration::from_secs(1);
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
/// Space for the labels of the axes.
const MARGIN: f64 = 60.0;

/// The port of metrics of a server.
#[derive(Clone, Debug)]
pub(super) struct Portal(pub(super) String);

impl Portal {
    /// The value of a metric without labels.
    pub(super) async fn read(&self, name: &str) -> anyhow::Result<f64> {
        let mut stream = TcpStream::connect(&self.0).await.with_context(|| format!("connecting to {}", self.0))?;
        stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.0).as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.with_context(|| format!("{} tells no {name}", self.0))?.parse().context("the value of a metric")
    }

    /// Looks at the server's memory until it is told to stop.
    pub(super) fn watch_memory(&self) -> MemoryWatch {
        let (portal, started) = (self.clone(), Instant::now());
        let (sender, samples) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let bytes = portal.read("portcullis_resident_memory_bytes").await;
                if bytes.is_ok_and(|bytes| sender.send((started.elapsed(), bytes)).is_err()) {
                    return;
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
        MemoryWatch { samples, _task: AbortOnDropHandle::new(task) }
    }
}

/// A look at memory that goes on.
pub(super) struct MemoryWatch {
    samples: tokio::sync::mpsc::UnboundedReceiver<(Duration, f64)>,
    _task: AbortOnDropHandle<()>,
}

impl MemoryWatch {
    /// Bytes, and when they were looked at.
    pub(super) fn stop(mut self) -> Vec<(Duration, f64)> {
        std::iter::from_fn(|| self.samples.try_recv().ok()).collect()
    }
}

/// Writes what was seen of memory as PATH.csv and PATH.svg.
pub(super) fn write_memory(path: &Path, samples: &[(Duration, f64)]) -> anyhow::Result<()> {
    for (extension, text) in [("csv", csv(samples)), ("svg", svg(samples))] {
        let path = path.with_extension(extension);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn csv(samples: &[(Duration, f64)]) -> String {
    let lines = samples.iter().map(|(at, bytes)| format!("{:.0},{bytes}\n", at.as_secs_f64()));
    std::iter::once("seconds,resident_bytes\n".to_owned()).chain(lines).collect()
}

/// Memory from zero up, over time.
fn svg(samples: &[(Duration, f64)]) -> String {
    let seconds = samples.last().map_or(1.0, |(at, _)| at.as_secs_f64().max(1.0));
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let most = samples.iter().map(|(_, bytes)| mib(*bytes)).fold(1.0, f64::max);
    let (right, bottom) = (WIDTH - MARGIN, HEIGHT - MARGIN);
    let x = |at: f64| MARGIN + (right - MARGIN) * at / seconds;
    let y = |size: f64| bottom - (bottom - MARGIN) * size / most;
    let line = samples.iter().map(|(at, bytes)| format!("{:.1},{:.1} ", x(at.as_secs_f64()), y(mib(*bytes))));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <polyline fill=\"none\" stroke=\"#2166ac\" stroke-width=\"2\" points=\"{}\"/>\n",
        line.collect::<String>().trim_end()
    );
    for (size, label) in [(0.0, "0".to_owned()), (most, format!("{most:.0} MiB"))] {
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"#ddd\"/>",
            y(size)
        );
        let _ =
            writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", MARGIN - 6.0, y(size) + 4.0);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{seconds:.0} s, resident memory</text>\n</svg>",
        bottom + 18.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_as_a_table_and_a_picture() {
        let samples = [(Duration::ZERO, 1048576.0), (Duration::from_secs(10), 4194304.0)];
        assert_eq!(csv(&samples), "seconds,resident_bytes\n0,1048576\n10,4194304\n");
        let svg = svg(&samples);
        assert!(svg.contains("points=\"60.0,195.0 660.0,60.0\"") && svg.contains("4 MiB") && svg.ends_with("</svg>\n"));
    }
}
