//! What happens to a request: read, score, judge. [`Pipeline::analyze`] is the flow, one line a stage.

mod cover;
mod judge;
mod locate;
mod read;
mod views;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use cover::{Coverage, IncompleteReason, ViewCounts};
pub use judge::{Analysis, CategoryScore, WindowLogits};
pub use locate::Finding;
pub use views::{View, ViewKind, Views, views};

use locate::Suspect;
use read::{ReadSegment, Reading};

use crate::admission::Admitted;
use crate::artifact::Model;
use crate::batch::{BatchError, BatchQueue, Limits, Scored, WorkerState};
use crate::model::Detail;
use crate::sanitize::{Sanitize, sanitize};
use crate::structure::bytes::ByteEncoding;
use crate::threat::{Source, Verdict};
use crate::tokenize::TokenizeError;

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
}

/// Why a request has no answer. None of these says anything about the text.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The tokenizer refused a text.
    #[error(transparent)]
    Tokenize(#[from] TokenizeError),
    /// The windows were not scored.
    #[error(transparent)]
    Batch(#[from] BatchError),
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
}

impl Pipeline {
    /// Starts the model's device thread.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start(model: Model, limits: Limits, queue_tokens: usize) -> std::io::Result<Self> {
        let queue = BatchQueue::start(model.scorer.clone(), limits, queue_tokens)?;
        Ok(Self { model: Arc::new(model), queue })
    }

    /// The model that answers.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether the device still answers, now and later.
    pub fn state(&self) -> tokio::sync::watch::Receiver<WorkerState> {
        self.queue.state()
    }

    /// Analyses the segments of one conversation or document. Dropping the future cancels what has not been scored.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn analyze(
        &self,
        _admitted: &Admitted,
        segments: Vec<Segment>,
        options: Options,
        deadline: Option<Instant>,
    ) -> Result<Analysis, AnalyzeError> {
        let segments: Arc<[Segment]> = segments.into();
        let reading = read::read(self.model.clone(), segments.clone(), options.canaries.clone()).await?;
        let mut scored = self.queue.score(reading.windows(), Detail::Categories, deadline).await?;
        let suspects = locate::suspects(&self.model, &reading, &scored.windows);
        let needs_spans = options.spans || options.sanitize.is_some();
        let marked = if needs_spans { self.mark(&suspects, deadline).await? } else { Scored::default() };
        scored.add_times(&marked);
        let token_logits: Vec<_> = marked.windows.into_iter().map(|window| window.tokens).collect();
        let mut findings = locate::findings(&suspects, &token_logits);
        findings.extend(locate::detected(&reading));
        let sanitized = options.sanitize.map(|how| sanitized(&segments, &reading, &findings, how)).unwrap_or_default();
        Ok(Analysis { sanitized, ..judge::judge(&self.model, &reading, &scored, findings, &options)? })
    }

    /// Scores the tokens of suspicious windows.
    async fn mark(&self, suspects: &[Suspect<'_>], deadline: Option<Instant>) -> Result<Scored, BatchError> {
        let windows = suspects.iter().map(|suspect| (suspect.window.ids.clone(), suspect.channel())).collect();
        self.queue.score(windows, Detail::Tokens, deadline).await
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
