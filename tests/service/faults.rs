//! What the server as a process of its own does when things go wrong around it: nothing that was acknowledged is lost, and what
//! is left serves on. A worker's panic is in `operation`, a stream that nobody reads in `load`, floods are in `process`.

use std::error::Error;
use std::net::TcpStream;
use std::time::Duration;

use crate::common::{ATTACK, HARMLESS, long_text, prompt};
use crate::process::{BINARY, Process};
use portcullis::grpc::v1::threat_service_client::ThreatServiceClient;
use portcullis::grpc::v1::{AnalyzeResponse, Verdict};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Nothing here takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

type Answer = Result<AnalyzeResponse, Status>;

/// Starts so many calls, each with a text of its own.
fn burst(client: &ThreatServiceClient<Channel>, n_calls: usize) -> Vec<tokio::task::JoinHandle<Answer>> {
    (0..n_calls)
        .map(|n| {
            let mut client = client.clone();
            let text = format!("Call {n}. {}", long_text(400));
            tokio::spawn(async move { client.analyze(prompt(text)).await.map(tonic::Response::into_inner) })
        })
        .collect()
}

/// How all calls ended.
async fn ended(calls: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    let calls = futures::future::join_all(calls);
    tokio::time::timeout(PATIENCE, calls).await.unwrap().into_iter().map(Result::unwrap).collect()
}

async fn assert_serves(client: &mut ThreatServiceClient<Channel>) {
    let answer = tokio::time::timeout(PATIENCE, client.analyze(prompt(ATTACK))).await.unwrap().unwrap();
    assert_ne!(answer.into_inner().verdict(), Verdict::Allow);
}

#[tokio::test]
async fn killed_under_load_its_callers_are_told_and_it_starts_again_in_its_place() {
    let mut server = Process::start("info", "");
    let client = server.connect().await;
    let calls = burst(&client, 40);
    let mut waiting = client.clone();
    assert_serves(&mut waiting).await;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let answers = ended(calls).await;
    assert!(answers.iter().flatten().all(|answer| answer.coverage.as_ref().unwrap().complete));
    let address = server.address.to_string();
    let mut command = Process::command(BINARY);
    command.env("PORTCULLIS_LISTEN", address);
    let again = Process::start_as(command, "info", "");
    assert_eq!(again.address, server.address);
    assert_serves(&mut again.connect().await).await;
}

/// What the server took before the signal it answers; what it refuses, it refuses by itself.
#[tokio::test]
async fn terminated_during_a_burst_it_answers_all_that_it_accepted() {
    let mut server = Process::start("info", "");
    let mut client = server.connect().await;
    let calls = burst(&client, 60);
    assert_serves(&mut client).await;
    server.terminate();
    let late = burst(&client, 10);
    for answer in ended(calls).await.into_iter().chain(ended(late).await) {
        match answer {
            Ok(answer) => assert!(answer.coverage.unwrap().complete),
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                assert!(status.source().is_none(), "the connection was cut: {status:?}");
            }
        }
    }
    assert!(server.child.wait().unwrap().success());
}

#[tokio::test]
async fn out_of_descriptors_it_serves_who_is_connected_and_later_the_others() {
    let mut shell = Process::command("sh");
    shell.args(["-c", "ulimit -n 48; exec \"$0\" \"$@\"", BINARY]);
    let server = Process::start_as(shell, "info", "");
    let mut before = server.connect().await;
    assert_serves(&mut before).await;
    let idle: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    assert!(idle.len() > 48);
    assert_serves(&mut before).await;
    drop(idle);
    let mut after = tokio::time::timeout(PATIENCE, server.connect()).await.unwrap();
    assert_serves(&mut after).await;
}

#[tokio::test]
async fn as_many_connections_as_there_may_be_harm_nobody() {
    let server = Process::start("info", "max_connections = 20000");
    let (at_start, mut client) = (server.memory("VmRSS"), server.connect().await);
    let idle: Vec<_> = (0..10_000).map_while(|_| TcpStream::connect(server.address).ok()).collect();
    assert_serves(&mut client).await;
    let per_connection = server.memory("VmRSS").saturating_sub(at_start) / idle.len().max(1);
    // 64 KiB of buffers a connection is what the bound on memory counts, beside what was sent ahead.
    assert!(idle.len() >= 500 && per_connection < 64 * 1024, "{} connections, {per_connection} bytes each", idle.len());
}

#[tokio::test]
async fn a_storm_of_deadlines_leaves_nothing_behind() {
    let server = Process::start("info", "");
    let mut client = server.connect().await;
    assert_serves(&mut client).await;
    let bystander = burst(&client, 1);
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let mut client = client.clone();
            let mut call = Request::new(prompt(format!("{n} {HARMLESS} {}", long_text(n * 10))));
            call.set_timeout(Duration::from_millis(1 + n as u64 % 40));
            tokio::spawn(async move { client.analyze(call).await.map(tonic::Response::into_inner) })
        })
        .collect();
    let answers = ended(calls).await;
    let too_late =
        |status: &Status| matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted);
    assert!(ended(bystander).await.iter().all(Result::is_ok));
    let refused: Vec<&Status> = answers.iter().flat_map(|answer| answer.as_ref().err()).collect();
    let other = refused.iter().find(|status| !too_late(status));
    assert!(!refused.is_empty() && other.is_none(), "{other:?}");
    assert_serves(&mut client).await;
    let is_empty = |metrics: &str| metrics.contains("portcullis_in_flight{kind=\"requests\"} 0");
    let emptied = async {
        while !is_empty(&server.metrics()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied).await.unwrap();
}
