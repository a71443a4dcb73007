//! The first stage: segments to windows of tokens, on a thread that may be busy for long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{AnalyzeError, Content, Segment};
use crate::artifact::Model;
use crate::canonical::{CanonicalText, OffsetMap, canonicalize, utf8};
use crate::threat::{Channel, Source};
use crate::tokenize::Window;

/// All segments of a request, read.
pub(super) struct Reading {
    pub(super) segments: Vec<ReadSegment>,
    pub(super) canonicalize: Duration,
    pub(super) tokenize: Duration,
}

/// One segment, read.
pub(super) struct ReadSegment {
    pub(super) source: Source,
    pub(super) n_bytes: usize,
    pub(super) n_invalid_bytes: usize,
    pub(super) n_tokens: usize,
    pub(super) n_unknown: usize,
    pub(super) windows: Vec<Window>,
    /// From canonical bytes to the bytes that were sent.
    pub(super) map: OffsetMap,
}

impl Reading {
    /// The token ids of every window, segment by segment. They are moved out: only the ranges are needed afterwards.
    pub(super) fn take_windows(&mut self) -> Vec<(Vec<u32>, Channel)> {
        self.segments
            .iter_mut()
            .flat_map(|segment| {
                let channel = segment.source.channel();
                segment.windows.iter_mut().map(move |window| (std::mem::take(&mut window.ids), channel))
            })
            .collect()
    }
}

/// Reads segments on the blocking pool.
pub(super) async fn read(model: Arc<Model>, segments: Vec<Segment>) -> Result<Reading, AnalyzeError> {
    tokio::task::spawn_blocking(move || read_all(&model, &segments)).await.map_err(|_| AnalyzeError::ReaderFailed)?
}

fn read_all(model: &Model, segments: &[Segment]) -> Result<Reading, AnalyzeError> {
    let mut reading = Reading {
        segments: Vec::with_capacity(segments.len()),
        canonicalize: Duration::ZERO,
        tokenize: Duration::ZERO,
    };
    for segment in segments {
        let started = Instant::now();
        let (canonical, n_invalid_bytes) = canonical(&segment.content);
        let canonicalized = Instant::now();
        let read = model.tokenizer.windows(&canonical.text, model.layout)?;
        reading.canonicalize += canonicalized - started;
        reading.tokenize += canonicalized.elapsed();
        reading.segments.push(ReadSegment {
            source: segment.source,
            n_bytes: segment.content.len(),
            n_invalid_bytes,
            n_tokens: read.n_tokens,
            n_unknown: read.n_unknown,
            windows: read.windows,
            map: canonical.map,
        });
    }
    Ok(reading)
}

fn canonical(content: &Content) -> (CanonicalText, usize) {
    match content {
        Content::Text(text) => (canonicalize(text), 0),
        Content::Bytes(bytes) => {
            let (decoded, n_invalid) = utf8::decode(bytes);
            let canonical = canonicalize(&decoded.text);
            (CanonicalText { map: canonical.map.after(&decoded.map), text: canonical.text }, n_invalid)
        }
    }
}
