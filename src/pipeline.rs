//! What happens to a request: read, score, judge. [`Pipeline::analyze`] is the flow, one line a stage.

mod cover;
mod judge;
mod locate;
mod read;
mod scan;
mod score;
mod views;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use cover::{Coverage, IncompleteReason, ViewCounts};
pub use judge::{Analysis, CategoryScore, WindowLogits};
pub use locate::Finding;
pub use scan::{Progress, Scan};
pub use views::{View, ViewKind, Views, views};

use locate::Suspect;
use read::{ReadSegment, Reading};

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug_span};

use crate::admission::{Admitted, Refused};
use crate::artifact::Model;
use crate::batch::{BatchError, BatchQueue, Limits, QueueDepth, Scored, Window, WorkerState};
use crate::cache::{CacheLimits, ScoreCache};
use crate::caller::{Caller, Priority};
use crate::model::Detail;
use crate::sanitize::{Sanitize, sanitize};
use crate::structure::bytes::ByteEncoding;
use crate::telemetry::Metrics;
use crate::threat::{Category, Channel, Source, Verdict};

/// Longer requests are read a few at a time, so that they leave threads and memory to short ones.
pub const LONG_REQUEST_BYTES: usize = 16 * 1024;
/// Requests up to this size are read where they are: to wake another thread takes as long, and longer where all cores compute.
const READ_AT_ONCE_BYTES: usize = 2 * 1024;
/// A window weighs this many tokens in flight at least, for what it costs beside its tokens.
pub const WINDOW_FLOOR_TOKENS: usize = 32;
/// Bytes of canonical text that a token stands for, about; what a request will cost is guessed by it before it is read.
const BYTES_PER_TOKEN: usize = 4;

/// One piece of a conversation or document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it came from.
    pub source: Source,
    /// What it holds.
    pub content: Content,
}

/// The content of a segment, as it was sent. Findings point into its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Valid text, plain or JSON.
    Text(String),
    /// Bytes that should be UTF-8 or UTF-16.
    Bytes(Vec<u8>),
}

impl Content {
    /// The content's length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// True if there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The content without some ranges of its bytes.
    fn sanitized(&self, ranges: Vec<Range<usize>>, how: Sanitize, encoding: ByteEncoding) -> Self {
        match self {
            Self::Text(text) => {
                // Ranges stand on character boundaries; were one not to, what is left of its character is replaced.
                let bytes = sanitize(text.as_bytes(), ranges, how, encoding);
                Self::Text(
                    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
                )
            }
            Self::Bytes(bytes) => Self::Bytes(sanitize(bytes, ranges, how, encoding)),
        }
    }
}

/// What a caller asks for beside a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What was not read to its end may be allowed too, if nothing was found in what was read.
    pub allow_partial: bool,
    /// Findings say which words carry the attack, not only which sentences: suspicious windows are read a second time.
    pub spans: bool,
    /// The contents without what asks for more than ALLOW.
    pub sanitize: Option<Sanitize>,
    /// Strings that must not appear in any text, in no spelling.
    pub canaries: Arc<[String]>,
}

/// Stages of a request that took time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Bringing all segments into canonical form, with all that is hidden and encoded in them.
    pub canonicalize: Duration,
    /// Cutting them into windows of tokens.
    pub tokenize: Duration,
    /// The longest wait of a window.
    pub queue: Duration,
    /// The longest forward pass of a window's batch.
    pub compute: Duration,
    /// Windows in the largest of these batches.
    pub batch_windows: usize,
    /// Windows whose score was known or under way for another request.
    pub cached_windows: usize,
}

/// Why a request has no answer. None of these says anything about the text.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The windows were not scored.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// There was no room for the text's tokens.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There was nothing to analyse.
    #[error("a request without a segment")]
    NoSegment,
    /// The thread that read the text ended early.
    #[error("reading the text failed")]
    ReaderFailed,
}

/// One model with its device.
pub struct Pipeline {
    model: Arc<Model>,
    queue: BatchQueue,
    cache: ScoreCache,
    readers: Readers,
    metrics: Arc<Metrics>,
}

/// How many requests are read at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderCounts {
    /// Of at most [`LONG_REQUEST_BYTES`].
    pub short: usize,
    /// Of more.
    pub long: usize,
}

impl ReaderCounts {
    /// As many as this machine's cores are for; of long ones at most four, for the memory that each takes.
    pub fn of_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { short: 2 * cores, long: cores.div_ceil(2).min(4) }
    }
}

/// Turns to read, one kind for short requests and one for long ones.
#[derive(Clone)]
struct Readers {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// What the pipelines of one process share: turns to read, and what is counted.
#[derive(Clone)]
pub struct Shared {
    readers: Readers,
    metrics: Arc<Metrics>,
}

impl Default for Shared {
    fn default() -> Self {
        let counts = ReaderCounts::of_this_machine();
        let readers =
            Readers { short: Arc::new(Semaphore::new(counts.short)), long: Arc::new(Semaphore::new(counts.long)) };
        Self { readers, metrics: Arc::default() }
    }
}

impl Pipeline {
    /// Starts the model's device thread.
    ///
    /// # Errors
    /// The system starts no thread, or gives no random key for the cache.
    pub fn start(model: Model, batches: Limits, cache: CacheLimits) -> std::io::Result<Self> {
        Self::start_beside(model, batches, cache, Shared::default())
    }

    /// Starts a model beside others: with a device thread, a queue and a cache of its own, so that no answer mixes two.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_beside(
        model: Model,
        batches: Limits,
        cache: CacheLimits,
        Shared { readers, metrics }: Shared,
    ) -> std::io::Result<Self> {
        let queue = BatchQueue::start(model.scorer.clone(), batches, metrics.clone())?;
        Ok(Self { model: Arc::new(model), queue, cache: ScoreCache::new(cache)?, readers, metrics })
    }

    /// The model that answers.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What is counted of it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What waits for the device.
    pub fn queue_depth(&self) -> QueueDepth {
        self.queue.depth()
    }

    /// Bytes of scores in the cache.
    pub fn cache_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// How long a request with this many bytes of text would wait for others, if it came now.
    pub fn estimated_wait(&self, caller: &Caller, n_bytes: usize) -> Duration {
        self.queue.estimated_wait(caller, (n_bytes / BYTES_PER_TOKEN).max(WINDOW_FLOOR_TOKENS))
    }

    /// Whether the device still answers, now and later.
    pub fn state(&self) -> tokio::sync::watch::Receiver<WorkerState> {
        self.queue.state()
    }

    /// Scores a batch of about this many tokens, with all detail, so that the first caller finds memory and threads ready.
    ///
    /// # Errors
    /// The device fails.
    pub async fn warm(&self, n_tokens: usize) -> Result<(), BatchError> {
        let golden = self.model.golden.windows();
        let tokens: usize = golden.iter().map(|(ids, _)| ids.len()).sum();
        let windows = golden.iter().cycle().take(golden.len() * (n_tokens / tokens.max(1)).max(1));
        self.score_own(windows, Detail::Tokens).await.map(drop)
    }

    /// Scores the model's golden inputs on its device: the largest difference of a logit to what it must be, to be held
    /// against the set's tolerance.
    ///
    /// # Errors
    /// The device fails.
    pub async fn golden_drift(&self) -> Result<f32, BatchError> {
        let scored = self.score_own(self.model.golden.windows().iter(), Detail::Categories).await?;
        Ok(self.model.golden.drift(&scored.windows))
    }

    /// Scores windows for nobody but the server, past the cache.
    async fn score_own(
        &self,
        windows: impl Iterator<Item = &(Arc<[u32]>, Channel)>,
        detail: Detail,
    ) -> Result<Scored, BatchError> {
        let windows = windows.map(|(ids, channel)| Window::new(ids.clone(), *channel)).collect();
        self.queue.score(windows, detail, &Caller { priority: Priority::Bulk, ..Caller::default() }).await
    }

    /// Analyses the segments of one conversation or document. Dropping the future cancels what has not been scored.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn analyze(
        &self,
        admitted: &Admitted,
        segments: Vec<Segment>,
        options: Options,
    ) -> Result<Analysis, AnalyzeError> {
        let segments: Arc<[Segment]> = segments.into();
        let analysis = self.analyze_uncounted(admitted, segments.clone(), options).await?;
        self.count(&segments, &analysis);
        Ok(analysis)
    }

    /// As [`Self::analyze`], for nobody outside: its verdicts and stages are not in the metrics of what was answered.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn analyze_uncounted(
        &self,
        admitted: &Admitted,
        segments: Arc<[Segment]>,
        options: Options,
    ) -> Result<Analysis, AnalyzeError> {
        let caller = admitted.caller();
        let reading = self.read(segments.clone(), options.canaries.clone()).instrument(debug_span!("read")).await?;
        let windows = reading.windows();
        let _tokens = admitted.hold_tokens(windows.iter().map(|(ids, _)| ids.len().max(WINDOW_FLOOR_TOKENS)).sum())?;
        let scoring = debug_span!("score", windows = windows.len());
        let mut scored = self.score(&windows, Detail::Categories, caller).instrument(scoring).await?;
        let suspects = locate::suspects(&self.model, &reading, &scored.windows);
        let needs_spans = options.spans || options.sanitize.is_some();
        let marked = if needs_spans { self.mark(&suspects, caller).await? } else { Scored::default() };
        scored.add_times(&marked);
        let token_logits: Vec<_> = marked.windows.into_iter().map(|window| window.tokens).collect();
        let mut findings = locate::findings(&suspects, &token_logits);
        findings.extend(locate::detected(&reading));
        let sanitized = options.sanitize.map(|how| sanitized(&segments, &reading, &findings, how)).unwrap_or_default();
        Ok(Analysis { sanitized, ..judge::judge(&self.model, &reading, &scored, findings, &options)? })
    }

    /// Reads segments when it is their turn. What is short is read here and now if there is a turn left; else in a task of its
    /// own: a caller whose future is not polled, as in a stream that nobody reads, would be given a turn and sit on it.
    async fn read(&self, segments: Arc<[Segment]>, canaries: Arc<[String]>) -> Result<Reading, AnalyzeError> {
        let n_bytes: usize = segments.iter().map(|segment| segment.content.len()).sum();
        if n_bytes <= READ_AT_ONCE_BYTES
            && let Ok(_turn) = self.readers.short.try_acquire()
        {
            return read::read_at_once(&self.model, &segments, &canaries);
        }
        let turns = if n_bytes > LONG_REQUEST_BYTES { &self.readers.long } else { &self.readers.short };
        let (turns, model) = (turns.clone(), self.model.clone());
        let reading = AbortOnDropHandle::new(tokio::spawn(async move {
            let turn = turns.acquire_owned().await.map_err(|_| AnalyzeError::ReaderFailed)?;
            read::read(model, segments, canaries, turn).await
        }));
        reading.await.map_err(|_| AnalyzeError::ReaderFailed)?
    }

    /// Scores the tokens of suspicious windows.
    async fn mark(&self, suspects: &[Suspect<'_>], caller: &Caller) -> Result<Scored, BatchError> {
        let windows: Vec<_> = suspects.iter().map(|suspect| (suspect.window.ids.clone(), suspect.channel())).collect();
        self.score(&windows, Detail::Tokens, caller).instrument(debug_span!("mark", windows = windows.len())).await
    }

    /// Counts how long the stages took, and each segment's verdict in each category.
    fn count(&self, segments: &[Segment], analysis: &Analysis) {
        let timings = &analysis.timings;
        let stages = [
            ("canonicalize", timings.canonicalize),
            ("tokenize", timings.tokenize),
            ("queue", timings.queue),
            ("compute", timings.compute),
        ];
        for (stage, elapsed) in stages {
            self.metrics.stage(stage, elapsed);
        }
        let mut verdicts = vec![[Verdict::Allow; Category::ALL.len()]; segments.len()];
        for finding in &analysis.findings {
            let of_segment = verdicts.get_mut(finding.segment).into_iter().flatten().zip(Category::ALL);
            for (verdict, _) in of_segment.filter(|(_, category)| *category == finding.category) {
                *verdict = (*verdict).max(finding.verdict);
            }
        }
        for (segment, verdicts) in segments.iter().zip(verdicts) {
            for (category, verdict) in Category::ALL.into_iter().zip(verdicts) {
                self.metrics.verdict(segment.source.name(), category.name(), verdict.name());
            }
        }
    }
}

/// The segments in which something was found that asks for more than ALLOW, without it, by their position.
fn sanitized(segments: &[Segment], reading: &Reading, findings: &[Finding], how: Sanitize) -> Vec<(usize, Content)> {
    let of_segment = |(index, (segment, read)): (usize, (&Segment, &ReadSegment))| {
        let ranges: Vec<_> = findings
            .iter()
            .filter(|finding| finding.segment == index && finding.verdict > Verdict::Allow)
            .flat_map(|finding| read.strings.parts(finding.range.clone()))
            .collect();
        (!ranges.is_empty()).then(|| (index, segment.content.sanitized(ranges, how, read.encoding)))
    };
    segments.iter().zip(&reading.segments).enumerate().filter_map(of_segment).collect()
}
