//! What is refused, with which code, and that nothing else is lost by it.

use std::time::Duration;

use crate::common::{ATTACK, HARMLESS, TestServer, long_text, prompt, request, segment, with_content};
use portcullis::grpc::v1::analyze_result::Result::{Error, Response};
use portcullis::grpc::v1::segment::Content;
use portcullis::grpc::v1::{AnalyzeBatchRequest, AnalyzeRequest, Segment, Source, Verdict};
use prost::Message;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

async fn refusal(server: &TestServer, message: AnalyzeRequest) -> Status {
    server.client().analyze(message).await.unwrap_err()
}

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    status.get_details_bad_request().unwrap().field_violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let server = TestServer::start("").await;
    assert_eq!(fields(&refusal(&server, request(vec![])).await), ["segments"]);
    let wrong = vec![
        segment(Source::Unspecified, "text"),
        Segment { source: 77, content: Some(Content::Text("text".to_owned())), ..Default::default() },
        Segment { source: Source::Document.into(), content: None, ..Default::default() },
        with_content(Source::ToolOutput, Content::Json("{\"a\": [1, 2}".to_owned())),
        segment(Source::UserPrompt, HARMLESS),
    ];
    let expected = ["segments[0].source", "segments[1].source", "segments[2].content", "segments[3].json"];
    assert_eq!(fields(&refusal(&server, request(wrong)).await), expected);
}

#[tokio::test]
async fn sizes_are_accepted_up_to_their_limits() {
    let server = TestServer::start("max_segment_bytes = 1000\nmax_segments = 3\nmax_message_bytes = 2500").await;
    for (n_bytes, is_accepted) in [(999, true), (1000, true), (1001, false)] {
        let result = server.client().analyze(prompt("a".repeat(n_bytes))).await;
        match result {
            Ok(_) => assert!(is_accepted, "{n_bytes}"),
            Err(status) => {
                assert!(!is_accepted, "{n_bytes}: {status:?}");
                assert_eq!(fields(&status), ["segments[0].text"]);
            }
        }
    }
    for (n_segments, is_accepted) in [(2, true), (3, true), (4, false)] {
        let message = request(vec![segment(Source::Document, "text"); n_segments]);
        let result = server.client().analyze(message).await;
        assert_eq!(result.is_ok(), is_accepted, "{n_segments}");
        if let Err(status) = result {
            assert_eq!(fields(&status), ["segments"]);
        }
    }
    let sized = |n_bytes: usize| {
        let mut message = request(vec![
            segment(Source::Document, "a".repeat(1000)),
            segment(Source::Document, "a".repeat(1000)),
            segment(Source::Document, ""),
        ]);
        let missing = n_bytes - message.encoded_len();
        message.request_id.push_str(&"r".repeat(missing - 2 + usize::from(missing < 128)));
        while message.encoded_len() > n_bytes {
            message.request_id.pop();
        }
        while message.encoded_len() < n_bytes {
            message.request_id.push('r');
        }
        message
    };
    for (n_bytes, is_accepted) in [(2499, true), (2500, true), (2501, false)] {
        let message = sized(n_bytes);
        assert_eq!(message.encoded_len(), n_bytes);
        let result = server.client().analyze(message).await;
        assert_eq!(result.is_ok(), is_accepted, "{n_bytes}");
        if let Err(status) = result {
            assert_eq!(fields(&status), ["segments"]);
        }
    }
}

#[tokio::test]
async fn a_bad_request_costs_the_others_of_its_batch_nothing() {
    let server = TestServer::start("max_batch_requests = 3").await;
    let batch = AnalyzeBatchRequest { requests: vec![prompt(HARMLESS), request(vec![]), prompt(ATTACK)] };
    let results = server.client().analyze_batch(batch).await.unwrap().into_inner().results;
    let [first, second, third] = <[_; 3]>::try_from(results).unwrap().map(|result| result.result.unwrap());
    assert!(matches!(first, Response(response) if response.verdict() == Verdict::Allow));
    assert!(
        matches!(&second, Error(status) if status.code == i32::from(Code::InvalidArgument) && !status.details.is_empty())
    );
    assert!(matches!(third, Response(response) if response.verdict() != Verdict::Allow));

    for n_requests in [0, 4] {
        let batch = AnalyzeBatchRequest { requests: vec![prompt(HARMLESS); n_requests] };
        assert_eq!(fields(&server.client().analyze_batch(batch).await.unwrap_err()), ["requests"]);
    }
}

#[tokio::test]
async fn a_deadline_that_cannot_be_met_is_exceeded_and_harms_nobody() {
    let server = TestServer::start("").await;
    let mut late = Request::new(request(vec![segment(Source::ToolOutput, long_text(1_000_000)); 3]));
    late.set_timeout(Duration::from_secs(3));
    let status = server.client().analyze(late).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(server.client().analyze(prompt(HARMLESS)).await.is_ok());
}

#[tokio::test]
async fn a_cancelled_call_frees_its_place() {
    let server = TestServer::start("max_in_flight_requests = 1").await;
    let mut client = server.client();
    let call = client.analyze(request(vec![segment(Source::ToolOutput, long_text(400_000))]));
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while let Err(status) = server.client().analyze(prompt(HARMLESS)).await {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(tokio::time::Instant::now() < deadline, "the cancelled call still holds its place");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn overload_is_refused_with_a_delay_and_passes() {
    let server = TestServer::start("max_in_flight_requests = 2").await;
    let calls = (0..24).map(|_| {
        let mut client = server.client();
        async move { client.analyze(request(vec![segment(Source::ToolOutput, long_text(8_000))])).await }
    });
    let results = futures::future::join_all(calls).await;
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert!(!refused.is_empty() && refused.len() < results.len(), "{} of {} refused", refused.len(), results.len());
    for status in refused {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    }
    assert!(server.client().analyze(prompt(HARMLESS)).await.is_ok());
}

#[tokio::test]
async fn too_many_tokens_are_refused_until_others_leave() {
    let server = TestServer::start("max_in_flight_tokens = 500").await;
    let calls = (0..24).map(|_| {
        let mut client = server.client();
        async move { client.analyze(request(vec![segment(Source::ToolOutput, long_text(2_000))])).await }
    });
    let results = futures::future::join_all(calls).await;
    assert!(results.iter().any(Result::is_ok));
    assert!(
        results.iter().flat_map(|result| result.as_ref().err()).all(|status| status.code() == Code::ResourceExhausted)
    );
    assert!(server.client().analyze(prompt(HARMLESS)).await.is_ok());
}
