//! A text that is read while it grows: a model's answer as it is generated, a file as it downloads.
//!
//! The text so far is read from its beginning each time that it has grown by an eighth. The lengths at which that happens
//! are a geometric series, so that all readings together are of nine times the text at most, and the windows of one reading
//! are in the cache for the next: the model reads each about once. What grows beyond one block goes on in the next, which
//! begins with the end of the one before. Holds one block, and never more findings than [`MAX_FINDINGS`].

use std::ops::Range;

use super::judge::{Analysis, CategoryScore};
use super::{AnalyzeError, Content, Coverage, Finding, Options, Pipeline, Segment, Timings};
use crate::admission::Admitted;
use crate::threat::{PerCategory, Source, Verdict};

/// A text has grown by this much at least when it is read again: about one more window.
const STEP_BYTES: usize = 512;
/// Or by this part of its length, if that is more.
const STEP_PART: usize = 8;
/// What a block has of the one before it, at most: enough to see an attack that stands on the border as a whole.
const OVERLAP_BYTES: usize = 4096;
/// Blocks smaller than this do not overlap.
const MIN_OVERLAPPED_BYTES: usize = 16;
/// Findings that are kept of a text of many blocks: the first ones.
const MAX_FINDINGS: usize = 1024;

/// What is known of a text so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Nothing that asks for more than ALLOW stands before this byte, as far as was read.
    pub safe_up_to: usize,
    /// What the text up to where it was read asks for.
    pub verdict: Verdict,
}

impl Progress {
    /// Safe is what stands before the first finding that asks for more than ALLOW; without one all of it, unless the text
    /// as a whole asks for more.
    pub fn of(analysis: &Analysis) -> Self {
        let asking = analysis.findings.iter().filter(|finding| finding.verdict > Verdict::Allow);
        let otherwise = if analysis.verdict == Verdict::Allow { analysis.coverage.bytes_total } else { 0 };
        let safe_up_to = asking.map(|finding| finding.range.start).min().unwrap_or(otherwise);
        Self { safe_up_to, verdict: analysis.verdict }
    }
}

/// A text that grows.
pub struct Scan {
    source: Source,
    options: Options,
    max_block_bytes: usize,
    /// The block.
    bytes: Vec<u8>,
    /// Where the block begins in the text.
    start: usize,
    /// How much of the block is the end of the one before.
    overlap: usize,
    /// How much of the block was read.
    n_read: usize,
    n_blocks: usize,
    /// What earlier blocks came to.
    before: Option<Analysis>,
}

impl Scan {
    /// An empty text, to be read in blocks of at most so many bytes.
    pub fn new(source: Source, options: Options, max_block_bytes: usize) -> Self {
        Self {
            source,
            options,
            max_block_bytes: max_block_bytes.max(1),
            bytes: Vec::new(),
            start: 0,
            overlap: 0,
            n_read: 0,
            n_blocks: 1,
            before: None,
        }
    }

    /// Takes what the block has room for off the front of more text; how much that was.
    pub fn push(&mut self, more: &[u8]) -> usize {
        let room = self.max_block_bytes.saturating_sub(self.bytes.len());
        let taken = more.get(..room).unwrap_or(more);
        self.bytes.extend_from_slice(taken);
        taken.len()
    }

    /// True if no more fits the block.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= self.max_block_bytes
    }

    /// True if there is enough new text to read it again.
    pub fn is_due(&self) -> bool {
        self.bytes.len() - self.n_read >= STEP_BYTES.max(self.n_read / STEP_PART)
    }

    /// Blocks so far.
    pub fn n_blocks(&self) -> usize {
        self.n_blocks
    }

    /// Reads the text so far.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn read(&mut self, pipeline: &Pipeline, admitted: &Admitted) -> Result<Progress, AnalyzeError> {
        self.n_read = self.bytes.len();
        let end = whole_characters(&self.bytes);
        // That the text is not there to its end must not count against it.
        let options = Options { allow_partial: true, canaries: self.options.canaries.clone(), ..Options::default() };
        let analysis = self.analyze(pipeline, admitted, end, options).await?;
        Ok(Progress::of(&self.joined(analysis)))
    }

    /// Reads the block, which is full, and begins the next one; how many bytes were let go of.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn next_block(&mut self, pipeline: &Pipeline, admitted: &Admitted) -> Result<usize, AnalyzeError> {
        let end = whole_characters(&self.bytes);
        let analysis = self.analyze(pipeline, admitted, end, self.options.clone()).await?;
        let mut before = self.joined(analysis);
        before.findings.truncate(MAX_FINDINGS);
        // They are there to fit calibrations with, and grow with the text.
        before.windows = Vec::new();
        self.before = Some(before);
        Ok(self.begin_block(end))
    }

    /// Reads the text to its end. Of one block, this is [`Pipeline::analyze`] of its bytes.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub async fn finish(&mut self, pipeline: &Pipeline, admitted: &Admitted) -> Result<Analysis, AnalyzeError> {
        let analysis = self.analyze(pipeline, admitted, self.bytes.len(), self.options.clone()).await?;
        Ok(self.joined(analysis))
    }

    async fn analyze(
        &self,
        pipeline: &Pipeline,
        admitted: &Admitted,
        end: usize,
        options: Options,
    ) -> Result<Analysis, AnalyzeError> {
        let content = Content::Bytes(self.bytes.get(..end).unwrap_or_default().to_vec());
        pipeline.analyze(admitted, vec![Segment { source: self.source, content }], options).await
    }

    /// Keeps the end of a block that was read up to `end` as the beginning of the next.
    fn begin_block(&mut self, end: usize) -> usize {
        let is_overlapped = self.max_block_bytes >= MIN_OVERLAPPED_BYTES;
        let overlap = if is_overlapped { OVERLAP_BYTES.min(self.max_block_bytes / 4) } else { 0 };
        let rest = self.bytes.get(end.saturating_sub(overlap)..end).unwrap_or_default();
        let n_inside = rest.iter().take(3).take_while(|byte| is_continuation(**byte)).count();
        let n_gone = end.saturating_sub(overlap) + n_inside.min(rest.len());
        self.bytes.drain(..n_gone);
        (self.start, self.overlap, self.n_read) = (self.start + n_gone, end - n_gone, 0);
        self.n_blocks += 1;
        n_gone
    }

    /// What the block came to, together with those before it.
    fn joined(&self, block: Analysis) -> Analysis {
        let Some(before) = &self.before else { return block };
        let place = |range: Range<usize>| self.start + range.start..self.start + range.end;
        let mut findings = before.findings.clone();
        for finding in block.findings {
            add(&mut findings, Finding { range: place(finding.range), ..finding });
        }
        Analysis {
            verdict: before.verdict.max(block.verdict),
            risk: before.risk.max(block.risk),
            scores: PerCategory::from_fn(|category| {
                let (earlier, later): (CategoryScore, CategoryScore) =
                    (*before.scores.get(category), *block.scores.get(category));
                if later.is_worse_than(&earlier) { later } else { earlier }
            }),
            findings,
            coverage: joined_coverage(&before.coverage, &block.coverage, self.overlap),
            timings: joined_timings(&before.timings, &block.timings),
            ..block
        }
    }
}

/// Adds a finding, unless it goes on with one that is there: on the border of two blocks both see it.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let is_same = |known: &&mut Finding| {
        known.category == finding.category
            && known.detector == finding.detector
            && known.range.start < finding.range.end
            && finding.range.start < known.range.end
    };
    match findings.iter_mut().find(is_same) {
        Some(known) => {
            known.range.end = known.range.end.max(finding.range.end);
            known.probability = known.probability.max(finding.probability);
            known.verdict = known.verdict.max(finding.verdict);
        }
        None => findings.push(finding),
    }
}

/// Bytes are counted once; tokens, windows and views as often as they were read.
fn joined_coverage(before: &Coverage, block: &Coverage, overlap: usize) -> Coverage {
    let mut incomplete = before.incomplete.clone();
    incomplete.extend(block.incomplete.iter().filter(|reason| !before.incomplete.contains(reason)));
    let mut views = before.views;
    views.visible += block.views.visible;
    views.hidden += block.views.hidden;
    views.decoded += block.views.decoded;
    Coverage {
        bytes_total: before.bytes_total + block.bytes_total.saturating_sub(overlap),
        bytes_scanned: before.bytes_scanned + block.bytes_scanned.saturating_sub(overlap),
        tokens: before.tokens + block.tokens,
        unknown_tokens: before.unknown_tokens + block.unknown_tokens,
        windows: before.windows + block.windows,
        views,
        incomplete,
    }
}

fn joined_timings(before: &Timings, block: &Timings) -> Timings {
    Timings {
        canonicalize: before.canonicalize + block.canonicalize,
        tokenize: before.tokenize + block.tokenize,
        queue: before.queue.max(block.queue),
        compute: before.compute.max(block.compute),
        batch_windows: before.batch_windows.max(block.batch_windows),
        cached_windows: before.cached_windows + block.cached_windows,
    }
}

/// How much of some bytes are whole characters, if they are UTF-8: a chunk may end inside one.
fn whole_characters(bytes: &[u8]) -> usize {
    let back = bytes.iter().rev().take(4).position(|byte| !is_continuation(*byte)).map_or(0, |place| place + 1);
    let width = match bytes.len().checked_sub(back).and_then(|at| bytes.get(at)) {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 1,
    };
    // All of it, rather than nothing.
    let end = if width > back { bytes.len() - back } else { bytes.len() };
    if end == 0 { bytes.len() } else { end }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(max_block_bytes: usize) -> Scan {
        Scan::new(Source::Document, Options::default(), max_block_bytes)
    }

    /// Pushes a text in chunks; the bytes of all readings, and each block with where it begins.
    fn pushed(text: &[u8], chunk: usize, max_block_bytes: usize) -> (usize, Vec<(usize, Vec<u8>)>) {
        let (mut scan, mut n_read, mut blocks) = (scan(max_block_bytes), 0, Vec::new());
        for mut rest in text.chunks(chunk) {
            while !rest.is_empty() {
                if scan.is_full() {
                    let end = whole_characters(&scan.bytes);
                    blocks.push((scan.start, scan.bytes[..end].to_vec()));
                    n_read += end;
                    scan.begin_block(end);
                }
                rest = &rest[scan.push(rest)..];
                if scan.is_due() {
                    n_read += scan.bytes.len();
                    scan.n_read = scan.bytes.len();
                }
            }
        }
        blocks.push((scan.start, scan.bytes.clone()));
        (n_read + scan.bytes.len(), blocks)
    }

    #[test]
    fn characters_are_not_cut() {
        for text in ["a", "aé", "a€", "a\u{1F600}", "\u{1F600}\u{1F600}"] {
            let last = text.char_indices().last().unwrap().0;
            for end in last + 1..text.len() {
                let expected = if last == 0 { end } else { last };
                assert_eq!(whole_characters(&text.as_bytes()[..end]), expected, "{text} {end}");
            }
            assert_eq!(whole_characters(text.as_bytes()), text.len());
        }
        assert_eq!(whole_characters(&[0x80; 9]), 9);
        assert_eq!(whole_characters(&[]), 0);
    }

    #[test]
    fn all_readings_together_are_linear() {
        for (n_bytes, chunk) in [(10_000, 1), (300_000, 7), (1_000_000, 4096)] {
            let (n_read, blocks) = pushed(&vec![b'a'; n_bytes], chunk, 1 << 20);
            assert!(blocks.len() == 1 && n_read <= 11 * n_bytes, "{n_read} of {n_bytes}");
        }
        let (n_read, blocks) = pushed(&vec![b'a'; 1_000_000], 1000, 1 << 16);
        assert!(blocks.len() > 15 && n_read <= 12_000_000, "{n_read}");
    }

    proptest! {
        #[test]
        fn blocks_hold_the_whole_text(text in "\\PC{0,300}", chunk in 1usize..40, max_block_bytes in 1usize..90) {
            let (_, blocks) = pushed(text.as_bytes(), chunk, max_block_bytes);
            let mut end = 0;
            for (start, bytes) in &blocks {
                prop_assert!(*start <= end && bytes.len() <= max_block_bytes);
                prop_assert_eq!(bytes, &text.as_bytes()[*start..start + bytes.len()]);
                end = start + bytes.len();
                prop_assert!(max_block_bytes < 16 || text.is_char_boundary(*start));
            }
            prop_assert_eq!(end, text.len());
        }
    }
}
