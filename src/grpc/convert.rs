//! Between the API's messages and the domain, with every mistake of a request named by its field.

use serde::de::IgnoredAny;
use tonic_types::FieldViolation;

use super::status::Rejection;
use super::threat::MessageLimits;
use super::v1;
use crate::artifact::ModelId;
use crate::pipeline::{Analysis, Content, Coverage, Finding, IncompleteReason, Options, Segment, Timings, ViewCounts};
use crate::sanitize::Sanitize;
use crate::threat::{Category, Source, Verdict};

/// Canaries of one request. Each is looked for in every text.
const MAX_CANARIES: usize = 64;
/// Bytes of one canary.
const MAX_CANARY_BYTES: usize = 1024;

/// A request that was checked.
pub(super) struct CheckedRequest {
    pub(super) request_id: String,
    /// The caller's names of the segments.
    pub(super) segment_ids: Vec<String>,
    pub(super) segments: Vec<Segment>,
    pub(super) options: Options,
}

impl CheckedRequest {
    /// Bytes of text, over all segments.
    pub(super) fn n_bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.content.len()).sum()
    }
}

/// Checks a request; every field that is wrong is named.
pub(super) fn request(request: v1::AnalyzeRequest, limits: &MessageLimits) -> Result<CheckedRequest, Rejection> {
    if request.segments.is_empty() {
        return Err(Rejection::field("segments", "must hold at least one segment"));
    }
    if request.segments.len() > limits.segments {
        let description =
            format!("holds {} segments; at most {} are accepted", request.segments.len(), limits.segments);
        return Err(Rejection::field("segments", description));
    }
    let mut violations = Vec::new();
    let mut checked = CheckedRequest {
        request_id: request.request_id,
        segment_ids: Vec::new(),
        segments: Vec::new(),
        options: options(request.options.unwrap_or_default(), &mut violations),
    };
    for (index, message) in request.segments.into_iter().enumerate() {
        let mut violate = |field: &str, description: String| {
            violations.push(FieldViolation::new(format!("segments[{index}].{field}"), description));
        };
        let source = source(message.source);
        if source.is_none() {
            violate("source", format!("{} is no source; see portcullis.v1.Source", message.source));
        }
        match (source, content(message.content, limits)) {
            (Some(source), Ok(content)) => {
                checked.segment_ids.push(message.id);
                checked.segments.push(Segment { source, content });
            }
            (_, Err((field, description))) => violate(field, description),
            (None, Ok(_)) => {}
        }
    }
    if violations.is_empty() { Ok(checked) } else { Err(Rejection::Invalid(violations)) }
}

/// The source and options of a text that grows; every field that is wrong is named.
pub(super) fn scan_open(source: i32, options: Option<v1::AnalyzeOptions>) -> Result<(Source, Options), Rejection> {
    let mut violations = Vec::new();
    let options = self::options(options.unwrap_or_default(), &mut violations);
    let known = self::source(source);
    if known.is_none() {
        violations.push(FieldViolation::new("source", format!("{source} is no source; see portcullis.v1.Source")));
    }
    for violation in &mut violations {
        violation.field.insert_str(0, "open.");
    }
    match known {
        Some(source) if violations.is_empty() => Ok((source, options)),
        _ => Err(Rejection::Invalid(violations)),
    }
}

/// The options; what is wrong with them is added to the violations.
fn options(options: v1::AnalyzeOptions, violations: &mut Vec<FieldViolation>) -> Options {
    let mut violate = |field: &str, description: String| {
        violations.push(FieldViolation::new(format!("options.{field}"), description));
    };
    let sanitize = match v1::Sanitize::try_from(options.sanitize) {
        Ok(v1::Sanitize::Unspecified) => None,
        Ok(v1::Sanitize::Cut) => Some(Sanitize::Cut),
        Ok(v1::Sanitize::Mask) => Some(Sanitize::Mask),
        Err(_) => {
            violate("sanitize", format!("{} is no way to sanitize; see portcullis.v1.Sanitize", options.sanitize));
            None
        }
    };
    if options.canaries.len() > MAX_CANARIES {
        violate("canaries", format!("holds {} strings; at most {MAX_CANARIES} are accepted", options.canaries.len()));
    }
    for (index, canary) in options.canaries.iter().enumerate() {
        if canary.is_empty() || canary.len() > MAX_CANARY_BYTES {
            let description = format!("has {} bytes; 1 to {MAX_CANARY_BYTES} are accepted", canary.len());
            violate(&format!("canaries[{index}]"), description);
        }
    }
    Options { allow_partial: options.allow_partial, spans: options.spans, sanitize, canaries: options.canaries.into() }
}

fn source(number: i32) -> Option<Source> {
    match v1::Source::try_from(number).ok()? {
        v1::Source::Unspecified => None,
        v1::Source::SystemPrompt => Some(Source::SystemPrompt),
        v1::Source::UserPrompt => Some(Source::UserPrompt),
        v1::Source::ToolOutput => Some(Source::ToolOutput),
        v1::Source::Document => Some(Source::Document),
        v1::Source::ToolDescription => Some(Source::ToolDescription),
        v1::Source::ModelOutput => Some(Source::ModelOutput),
    }
}

/// The content, or the field that is wrong and why.
fn content(content: Option<v1::segment::Content>, limits: &MessageLimits) -> Result<Content, (&'static str, String)> {
    use v1::segment::Content as Sent;
    let (field, content) = match content {
        None => return Err(("content", "one of text, json and bytes must be set".to_owned())),
        Some(Sent::Text(text)) => ("text", Content::Text(text)),
        Some(Sent::Json(json)) => ("json", Content::Text(json)),
        Some(Sent::Bytes(bytes)) => ("bytes", Content::Bytes(bytes)),
    };
    if content.len() > limits.segment_bytes {
        let description = format!("has {} bytes; at most {} are accepted", content.len(), limits.segment_bytes);
        return Err((field, description));
    }
    match (field, &content) {
        ("json", Content::Text(json)) => match serde_json::from_str::<IgnoredAny>(json) {
            Ok(_) => Ok(content),
            Err(error) => Err((field, format!("is not JSON: line {}, column {}", error.line(), error.column()))),
        },
        _ => Ok(content),
    }
}

/// The answer to a request.
pub(super) fn response(request_id: String, segment_ids: &[String], analysis: Analysis) -> v1::AnalyzeResponse {
    let scores = Category::ALL
        .into_iter()
        .map(|category| {
            let score = analysis.scores.get(category);
            v1::CategoryScore {
                category: self::category(category).into(),
                probability: score.probability,
                logit: f64::from(score.logit),
                review_threshold: score.thresholds.review,
                block_threshold: score.thresholds.block,
            }
        })
        .collect();
    v1::AnalyzeResponse {
        request_id,
        verdict: verdict(analysis.verdict).into(),
        risk: analysis.risk,
        scores,
        findings: analysis.findings.into_iter().map(|found| finding(found, segment_ids)).collect(),
        sanitized: analysis.sanitized.into_iter().map(|segment| sanitized_segment(segment, segment_ids)).collect(),
        coverage: Some(coverage(&analysis.coverage)),
        model: Some(model_ref(&analysis.model)),
        timings: Some(timings(&analysis.timings, analysis.device)),
    }
}

/// Who answered.
pub(super) fn model_ref(id: &ModelId) -> v1::ModelRef {
    v1::ModelRef { name: id.name.clone(), version: id.version.clone(), digest: id.digest.clone() }
}

fn finding(finding: Finding, segment_ids: &[String]) -> v1::Finding {
    v1::Finding {
        category: category(finding.category).into(),
        segment_index: count(finding.segment),
        segment_id: segment_ids.get(finding.segment).cloned().unwrap_or_default(),
        start_byte: finding.range.start as u64,
        end_byte: finding.range.end as u64,
        detector: finding.detector.to_owned(),
        probability: finding.probability,
        atlas_id: finding.atlas_id.to_owned(),
        verdict: verdict(finding.verdict).into(),
    }
}

fn sanitized_segment((index, content): (usize, Content), segment_ids: &[String]) -> v1::SanitizedSegment {
    use v1::sanitized_segment::Content as Sent;
    v1::SanitizedSegment {
        segment_index: count(index),
        segment_id: segment_ids.get(index).cloned().unwrap_or_default(),
        content: Some(match content {
            Content::Text(text) => Sent::Text(text),
            Content::Bytes(bytes) => Sent::Bytes(bytes),
        }),
    }
}

fn category(category: Category) -> v1::Category {
    match category {
        Category::Injection => v1::Category::Injection,
        Category::Jailbreak => v1::Category::Jailbreak,
        Category::Exfiltration => v1::Category::Exfiltration,
    }
}

pub(super) fn verdict(verdict: Verdict) -> v1::Verdict {
    match verdict {
        Verdict::Allow => v1::Verdict::Allow,
        Verdict::Review => v1::Verdict::Review,
        Verdict::Block => v1::Verdict::Block,
    }
}

fn coverage(coverage: &Coverage) -> v1::Coverage {
    v1::Coverage {
        bytes_total: coverage.bytes_total as u64,
        bytes_scanned: coverage.bytes_scanned as u64,
        tokens: coverage.tokens as u64,
        unknown_tokens: coverage.unknown_tokens as u64,
        windows: count(coverage.windows),
        complete: coverage.is_complete(),
        incomplete_reasons: coverage.incomplete.iter().map(|&reason| incomplete_reason(reason).into()).collect(),
        views: Some(view_counts(coverage.views)),
    }
}

fn view_counts(counts: ViewCounts) -> v1::ViewCounts {
    v1::ViewCounts { visible: count(counts.visible), hidden: count(counts.hidden), decoded: count(counts.decoded) }
}

fn incomplete_reason(reason: IncompleteReason) -> v1::IncompleteReason {
    match reason {
        IncompleteReason::InvalidUtf8 => v1::IncompleteReason::InvalidUtf8,
        IncompleteReason::DecodeBudget => v1::IncompleteReason::DecodeBudget,
        IncompleteReason::DecodeDepth => v1::IncompleteReason::DecodeDepth,
    }
}

fn timings(timings: &Timings, device: String) -> v1::Timings {
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    v1::Timings {
        canonicalize_us: micros(timings.canonicalize),
        tokenize_us: micros(timings.tokenize),
        queue_us: micros(timings.queue),
        compute_us: micros(timings.compute),
        batch_windows: count(timings.batch_windows),
        device,
        cached_windows: count(timings.cached_windows),
    }
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
