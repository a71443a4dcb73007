//! The service around the answers: streams, batches, health, reflection, models, shutdown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{ATTACK, HARMLESS, TestServer, long_text, prompt, request, segment};
use portcullis::artifact::{ArtifactFiles, Model};
use portcullis::grpc::v1::analyze_result::Result::{Error, Response};
use portcullis::grpc::v1::model_service_client::ModelServiceClient;
use portcullis::grpc::v1::{
    AnalyzeBatchRequest, AnalyzeResponse, AnalyzeStreamRequest, GetModelRequest, ListModelsRequest, Source, Verdict,
};
use portcullis::model::{Detail, ScoreError, Scorer, TokenBatch, WindowScore};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

/// The largest difference that another order of summation makes.
const LOGIT_TOLERANCE: f64 = 1e-4;

fn logits(response: &AnalyzeResponse) -> Vec<f64> {
    response.scores.iter().map(|score| score.logit).collect()
}

#[tokio::test]
async fn a_text_scores_the_same_whatever_else_is_in_its_batch() {
    let server = TestServer::start("").await;
    let mut requests = vec![prompt(ATTACK), prompt(HARMLESS), prompt("")];
    requests.extend((1..12).map(|n| request(vec![segment(Source::ToolOutput, long_text(n * 190))])));
    let batch = AnalyzeBatchRequest { requests: requests.clone() };
    let results = server.client().analyze_batch(batch).await.unwrap().into_inner().results;
    for (single, together) in requests.into_iter().zip(results) {
        let Some(Response(together)) = together.result else { panic!("no response") };
        let single = server.client().analyze(single).await.unwrap().into_inner();
        for (alone, batched) in logits(&single).into_iter().zip(logits(&together)) {
            assert!((alone - batched).abs() <= LOGIT_TOLERANCE, "{alone} {batched}");
        }
    }
}

#[tokio::test]
async fn a_stream_answers_every_item_by_its_name() {
    let server = TestServer::start("").await;
    let items: Vec<AnalyzeStreamRequest> = (0..40)
        .map(|n| AnalyzeStreamRequest {
            item_id: n.to_string(),
            request: Some(match n % 3 {
                0 => prompt(ATTACK),
                1 => prompt(HARMLESS),
                _ => request(vec![]),
            }),
        })
        .collect();
    let mut answers = server.client().analyze_stream(futures::stream::iter(items)).await.unwrap().into_inner();
    let mut by_id = HashMap::new();
    while let Some(answer) = answers.message().await.unwrap() {
        by_id.insert(answer.item_id, answer.result.unwrap().result.unwrap());
    }
    assert_eq!(by_id.len(), 40);
    for n in 0..40 {
        match (n % 3, &by_id[&n.to_string()]) {
            (0, Response(response)) => assert_ne!(response.verdict(), Verdict::Allow),
            (1, Response(response)) => assert_eq!(response.verdict(), Verdict::Allow),
            (2, Error(status)) => assert_eq!(status.code, i32::from(Code::InvalidArgument)),
            (_, other) => panic!("item {n}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_item_without_a_name_or_a_request_is_an_error_of_its_own() {
    let server = TestServer::start("").await;
    let items = [
        AnalyzeStreamRequest { item_id: String::new(), request: Some(prompt(HARMLESS)) },
        AnalyzeStreamRequest { item_id: "b".to_owned(), request: None },
        AnalyzeStreamRequest { item_id: "c".to_owned(), request: Some(prompt(HARMLESS)) },
    ];
    let mut answers = server.client().analyze_stream(futures::stream::iter(items)).await.unwrap().into_inner();
    let mut n_errors = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.result.unwrap().result.unwrap() {
            Error(_) => n_errors += 1,
            Response(_) => assert_eq!(answer.item_id, "c"),
        }
    }
    assert_eq!(n_errors, 2);
}

#[tokio::test]
async fn health_is_told_by_service() {
    let server = TestServer::start("").await;
    for service in ["", "portcullis.v1.ThreatService", "portcullis.v1.ModelService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = HealthClient::new(server.channel.clone()).check(request).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "nobody".to_owned() };
    assert_eq!(HealthClient::new(server.channel.clone()).check(unknown).await.unwrap_err().code(), Code::NotFound);
}

/// A device that is lost at its first batch.
struct LostDevice;

impl Scorer for LostDevice {
    fn score(&self, _: &TokenBatch, _: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        panic!("device lost")
    }

    fn device(&self) -> &str {
        "lost"
    }
}

#[tokio::test]
async fn a_lost_device_is_an_error_and_turns_the_health() {
    let mut model = Model::load(&ArtifactFiles::embedded().unwrap()).unwrap();
    model.scorer = Arc::new(LostDevice);
    let server = TestServer::start_with("", model).await;
    for _ in 0..2 {
        let status = server.client().analyze(prompt(HARMLESS)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    }
    let mut health = HealthClient::new(server.channel.clone());
    let watch = health.watch(HealthCheckRequest { service: "portcullis.v1.ThreatService".to_owned() }).await;
    let mut watch = watch.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let server = TestServer::start("").await;
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(server.channel.clone())
        .server_reflection_info(futures::stream::iter([list]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["portcullis.v1.ThreatService", "portcullis.v1.ModelService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|listed| listed == name), "{names:?}");
    }
}

#[tokio::test]
async fn models_are_listed_and_found_by_name() {
    let server = TestServer::start("").await;
    let mut client = ModelServiceClient::new(server.channel.clone());
    let listed = client.list_models(ListModelsRequest {}).await.unwrap().into_inner().models;
    let found = client.get_model(GetModelRequest { name: "default".to_owned() }).await.unwrap().into_inner();
    assert_eq!(listed, std::slice::from_ref(&found));
    assert_eq!(found.labels, ["injection", "jailbreak", "exfiltration"]);
    let status = client.get_model(GetModelRequest { name: "other".to_owned() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.get_details_resource_info().unwrap().resource_name, "other");
}

#[tokio::test]
async fn shutdown_answers_what_was_taken_and_refuses_what_comes() {
    let mut server = TestServer::start("drain_delay_ms = 3000").await;
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let mut client = server.client();
            tokio::spawn(
                async move { client.analyze(request(vec![segment(Source::ToolOutput, long_text(10_000))])).await },
            )
        })
        .collect();
    let (items, stream) = tokio::sync::mpsc::channel(4);
    let mut answers =
        server.client().analyze_stream(tokio_stream::wrappers::ReceiverStream::new(stream)).await.unwrap().into_inner();
    items.send(AnalyzeStreamRequest { item_id: "a".to_owned(), request: Some(prompt(HARMLESS)) }).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().item_id, "a");
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.begin_shutdown();
    tokio::time::sleep(Duration::from_millis(300)).await;

    let refused = server.client().analyze(prompt(HARMLESS)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let health = HealthClient::new(server.channel.clone()).check(HealthCheckRequest { service: String::new() }).await;
    assert_eq!(health.unwrap().into_inner().status(), ServingStatus::NotServing);
    assert_eq!(answers.message().await.unwrap_err().code(), Code::Unavailable);
    for call in calls {
        let response = call.await.unwrap().unwrap().into_inner();
        assert!(response.coverage.unwrap().complete);
    }
    server.wait().await.unwrap();
}
