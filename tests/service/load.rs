//! Under load: who goes first, what is computed once, what is refused before it costs anything, and what is told of it.

use std::time::Duration;

use crate::common::{ATTACK, HARMLESS, TestServer, long_text, prompt, request, segment};
use portcullis::grpc::v1::{AnalyzeRequest, AnalyzeResponse, AnalyzeStreamRequest, Source, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// A call with metadata.
fn with(message: AnalyzeRequest, metadata: &[(&'static str, &str)]) -> Request<AnalyzeRequest> {
    let mut request = Request::new(message);
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().unwrap());
    }
    request
}

async fn answer(server: &TestServer, call: Request<AnalyzeRequest>) -> AnalyzeResponse {
    server.client().analyze(call).await.unwrap().into_inner()
}

/// A harmless text whose windows all differ.
fn numbered(name: &str, n_lines: usize) -> String {
    (0..n_lines).map(|line| format!("Line {line} of {name}.\n")).collect()
}

fn cached(response: &AnalyzeResponse) -> (u32, u32) {
    (response.timings.as_ref().unwrap().cached_windows, response.coverage.as_ref().unwrap().windows)
}

/// Expects a refusal that says when to come back, in both ways in which gRPC can.
fn assert_exhausted(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    let pushback: u128 = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap().parse().unwrap();
    assert!(pushback > 0 && pushback == delay.as_millis(), "{status:?}");
}

/// What the port for those who watch answers.
pub async fn watch(server: &TestServer, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(server.metrics).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn metadata_that_is_wrong_is_named() {
    let server = TestServer::start("").await;
    let too_long = "t".repeat(129);
    let wrong = [("x-portcullis-priority", "urgent"), ("x-portcullis-tenant", ""), ("x-portcullis-tenant", &too_long)];
    for (key, value) in wrong {
        let status = server.client().analyze(with(prompt(HARMLESS), &[(key, value)])).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, key);
    }
    let longest = "t".repeat(128);
    for priority in ["interactive", "default", "bulk"] {
        let metadata = [("x-portcullis-priority", priority), ("x-portcullis-tenant", &longest), ("traceparent", "?")];
        assert_eq!(answer(&server, with(prompt(HARMLESS), &metadata)).await.verdict(), Verdict::Allow);
    }
}

#[tokio::test]
async fn what_was_read_before_is_not_read_again() {
    let server = TestServer::start("").await;
    let first = answer(&server, with(prompt(ATTACK), &[])).await;
    let second = answer(&server, with(prompt(ATTACK), &[])).await;
    assert_eq!((cached(&first), cached(&second)), ((0, 1), (1, 1)));
    assert_eq!((first.verdict(), &first.scores, &first.findings), (second.verdict(), &second.scores, &second.findings));
    let as_data = request(vec![segment(Source::ToolOutput, ATTACK)]);
    assert_eq!(cached(&answer(&server, with(as_data, &[])).await), (0, 1));
    let other = answer(&server, with(prompt(ATTACK), &[("x-portcullis-tenant", "other")])).await;
    assert_eq!(cached(&other), (0, 1));
}

#[tokio::test]
async fn tenants_share_scores_only_if_configured() {
    let server = TestServer::start("share_cache = true").await;
    answer(&server, with(prompt(HARMLESS), &[])).await;
    let other = answer(&server, with(prompt(HARMLESS), &[("x-portcullis-tenant", "other")])).await;
    assert_eq!(cached(&other), (1, 1));
    let server = TestServer::start("cache_bytes = 0").await;
    answer(&server, with(prompt(HARMLESS), &[])).await;
    assert_eq!(cached(&answer(&server, with(prompt(HARMLESS), &[])).await), (0, 1));
}

/// Of a conversation that is sent again at every turn only the new turns are computed.
#[tokio::test]
async fn a_grown_conversation_costs_what_is_new() {
    let server = TestServer::start("").await;
    let turn = |n: usize| {
        let source = if n.is_multiple_of(2) { Source::UserPrompt } else { Source::ModelOutput };
        segment(
            source,
            (0..10 + n).map(|line| format!("Line {line} of turn {n} is about rivers.\n")).collect::<String>(),
        )
    };
    let (mut computed, mut windows) = (0, 0);
    for n_turns in 1..=12 {
        let response = answer(&server, with(request((0..n_turns).map(turn).collect()), &[])).await;
        let (n_cached, n_windows) = cached(&response);
        (computed, windows) = (computed + n_windows - n_cached, n_windows);
    }
    assert_eq!(computed, windows);
}

/// Of a document with a line put in near its beginning only what stands about that line is computed, and what it finds is the
/// same.
#[tokio::test]
async fn an_edited_document_costs_what_changed() {
    let server = TestServer::start("").await;
    let document = |at: usize, line: &str| {
        let lines =
            (0..400).map(|index| format!("{}Line {index} is about rivers.\n", if index == at { line } else { "" }));
        prompt(lines.collect::<String>())
    };
    let before = answer(&server, with(document(0, ""), &[])).await;
    let after = answer(&server, with(document(20, "A new line about lakes.\n"), &[])).await;
    let (n_cached, n_windows) = cached(&after);
    assert!(n_windows >= 25 && n_windows - n_cached <= 6, "{n_cached} of {n_windows}");
    assert_eq!(before.verdict, after.verdict);
}

#[tokio::test]
async fn equal_texts_at_the_same_time_are_computed_once() {
    let server = TestServer::start("").await;
    let text = format!("{HARMLESS} {}", long_text(1_500));
    let calls = (0..6).map(|_| answer(&server, with(prompt(text.clone()), &[])));
    let answers = futures::future::join_all(calls).await;
    let (n_cached, n_windows): (u32, u32) = answers.iter().map(cached).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    assert_eq!(n_windows - n_cached, n_windows / 6);
    assert!(answers.iter().all(|answer| answer.scores == answers[0].scores));
}

/// Two callers send the same long text; the one that was first, and computes it for both, goes away.
#[tokio::test]
async fn a_caller_that_goes_away_fails_nobody_who_waits_for_the_same() {
    let server = TestServer::start("").await;
    let text = numbered("a text that two callers send", 500);
    let call = || {
        let mut client = server.client();
        let message = request(vec![segment(Source::Document, text.clone())]);
        async move { client.analyze(message).await.map(tonic::Response::into_inner) }
    };
    let mut first = Box::pin(call());
    assert!(futures::poll!(&mut first).is_pending());
    let second = tokio::spawn(call());
    drop(tokio::time::timeout(Duration::from_millis(400), first).await);
    let answer = second.await.unwrap().unwrap();
    assert!(answer.coverage.unwrap().complete);
}

#[tokio::test]
async fn a_tenant_that_used_up_its_allowance_is_refused_and_others_are_not() {
    let server = TestServer::start("tenant_bytes_per_second = 1\ntenant_burst_bytes = 10000").await;
    let call = |tenant: &str| with(prompt(HARMLESS), &[("x-portcullis-tenant", tenant)]);
    for _ in 0..2 {
        answer(&server, call("a")).await;
    }
    assert_exhausted(&server.client().analyze(call("a")).await.unwrap_err());
    answer(&server, call("b")).await;
    let (_, metrics) = watch(&server, "/metrics").await;
    assert!(metrics.contains("portcullis_refused_total{cause=\"allowance\",priority=\"default\"} 1"), "{metrics}");
}

/// Long documents wait in the queue: a short prompt is answered before any of them, and what could not be answered in time
/// because of them is refused at once.
#[tokio::test]
async fn long_documents_do_not_hold_up_short_prompts() {
    let server = TestServer::start("").await;
    // A full batch, from which the server learns how fast its device is.
    let warm_up = request(vec![segment(Source::Document, numbered("the first document", 300))]);
    answer(&server, with(warm_up, &[])).await;
    let documents: Vec<_> = (0..4)
        .map(|n| {
            let mut client = server.client();
            let text = numbered(&format!("document {n}"), 600);
            let call = with(request(vec![segment(Source::Document, text)]), &[("x-portcullis-priority", "bulk")]);
            tokio::spawn(async move { client.analyze(call).await })
        })
        .collect();
    while !watch(&server, "/metrics")
        .await
        .1
        .lines()
        .any(|line| line.strip_prefix("portcullis_queue_windows ").is_some_and(|n| n.parse::<u32>().unwrap() > 100))
    {
    }
    let mut late =
        with(request(vec![segment(Source::Document, long_text(40_000))]), &[("x-portcullis-priority", "bulk")]);
    late.set_timeout(Duration::from_millis(300));
    assert_exhausted(&server.client().analyze(late).await.unwrap_err());
    let prompt = answer(&server, with(prompt(ATTACK), &[("x-portcullis-priority", "interactive")])).await;
    assert_ne!(prompt.verdict(), Verdict::Allow);
    assert!(documents.iter().all(|document| !document.is_finished()));
    for document in documents {
        assert_eq!(document.await.unwrap().unwrap().into_inner().verdict(), Verdict::Allow);
    }
}

#[tokio::test]
async fn too_much_at_once_is_refused_while_it_arrives() {
    let server = TestServer::start("max_receive_bytes = 1500000").await;
    let calls = (0..8).map(|n| {
        let mut client = server.client();
        async move { client.analyze(prompt(format!("{n}{}", "a".repeat(900_000)))).await.map(drop) }
    });
    let call = futures::future::select_all(calls.map(Box::pin));
    let (first, _, _) = call.await;
    assert_exhausted(&first.unwrap_err());
    assert!(server.client().analyze(prompt(HARMLESS)).await.is_ok());
}

/// A caller that does not read its answers keeps their places and gets no more; others are served, and the server ends.
#[tokio::test]
async fn a_stream_that_is_not_read_is_slowed() {
    let settings = "max_in_flight_requests = 1000\ndrain_delay_ms = 0\ndrain_timeout_ms = 1000";
    let mut server = TestServer::start(settings).await;
    let (items, stream) = tokio::sync::mpsc::channel(1);
    let unread =
        server.client().analyze_stream(tokio_stream::wrappers::ReceiverStream::new(stream)).await.unwrap().into_inner();
    // Answers fill what the client lets be sent ahead while many items still wait for their turn to be read.
    let send = async {
        for n in 0..20_000 {
            let item_id = format!("{n}{}", "i".repeat(4_000));
            items.send(AnalyzeStreamRequest { item_id, request: Some(prompt(long_text(2_000))) }).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), send).await.is_err(), "all items were taken");
    let others = (0..8).map(|_| answer(&server, with(prompt(HARMLESS), &[])));
    let answers = tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(others)).await.unwrap();
    assert!(answers.iter().all(|answer| answer.verdict() == Verdict::Allow));
    server.begin_shutdown();
    assert!(server.wait().await.is_err(), "what was never read cannot have been answered");
    drop(unread);
}

#[tokio::test]
async fn metrics_and_health_are_told_on_their_own_port() {
    let mut server = TestServer::start("drain_delay_ms = 2000").await;
    let metadata = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    answer(&server, with(prompt(ATTACK), &metadata)).await;
    answer(&server, with(prompt(ATTACK), &metadata)).await;
    let lines = [
        "portcullis_request_seconds_count{priority=\"default\"} 2",
        "trace_id=\"0af7651916cd43dd8448eb211c80319c\"",
        "portcullis_windows_total{from=\"scored\"} 1",
        "portcullis_windows_total{from=\"cached\"} 1",
        "portcullis_stage_seconds_count{stage=\"tokenize\"} 2",
        "portcullis_batch_tokens_count 1",
        "portcullis_segment_verdicts_total{source=\"prompt\",category=\"injection\",verdict=\"BLOCK\"} 2",
        "portcullis_in_flight{kind=\"requests\"} 0",
        "portcullis_connections 1",
        "portcullis_memory_bound_bytes ",
        "# EOF",
    ];
    // A request is counted when its answer is gone, a little after the caller has it.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let metrics = loop {
        let (status, metrics) = watch(&server, "/metrics").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        if lines.iter().all(|line| metrics.contains(line)) || tokio::time::Instant::now() > deadline {
            break metrics;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for line in lines {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(watch(&server, "/healthz").await.0, "HTTP/1.1 200 OK");
    assert_eq!(watch(&server, "/").await.0, "HTTP/1.1 404 Not Found");
    server.begin_shutdown();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(watch(&server, "/healthz").await.0, "HTTP/1.1 503 Service Unavailable");
    server.wait().await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let server = TestServer::start("max_connections = 2").await;
    let mut second = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut greeting = [0; 9];
    second.read_exact(&mut greeting).await.unwrap();
    let mut third = tokio::net::TcpStream::connect(server.address).await.unwrap();
    assert_eq!(third.read(&mut greeting).await.unwrap_or(0), 0);
    assert!(server.client().analyze(prompt(HARMLESS)).await.is_ok());
}
