//! `ScanStream`: one text that grows, read as it comes and answered at its end as `Analyze` answers.

use std::time::Duration;

use crate::common::{ATTACK, HARMLESS, TestServer, long_text, prompt, request, with_content};
use portcullis::grpc::v1::scan_request::Message;
use portcullis::grpc::v1::segment::Content;
use portcullis::grpc::v1::{
    AnalyzeOptions, AnalyzeRequest, AnalyzeResponse, Sanitize, ScanEnd, ScanOpen, ScanRequest, ScanResponse, Source,
    Verdict,
};
use tokio::sync::mpsc::Sender;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

fn message(message: Message) -> ScanRequest {
    ScanRequest { message: Some(message) }
}

fn open(source: Source, options: Option<AnalyzeOptions>) -> ScanRequest {
    message(Message::Open(ScanOpen { segment_id: "s".to_owned(), source: source.into(), options }))
}

fn chunk(bytes: &[u8]) -> ScanRequest {
    message(Message::Chunk(bytes.to_vec()))
}

fn end() -> ScanRequest {
    message(Message::End(ScanEnd {}))
}

/// All answers to some messages.
async fn scan(server: &TestServer, messages: Vec<ScanRequest>) -> Result<Vec<ScanResponse>, Status> {
    let mut answers = server.client().scan_stream(futures::stream::iter(messages)).await?.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(all)
}

/// A scan whose messages are sent one by one.
async fn begin(server: &TestServer) -> (Sender<ScanRequest>, Streaming<ScanResponse>) {
    let (messages, stream) = tokio::sync::mpsc::channel(1);
    let answers = server.client().scan_stream(ReceiverStream::new(stream)).await.unwrap().into_inner();
    (messages, answers)
}

/// Cuts a text at places that look random and are the same in every run.
fn chunks(text: &[u8], longest: usize, seed: u64) -> Vec<ScanRequest> {
    let (mut rest, mut state, mut chunks) = (text, seed, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (head, tail) = rest.split_at(((state >> 33) as usize % longest).min(rest.len()));
        chunks.push(chunk(head));
        rest = tail;
    }
    chunks
}

/// What does not depend on how often a text was read.
fn comparable(response: &AnalyzeResponse) -> AnalyzeResponse {
    AnalyzeResponse { request_id: String::new(), timings: None, ..response.clone() }
}

#[tokio::test]
async fn the_end_is_what_analyze_says_however_the_text_was_cut() {
    let server = TestServer::start("").await;
    let options = AnalyzeOptions { sanitize: Sanitize::Mask.into(), spans: true, ..AnalyzeOptions::default() };
    let texts = [
        Vec::new(),
        HARMLESS.as_bytes().to_vec(),
        format!("{} {ATTACK}. {}", long_text(900), "Ça coûte 5 €, \u{1F600} d'accord? ".repeat(40)).into_bytes(),
        [b"caf\xC3".as_slice(), &long_text(700).into_bytes(), b"\xFF\xE2\x82"].concat(),
        format!("{{\"a\": \"{}\"}}", long_text(600).replace('\n', "\\n"))
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
    ];
    for (index, text) in texts.iter().enumerate() {
        let segment = with_content(Source::ToolOutput, Content::Bytes(text.clone()));
        let whole = AnalyzeRequest { options: Some(options.clone()), ..request(vec![segment]) };
        let expected = comparable(&server.client().analyze(whole).await.unwrap().into_inner());
        for (longest, seed) in [(4, 1), (700, 2), (100_000, 3)] {
            let mut messages = vec![open(Source::ToolOutput, Some(options.clone()))];
            messages.extend(chunks(text, longest, seed));
            messages.push(end());
            let answers = scan(&server, messages).await.unwrap();
            let (last, earlier) = answers.split_last().unwrap();
            assert_eq!(comparable(last.result.as_ref().unwrap()), expected, "text {index}, chunks to {longest}");
            assert_eq!((last.verdict(), last.blocks), (expected.verdict(), 1));
            assert!(earlier.iter().all(|answer| answer.result.is_none()));
            assert!(earlier.len() <= text.len() / 512, "{} answers before the last", earlier.len());
        }
    }
}

#[tokio::test]
async fn an_attack_is_found_before_the_end() {
    let server = TestServer::start("").await;
    let (messages, mut answers) = begin(&server).await;
    messages.send(open(Source::ToolOutput, None)).await.unwrap();
    let harmless = long_text(600);
    messages.send(chunk(harmless.as_bytes())).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!((answer.verdict(), answer.safe_up_to_byte as usize), (Verdict::Allow, harmless.len()));
    messages.send(chunk(format!("{ATTACK}. {}", long_text(500)).as_bytes())).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert_ne!(answer.verdict(), Verdict::Allow);
    assert!(answer.result.is_none() && answer.safe_up_to_byte as usize <= harmless.len());
    messages.send(end()).await.unwrap();
    assert_ne!(answers.message().await.unwrap().unwrap().result.unwrap().verdict(), Verdict::Allow);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_text_longer_than_a_segment_is_read_in_blocks() {
    let server = TestServer::start("max_segment_bytes = 4000").await;
    let before = "Les étés à Évian étaient doux. ".repeat(310);
    let text = format!("{before}{ATTACK}. {}", long_text(6_000));
    for (longest, seed) in [(90, 1), (20_000, 2)] {
        let mut messages = vec![open(Source::ToolOutput, None)];
        messages.extend(chunks(text.as_bytes(), longest, seed));
        messages.push(end());
        let answers = scan(&server, messages).await.unwrap();
        let last = answers.last().unwrap();
        let result = last.result.as_ref().unwrap();
        assert!(last.blocks >= 4, "{} blocks", last.blocks);
        assert_ne!(result.verdict(), Verdict::Allow);
        let coverage = result.coverage.as_ref().unwrap();
        assert_eq!((coverage.bytes_total, coverage.bytes_scanned), (text.len() as u64, text.len() as u64));
        assert!(coverage.complete, "{coverage:?}");
        let covers =
            |start: u64, end: u64| (start as usize) < before.len() + ATTACK.len() && (end as usize) > before.len();
        assert!(result.findings.iter().any(|finding| covers(finding.start_byte, finding.end_byte)), "{result:?}");
    }
    let sanitize = AnalyzeOptions { sanitize: Sanitize::Cut.into(), ..AnalyzeOptions::default() };
    let messages = vec![open(Source::ToolOutput, Some(sanitize)), chunk(text.as_bytes()), end()];
    assert_eq!(scan(&server, messages).await.unwrap_err().code(), Code::InvalidArgument);
}

/// Each window is computed about once, however small the chunks are.
#[tokio::test]
async fn a_growing_text_costs_the_model_little_more_than_the_whole() {
    let server = TestServer::start("").await;
    let text: String = (0..700).map(|line| format!("Line {line} is about the rivers of the north.\n")).collect();
    let mut messages = vec![open(Source::Document, None)];
    messages.extend(chunks(text.as_bytes(), 60, 9));
    messages.push(end());
    let answers = scan(&server, messages).await.unwrap();
    let windows = answers.last().unwrap().result.as_ref().unwrap().coverage.as_ref().unwrap().windows;
    let metrics = crate::load::watch(&server, "/metrics").await.1;
    let scored = metrics.lines().find_map(|line| line.strip_prefix("portcullis_windows_total{from=\"scored\"} "));
    let scored: u32 = scored.unwrap().parse().unwrap();
    assert!(
        answers.len() > 20 && scored >= windows && scored <= windows + 2 * answers.len() as u32,
        "{scored} {windows}"
    );
}

#[tokio::test]
async fn what_is_wrong_in_a_scan_is_named() {
    let server = TestServer::start("max_message_bytes = 5000\nmax_segment_bytes = 4000").await;
    let check = async |messages: Vec<ScanRequest>, field: &str| {
        let status = scan(&server, messages).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field);
    };
    let opened = || open(Source::Document, None);
    check(vec![chunk(b"a")], "open").await;
    check(vec![end()], "open").await;
    check(vec![opened(), opened()], "open").await;
    check(vec![opened(), ScanRequest { message: None }], "message").await;
    check(vec![opened(), chunk(b"a")], "end").await;
    check(vec![], "end").await;
    check(vec![opened(), chunk(&[b'a'; 5000])], "chunk").await;
    check(vec![open(Source::Unspecified, None)], "open.source").await;
    let canaries = AnalyzeOptions { canaries: vec![String::new()], ..AnalyzeOptions::default() };
    check(vec![open(Source::Document, Some(canaries))], "open.options.canaries[0]").await;
    assert!(scan(&server, vec![opened(), chunk(&[b'a'; 4900]), end()]).await.is_ok());
}

#[tokio::test]
async fn a_scan_is_let_in_like_others_and_gives_its_place_back() {
    let server = TestServer::start("max_in_flight_requests = 1").await;
    let (messages, answers) = begin(&server).await;
    messages.send(open(Source::Document, None)).await.unwrap();
    messages.send(chunk(long_text(600).as_bytes())).await.unwrap();
    // The first answer shows that the scan holds the only place.
    let mut answers = answers;
    answers.message().await.unwrap().unwrap();
    assert_eq!(server.client().analyze(prompt(HARMLESS)).await.unwrap_err().code(), Code::ResourceExhausted);
    let refused = scan(&server, vec![open(Source::Document, None), end()]).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop((messages, answers));
    let freed = async {
        while server.client().analyze(prompt(HARMLESS)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), freed).await.unwrap();
}

#[tokio::test]
async fn a_scan_ends_at_its_deadline_and_at_its_tenants_allowance() {
    let server = TestServer::start("tenant_bytes_per_second = 1\ntenant_burst_bytes = 6000").await;
    let (messages, stream) = tokio::sync::mpsc::channel(1);
    let mut call = Request::new(ReceiverStream::new(stream));
    call.set_timeout(Duration::from_millis(1500));
    let mut answers = server.client().scan_stream(call).await.unwrap().into_inner();
    messages.send(open(Source::Document, None)).await.unwrap();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    let mut call = Request::new(futures::stream::iter([open(Source::Document, None), chunk(&[b'a'; 3000]), end()]));
    call.metadata_mut().insert("x-portcullis-tenant", "another".parse().unwrap());
    let mut answers = server.client().scan_stream(call).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::ResourceExhausted);
}
