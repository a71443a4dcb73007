//! The first stage: segments to windows of tokens, on a thread that may be busy for long.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::views::{View, Views, views};
use super::{AnalyzeError, Content, Segment};
use crate::artifact::Model;
use crate::decode::Budget;
use crate::detect::{Detection, detect};
use crate::structure::bytes::ByteEncoding;
use crate::structure::json::Strings;
use crate::threat::{Channel, Source};
use crate::tokenize::Windows;

/// All segments of a request, read.
pub(super) struct Reading {
    pub(super) segments: Vec<ReadSegment>,
    /// True if there was more to decode than the budget allows.
    pub(super) is_over_budget: bool,
    pub(super) canonicalize: Duration,
    pub(super) tokenize: Duration,
}

/// One segment, read.
pub(super) struct ReadSegment {
    pub(super) source: Source,
    pub(super) n_bytes: usize,
    pub(super) n_invalid_bytes: usize,
    /// Tokens that the vocabulary does not know.
    pub(super) n_unknown: usize,
    /// True if something was left unread because it is disguised, nested or encoded too deep.
    pub(super) is_too_deep: bool,
    /// Where the content's strings stand, if it is JSON.
    pub(super) strings: Strings,
    pub(super) encoding: ByteEncoding,
    /// What the detectors found, in bytes of the segment.
    pub(super) detections: Vec<Detection>,
    pub(super) views: Vec<ReadView>,
    /// View by view, each in the order of its text.
    pub(super) windows: Vec<ReadWindow>,
}

/// One text that is read of a segment.
pub(super) struct ReadView {
    pub(super) view: View,
    /// The bytes of the text that each token was read from.
    pub(super) tokens: Vec<Range<usize>>,
}

impl ReadView {
    /// Tokens of the view's own: those around them are counted where they stand.
    pub(super) fn n_own_tokens(&self) -> usize {
        self.tokens.iter().filter(|token| self.view.owns(token)).count()
    }
}

/// One window of a view.
pub(super) struct ReadWindow {
    /// The view, by its position in the segment's views.
    pub(super) view: usize,
    pub(super) ids: Arc<[u32]>,
    /// The bytes of the view's text.
    pub(super) range: Range<usize>,
    /// Its tokens, by their positions in the view's.
    pub(super) tokens: Range<usize>,
}

impl ReadSegment {
    /// The bytes of the segment, as it was sent, that a range of a view stands for.
    pub(super) fn original(&self, view: &View, range: Range<usize>) -> Range<usize> {
        self.strings.narrow(view.text.map.to_original(range))
    }
}

impl Reading {
    /// The token ids of every window, segment by segment.
    pub(super) fn windows(&self) -> Vec<(Arc<[u32]>, Channel)> {
        let of_segment = |segment: &ReadSegment| {
            let channel = segment.source.channel();
            segment.windows.iter().map(move |window| (window.ids.clone(), channel)).collect::<Vec<_>>()
        };
        self.segments.iter().flat_map(of_segment).collect()
    }
}

/// Reads segments on the blocking pool. The turn to do so ends with the reading, even if nobody waits for it any more.
pub(super) async fn read(
    model: Arc<Model>,
    segments: Arc<[Segment]>,
    canaries: Arc<[String]>,
    turn: OwnedSemaphorePermit,
) -> Result<Reading, AnalyzeError> {
    let reading = tokio::task::spawn_blocking(move || {
        let reading = read_all(&model, &segments, &canaries);
        drop(turn);
        reading
    });
    reading.await.map_err(|_| AnalyzeError::ReaderFailed)
}

/// Reads segments here and now. A panic is an error, as it is on the blocking pool.
pub(super) fn read_at_once(model: &Model, segments: &[Segment], canaries: &[String]) -> Result<Reading, AnalyzeError> {
    catch_unwind(AssertUnwindSafe(|| read_all(model, segments, canaries))).map_err(|_| AnalyzeError::ReaderFailed)
}

fn read_all(model: &Model, segments: &[Segment], canaries: &[String]) -> Reading {
    let mut budget = Budget::for_request(segments.iter().map(|segment| segment.content.len()).sum());
    let mut reading = Reading {
        segments: Vec::with_capacity(segments.len()),
        is_over_budget: false,
        canonicalize: Duration::ZERO,
        tokenize: Duration::ZERO,
    };
    for segment in segments {
        let started = Instant::now();
        let views = views(&segment.content, &mut budget);
        let detections = detections(&segment.content, &views, canaries);
        let canonicalized = Instant::now();
        reading.segments.push(read_segment(model, segment, views, detections));
        reading.canonicalize += canonicalized - started;
        reading.tokenize += canonicalized.elapsed();
    }
    reading.is_over_budget = budget.is_exceeded();
    reading
}

/// Lays a segment's views out in windows.
fn read_segment(model: &Model, segment: &Segment, views: Views, detections: Vec<Detection>) -> ReadSegment {
    let mut read = ReadSegment {
        source: segment.source,
        n_bytes: segment.content.len(),
        n_invalid_bytes: views.n_invalid_bytes,
        n_unknown: 0,
        is_too_deep: views.is_too_deep,
        strings: views.strings,
        encoding: views.encoding,
        detections,
        views: Vec::with_capacity(views.views.len()),
        windows: Vec::new(),
    };
    for (index, view) in views.views.into_iter().enumerate() {
        let Windows { windows, tokens, n_unknown } = model.tokenizer.windows(&view.text.text, model.layout);
        read.n_unknown += n_unknown;
        read.windows.extend(windows.into_iter().filter(|window| view.owns(&window.range)).map(|window| ReadWindow {
            view: index,
            ids: window.ids.into(),
            range: window.range,
            tokens: window.tokens,
        }));
        read.views.push(ReadView { view, tokens });
    }
    read
}

/// What the detectors find in a text as it was sent and in each view of it, by place; each rule speaks once of a place.
fn detections(content: &Content, views: &Views, canaries: &[String]) -> Vec<Detection> {
    let canaries: Vec<&str> = canaries.iter().map(String::as_str).collect();
    let sent = match content {
        Content::Text(text) => Some(text),
        Content::Bytes(_) => None,
    };
    let mut found = sent.map(|text| detect(text, &canaries)).unwrap_or_default();
    // A plain text is its own visible view.
    for view in views.views.iter().filter(|view| Some(&view.text.text) != sent) {
        let own = view.text.text.get(view.own.clone()).unwrap_or_default();
        found.extend(detect(own, &canaries).into_iter().map(|detection| {
            let range = view.own.start + detection.range.start..view.own.start + detection.range.end;
            Detection { range: views.strings.narrow(view.text.map.to_original(range)), ..detection }
        }));
    }
    found.sort_by_key(|detection| (detection.detector, detection.range.start));
    found.dedup_by(|later, earlier| later.detector == earlier.detector && later.range.start < earlier.range.end);
    found.sort_by_key(|detection| detection.range.start);
    found
}
