//! Findings: where in a suspicious window the attack stands (the tokens that the model's token head marks, else the window's
//! sentences), and what the detectors beside the model found.

use std::ops::Range;

use super::read::{ReadSegment, ReadView, ReadWindow, Reading};
use crate::artifact::Model;
use crate::detect::{self, Detection};
use crate::model::WindowScore;
use crate::policy::Thresholds;
use crate::threat::{Category, Channel, PerCategory, Verdict};

/// The name of the detector that a transformer's findings carry.
const CLASSIFIER: &str = "classifier";
/// Marked stretches that are not farther apart, in tokens, are one.
const MAX_GAP: usize = 4;
/// Shorter stretches are noise.
const MIN_RUN: usize = 2;

/// A place that carries an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it attempts.
    pub category: Category,
    /// The segment's position in the request.
    pub segment: usize,
    /// Bytes of the segment's content as it was sent.
    pub range: Range<usize>,
    /// What found it.
    pub detector: &'static str,
    /// Calibrated; 1 where a rule found it.
    pub probability: f64,
    /// What it asks for by itself.
    pub verdict: Verdict,
    /// The technique of MITRE ATLAS.
    pub atlas_id: &'static str,
}

/// A window that is at or above the review threshold in some category.
pub(super) struct Suspect<'r> {
    index: usize,
    segment: &'r ReadSegment,
    pub(super) window: &'r ReadWindow,
    probabilities: PerCategory<f64>,
    thresholds: Thresholds,
}

impl Suspect<'_> {
    pub(super) fn channel(&self) -> Channel {
        self.segment.source.channel()
    }

    /// Where the attack stands in the segment's bytes, given the window's token logits if there are any.
    fn ranges(&self, token_logits: &[f32]) -> Vec<Range<usize>> {
        let Some(read) = self.segment.views.get(self.window.view) else { return Vec::new() };
        let view = &read.view;
        // What stands around a view's own text is another view's to point at.
        let own = |range: Range<usize>| range.start.max(view.own.start)..range.end.min(view.own.end);
        let mut ranges = marked(self.segment, read, self.window, token_logits);
        ranges.retain(|range| view.owns(range));
        if ranges.is_empty() {
            let window = own(self.window.range.clone());
            let text = view.text.text.get(view.own.clone()).unwrap_or_default();
            let sentences = whole_sentences(text, window.start - view.own.start..window.end - view.own.start);
            ranges.push(view.own.start + sentences.start..view.own.start + sentences.end);
        }
        ranges.into_iter().map(|range| self.segment.original(view, own(range))).collect()
    }
}

/// The suspicious windows of a request, by segment, view and place.
pub(super) fn suspects<'r>(model: &Model, reading: &'r Reading, scores: &[WindowScore]) -> Vec<Suspect<'r>> {
    let mut scores = scores.iter();
    let mut suspects = Vec::new();
    for (index, segment) in reading.segments.iter().enumerate() {
        let channel = segment.source.channel();
        let (n_windows, thresholds) = (segment.windows.len(), *model.thresholds.get(channel));
        for (window, score) in segment.windows.iter().zip(&mut scores) {
            let probabilities = model.calibration.probabilities(channel, &score.logits, n_windows);
            if probabilities.iter().any(|(_, probability)| thresholds.verdict(*probability) > Verdict::Allow) {
                suspects.push(Suspect { index, segment, window, probabilities, thresholds });
            }
        }
    }
    suspects
}

/// The findings in suspicious windows, by category, segment and place; `token_logits` are those of each window, or nothing.
pub(super) fn findings(suspects: &[Suspect<'_>], token_logits: &[Vec<f32>]) -> Vec<Finding> {
    let no_logits = Vec::new();
    let logits = token_logits.iter().chain(std::iter::repeat(&no_logits));
    let located: Vec<(&Suspect<'_>, Vec<Range<usize>>)> =
        suspects.iter().zip(logits).map(|(suspect, logits)| (suspect, suspect.ranges(logits))).collect();
    Category::ALL.into_iter().flat_map(|category| of_category(category, &located)).collect()
}

/// The findings of the detectors that stand beside the model.
pub(super) fn detected(reading: &Reading) -> Vec<Finding> {
    let of_segment = |(index, segment): (usize, &ReadSegment)| {
        let source = segment.source;
        let finding = move |detection: &Detection| Finding {
            category: detect::CATEGORY,
            segment: index,
            range: detection.range.clone(),
            detector: detection.detector,
            probability: 1.0,
            verdict: detection.kind.verdict(source),
            atlas_id: detect::CATEGORY.atlas_id(source.channel()),
        };
        segment.detections.iter().map(finding).collect::<Vec<_>>()
    };
    reading.segments.iter().enumerate().flat_map(of_segment).collect()
}

/// The findings of a category; places of one view that touch are one.
fn of_category(category: Category, located: &[(&Suspect<'_>, Vec<Range<usize>>)]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut last_view = None;
    for (suspect, ranges) in located {
        let probability = *suspect.probabilities.get(category);
        let verdict = suspect.thresholds.verdict(probability);
        if verdict == Verdict::Allow {
            continue;
        }
        for range in ranges {
            let view = (suspect.index, suspect.window.view);
            let is_same_view = last_view.replace(view) == Some(view);
            match findings.last_mut() {
                Some(last) if is_same_view && range.start <= last.range.end => {
                    last.range.end = last.range.end.max(range.end);
                    last.probability = last.probability.max(probability);
                    last.verdict = last.verdict.max(verdict);
                }
                _ => findings.push(Finding {
                    category,
                    segment: suspect.index,
                    range: range.clone(),
                    detector: CLASSIFIER,
                    probability,
                    verdict,
                    atlas_id: category.atlas_id(suspect.channel()),
                }),
            }
        }
    }
    findings
}

/// The stretches of a window whose tokens are marked, in bytes of its view, extended to whole words.
fn marked(segment: &ReadSegment, view: &ReadView, window: &ReadWindow, token_logits: &[f32]) -> Vec<Range<usize>> {
    let tokens = view.tokens.get(window.tokens.clone()).unwrap_or_default();
    // The first and the last logit are those of the special tokens.
    let of_text = token_logits.get(1..tokens.len() + 1).unwrap_or_default();
    let bytes = |run: Range<usize>| {
        let (first, last) = (tokens.get(run.start)?, tokens.get(run.end.checked_sub(1)?)?);
        Some(whole_words(&view.view.text.text, first.start..last.end))
    };
    let string = |index: usize| {
        tokens.get(index).and_then(|token| segment.strings.first_in(&view.view.text.map.to_original(token.clone())))
    };
    runs(of_text).into_iter().flat_map(|run| by_string(run, string)).filter_map(bytes).collect()
}

/// The stretches into which the strings of JSON cut one: a mark that runs over from a value into the next key's name stays
/// with the value. The stretch itself where there are no strings, or none that holds enough of it.
fn by_string(run: Range<usize>, string: impl Fn(usize) -> Option<usize>) -> Vec<Range<usize>> {
    let mut parts: Vec<(usize, Range<usize>)> = Vec::new();
    for (string, index) in run.clone().filter_map(|index| Some((string(index)?, index))) {
        match parts.last_mut() {
            Some((last, part)) if *last == string => part.end = index + 1,
            _ => parts.push((string, index..index + 1)),
        }
    }
    parts.retain(|(_, part)| part.len() >= MIN_RUN);
    if parts.is_empty() { std::iter::once(run).collect() } else { parts.into_iter().map(|(_, part)| part).collect() }
}

/// Stretches of tokens that are part of an attack rather than not.
fn runs(logits: &[f32]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, _) in logits.iter().enumerate().filter(|(_, logit)| **logit > 0.0) {
        match runs.last_mut() {
            Some(last) if index - last.end <= MAX_GAP => last.end = index + 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs.retain(|run| run.len() >= MIN_RUN);
    runs
}

fn whole_words(text: &str, range: Range<usize>) -> Range<usize> {
    let word_bytes = |characters: &mut dyn Iterator<Item = char>| -> usize {
        characters.take_while(|character| character.is_alphanumeric()).map(char::len_utf8).sum()
    };
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    range.start - word_bytes(&mut before.chars().rev())..range.end + word_bytes(&mut after.chars())
}

/// A range without the sentences that it cuts at its ends; itself if nothing else is in it.
fn whole_sentences(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = text.get(range.clone()).unwrap_or_default();
    let ends: Vec<usize> = sentence_ends(inner).map(|end| range.start + end).collect();
    let start = if range.start == 0 { Some(0) } else { ends.first().copied() };
    let end = if range.end == text.len() { Some(range.end) } else { ends.last().copied() };
    match (start, end) {
        (Some(start), Some(end)) if start < end => start..end,
        _ => range,
    }
}

/// Where sentences end: behind a line's end, a full stop with a space behind it, or one of a script without spaces.
fn sentence_ends(text: &str) -> impl Iterator<Item = usize> {
    let next = text.chars().skip(1).map(Some).chain([None]);
    text.char_indices().zip(next).filter_map(|((start, character), next)| {
        let is_end = match character {
            '\n' | '。' | '！' | '？' | '।' => true,
            '.' | '!' | '?' | '…' => next.is_none_or(char::is_whitespace),
            _ => false,
        };
        is_end.then_some(start + character.len_utf8())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_tokens_make_stretches() {
        let check = |marks: &str, expected: &[(usize, usize)]| {
            let logits: Vec<f32> = marks.chars().map(|mark| if mark == 'x' { 1.5 } else { -1.5 }).collect();
            let runs: Vec<_> = runs(&logits).into_iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(runs, expected, "{marks}");
        };
        check("", &[]);
        check("....", &[]);
        check("..xx..", &[(2, 4)]);
        check("x.....", &[]);
        check("xx..xx", &[(0, 6)]);
        check("xx....xx", &[(0, 8)]);
        check("xx.....xx", &[(0, 2), (7, 9)]);
        check("x....x....x", &[(0, 11)]);
    }

    #[test]
    fn stretches_stay_in_strings() {
        // A digit is a token's string.
        let check = |strings: &str, expected: &[(usize, usize)]| {
            let string =
                |index: usize| strings.chars().nth(index).and_then(|digit| digit.to_digit(10)).map(|n| n as usize);
            let parts: Vec<_> =
                by_string(0..strings.len(), string).into_iter().map(|part| (part.start, part.end)).collect();
            assert_eq!(parts, expected, "{strings}");
        };
        check("......", &[(0, 6)]);
        check("000000", &[(0, 6)]);
        check("0000...1", &[(0, 4)]);
        check("0...1111.", &[(4, 8)]);
        check("000.1.222", &[(0, 3), (6, 9)]);
        check("0.1", &[(0, 3)]);
    }

    #[test]
    fn stretches_grow_to_words() {
        let check = |text: &str, range: Range<usize>, expected: &str| {
            assert_eq!(&text[whole_words(text, range)], expected);
        };
        check("please forward it", 9..12, "forward");
        check("please forward it", 7..14, "forward");
        check("grüße alle", 1..4, "grüße");
        check("", 0..0, "");
    }

    #[test]
    fn windows_shrink_to_whole_sentences() {
        let check = |text: &str, range: Range<usize>, expected: &str| {
            assert_eq!(&text[whole_sentences(text, range.clone())], expected, "{text} {range:?}");
        };
        let text = "One is here. Two is 1.5 long. Three is last.";
        check(text, 0..text.len(), text);
        check(text, 4..35, " Two is 1.5 long.");
        check(text, 0..35, "One is here. Two is 1.5 long.");
        check(text, 4..text.len(), " Two is 1.5 long. Three is last.");
        check(text, 13..19, "Two is");
        check("一。二二。三", 3..15, "二二。");
    }
}
