//! A new model that does badly is taken back by itself, whatever its fault, and callers go on with the one before it.

use std::path::PathBuf;
use std::time::Duration;

use crate::altered::{
    Fault, FaultyLoader, Shelf, active, embedded, in_stage, list, load, not_a_number, promote, share, slow_down,
    swap_labels, wait_for,
};
use crate::common::{HARMLESS, TestServer, prompt};
use portcullis::grpc::v1;
use portcullis::grpc::v1::ModelStage;
use tonic::Code;

const SETTINGS: &str = "admin_listen = \"127.0.0.1:0\"\nguard_min_requests = 10\nguard_golden_s = 1\ncache_bytes = 0";

/// Asks until the model was taken back; how many of the answers failed, and with which codes.
async fn ask_until_rolled_back(server: &TestServer) -> (v1::ModelRollback, Vec<Code>) {
    let (mut admin, mut codes) = (server.admin().await, Vec::new());
    for n in 0..600 {
        let result = server.client().analyze(prompt(format!("{HARMLESS} Question {n}."))).await;
        codes.extend(result.err().map(|status| status.code()));
        if let Some(rollback) = list(&mut admin).await.last_rollback {
            return (rollback, codes);
        }
    }
    panic!("600 requests and nothing was taken back")
}

async fn assert_back_to_normal(server: &TestServer, first: &v1::ModelRef) {
    let state = list(&mut server.admin().await).await;
    assert_eq!(active(&state), *first);
    assert_eq!(in_stage(&state, ModelStage::Failed).len(), 1, "{state:?}");
    let answer = server.client().analyze(prompt(HARMLESS)).await.unwrap().into_inner();
    assert_eq!((answer.verdict(), answer.model.unwrap()), (v1::Verdict::Allow, first.clone()));
}

/// A candidate with this fault, all callers its canaries and all requests compared, is taken back because of this guard.
async fn check(fault: Fault, canary: f64, shadow: f64, guards: &[&str]) {
    let loader = FaultyLoader::new(fault);
    let server = TestServer::start_from(SETTINGS, embedded(), loader.origin()).await;
    let taken_back = try_out(&server, "embedded", canary, shadow, || loader.arm());
    let (rollback, codes) = taken_back.await;
    assert!(guards.contains(&rollback.guard.as_str()), "{fault:?}: {rollback:?}");
    assert!(canary > 0.0 || codes.is_empty(), "a shadow harms nobody: {codes:?}");
}

/// Gives a candidate these shares and asks until it is taken back; returns why, and how many answers failed meanwhile. In the
/// end all is as it was.
async fn try_out(
    server: &TestServer,
    source: &str,
    canary: f64,
    shadow: f64,
    begin: impl FnOnce(),
) -> (v1::ModelRollback, Vec<Code>) {
    let mut admin = server.admin().await;
    let first = active(&list(&mut admin).await);
    for n in 0..12 {
        server.client().analyze(prompt(format!("{HARMLESS} Before, {n}."))).await.unwrap();
    }
    let digest = load(&mut admin, source).await.unwrap();
    let traffic = v1::SetTrafficRequest {
        shadow: share(&digest, shadow).filter(|_| shadow > 0.0),
        canary: share(&digest, canary).filter(|_| canary > 0.0),
        ..Default::default()
    };
    admin.set_traffic(traffic).await.unwrap();
    begin();
    let (rollback, codes) = ask_until_rolled_back(server).await;
    assert_eq!(rollback.from.as_ref().unwrap().digest, digest);
    assert_back_to_normal(server, &first).await;
    (rollback, codes)
}

/// Models of real files, signed with a trusted key, whose makers have made a mistake.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_artefact_is_refused_or_taken_back() {
    let shelf = Shelf::new();
    let server = TestServer::start_from(SETTINGS, embedded(), shelf.origin()).await;
    let source = |folder: PathBuf| folder.display().to_string();

    // Of swapped labels the golden inputs tell, unless they were made with the same mistake: then the verdicts do.
    let swapped = source(shelf.make("9.1.0", |files, _| swap_labels(files, false)));
    assert!(load(&mut server.admin().await, &swapped).await.unwrap_err().contains("golden"));
    let swapped = source(shelf.make("9.1.1", |files, _| swap_labels(files, true)));
    let (rollback, codes) = try_out(&server, &swapped, 1.0, 1.0, || {}).await;
    assert_eq!((rollback.guard.as_str(), codes), ("flips", Vec::new()));

    let broken = source(shelf.make("9.2.0", |files, _| not_a_number(files)));
    let reason = load(&mut server.admin().await, &broken).await.unwrap_err();
    assert!(reason.contains("finite"), "{reason}");
}

/// A model that says the same and takes five times as long, since it has five times as many layers.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_artefact_is_taken_back() {
    let shelf = Shelf::new();
    let server = TestServer::start_from(SETTINGS, embedded(), shelf.origin()).await;
    let slow = shelf.make("9.3.0", |files, manifest| slow_down(files, manifest, 24)).display().to_string();
    let (rollback, codes) = try_out(&server, &slow, 1.0, 0.0, || {}).await;
    assert_eq!((rollback.guard.as_str(), codes), ("latency", Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_with_other_verdicts_is_taken_back() {
    // The golden inputs tell of it as well, if their turn comes first.
    check(Fault::Negates, 0.0, 1.0, &["flips", "golden_drift"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_with_other_verdicts_is_taken_back() {
    check(Fault::Negates, 1.0, 1.0, &["flips", "golden_drift"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_is_taken_back() {
    check(Fault::NotFinite, 1.0, 0.0, &["faults", "device", "golden_drift"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_canary_is_taken_back() {
    check(Fault::Slow(12), 1.0, 0.0, &["latency"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_loses_its_device_is_taken_back() {
    check(Fault::Panics, 1.0, 0.0, &["device"]).await;
}

/// Whoever is promoted is still on trial as long as the one before it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_model_that_drifts_is_taken_back() {
    let loader = FaultyLoader::new(Fault::Negates);
    let server = TestServer::start_from(SETTINGS, embedded(), loader.origin()).await;
    let mut admin = server.admin().await;
    let first = active(&list(&mut admin).await);
    let digest = load(&mut admin, "embedded").await.unwrap();
    assert_eq!(active(&promote(&mut admin, &digest).await).digest, digest);
    loader.arm();
    let state = wait_for(&mut admin, |state| state.last_rollback.is_some()).await;
    assert_eq!(state.last_rollback.unwrap().guard, "golden_drift");
    assert_back_to_normal(&server, &first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_answers_its_golden_inputs_otherwise_is_never_ready() {
    let loader = FaultyLoader::new(Fault::Negates);
    loader.arm();
    let server = TestServer::start_from(SETTINGS, embedded(), loader.origin()).await;
    let reason = load(&mut server.admin().await, "embedded").await.unwrap_err();
    assert!(reason.contains("golden"), "{reason}");
    assert_eq!(active(&list(&mut server.admin().await).await).name, "default");
    server.client().analyze(prompt(HARMLESS)).await.unwrap();
}

/// A model that does as well as the one before it stays, and what was compared is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_good_model_stays() {
    let loader = FaultyLoader::new(Fault::None);
    // How fast a busy machine is says nothing about the model.
    let settings = format!("{SETTINGS}\nguard_latency_ratio = 1000");
    let server = TestServer::start_from(&settings, embedded(), loader.origin()).await;
    let mut admin = server.admin().await;
    let digest = load(&mut admin, "embedded").await.unwrap();
    let traffic = v1::SetTrafficRequest { shadow: share(&digest, 1.0), ..Default::default() };
    admin.set_traffic(traffic).await.unwrap();
    let mut compared = v1::ModelComparison::default();
    for n in 0..600 {
        server.client().analyze(prompt(format!("{HARMLESS} Question {n}."))).await.unwrap();
        let state = list(&mut admin).await;
        compared = in_stage(&state, ModelStage::Shadow)[0].comparison.clone().unwrap();
        if compared.requests >= 15 {
            break;
        }
    }
    assert!(compared.requests >= 15, "{compared:?}");
    assert_eq!((compared.flips, compared.sources[0].source.as_str()), (0, "prompt"));
    // A shadow's batch is cut otherwise, which rounds otherwise: a score may fall on the other side of a bin's border. Below 0.1
    // both statistics say "no change".
    assert!(compared.population_stability_index.abs() < 0.1 && compared.kolmogorov_smirnov < 0.1, "{compared:?}");
    promote(&mut admin, &digest).await;
    // Its golden inputs are scored again meanwhile.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(active(&list(&mut admin).await).digest, digest);
}
