//! Models take each other's place under load, and nobody notices.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::altered::{Fault, FaultyLoader, Shelf, active, embedded, in_stage, list, load, promote, share, wait_for};
use crate::common::{ATTACK, HARMLESS, TestServer, prompt};
use portcullis::artifact::{FILES, MANIFEST};
use portcullis::grpc::v1;
use portcullis::grpc::v1::model_service_client::ModelServiceClient;
use portcullis::grpc::v1::{AnalyzeStreamRequest, ModelStage};
use portcullis::signing::SIGNATURE;
use tonic::{Code, Request};

const SETTINGS: &str = "admin_listen = \"127.0.0.1:0\"\nkeep_previous_s = 0";

/// Clients that ask without a pause, while a signed model and the embedded one replace each other: every request is answered,
/// rightly, by one of the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn swaps_under_load_lose_no_request() {
    const SWAPS: usize = 10;
    let shelf = Shelf::new();
    let other = shelf.copy("9.9.9").display().to_string();
    let server = TestServer::start_from(SETTINGS, embedded(), shelf.origin()).await;
    let mut admin = server.admin().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (mut service, is_over) = (server.client(), is_over.clone());
            tokio::spawn(async move {
                let mut versions = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let text = if client % 2 == 0 { ATTACK } else { HARMLESS };
                    let asked = format!("{text} ({client}, {})", versions.len());
                    let answer = service.analyze(prompt(asked)).await.unwrap().into_inner();
                    assert_eq!(answer.verdict() == v1::Verdict::Allow, client % 2 == 1);
                    versions.push(answer.model.unwrap().version);
                }
                versions
            })
        })
        .collect();
    for swap in 0..SWAPS {
        let digest = load(&mut admin, if swap % 2 == 0 { &other } else { "embedded" }).await.unwrap();
        assert_eq!(active(&promote(&mut admin, &digest).await).digest, digest);
        // A request that comes after the swap is read by the new model.
        let answer = server.client().analyze(prompt(format!("{HARMLESS} {swap}"))).await.unwrap().into_inner();
        assert_eq!(answer.model.unwrap().digest, digest);
        wait_for(&mut admin, |state| state.models.len() == 1).await;
    }
    is_over.store(true, Ordering::SeqCst);
    let mut seen = BTreeSet::new();
    for client in clients {
        let versions = client.await.unwrap();
        assert!(versions.len() > SWAPS, "{}", versions.len());
        seen.extend(versions);
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// A stream that is open keeps its model, which is freed when the stream ends, with its device thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_its_model_and_the_last_to_use_it_frees_it() {
    let loader = FaultyLoader::new(Fault::None);
    let server = TestServer::start_from(SETTINGS, embedded(), loader.origin()).await;
    let mut admin = server.admin().await;
    let first = load(&mut admin, "embedded").await.unwrap();
    promote(&mut admin, &first).await;
    let (items, stream) = tokio::sync::mpsc::channel(4);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut answers = server.client().analyze_stream(stream).await.unwrap().into_inner();
    let mut ask = async |id: &str| {
        items.send(AnalyzeStreamRequest { item_id: id.to_owned(), request: Some(prompt(HARMLESS)) }).await.unwrap();
        let answer = answers.message().await.unwrap().unwrap().result.unwrap().result.unwrap();
        let v1::analyze_result::Result::Response(response) = answer else { panic!("{answer:?}") };
        response.model.unwrap().digest
    };
    assert_eq!(ask("a").await, first);
    let second = load(&mut admin, "embedded").await.unwrap();
    let state = promote(&mut admin, &second).await;
    assert_eq!(in_stage(&state, ModelStage::Draining).len(), 1, "{state:?}");
    assert_eq!(ask("b").await, first);
    drop(items);
    wait_for(&mut admin, |state| state.models.len() == 1).await;
    assert_freed(&loader).await;
}

/// Waits until nobody holds the first model that was loaded: the device thread lets go of it last.
async fn assert_freed(loader: &FaultyLoader) {
    let scorer = loader.scorers.lock().unwrap()[0].clone();
    let freed = async {
        while scorer.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), freed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unloading_a_candidate_frees_it() {
    let loader = FaultyLoader::new(Fault::None);
    let server = TestServer::start_from(SETTINGS, embedded(), loader.origin()).await;
    let mut admin = server.admin().await;
    let digest = load(&mut admin, "embedded").await.unwrap();
    let unload = |name: &str| v1::UnloadModelRequest { name: name.to_owned(), etag: String::new() };
    admin.unload_model(unload(&digest[..8])).await.unwrap();
    assert_eq!(admin.unload_model(unload(&digest)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(admin.unload_model(unload("default")).await.unwrap_err().code(), Code::FailedPrecondition);
    wait_for(&mut admin, |state| state.models.len() == 1).await;
    assert_freed(&loader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_or_unsigned_model_is_refused_and_the_old_one_serves() {
    let shelf = Shelf::new();
    let server = TestServer::start_from(SETTINGS, embedded(), shelf.origin()).await;
    let mut admin = server.admin().await;
    let before = active(&list(&mut admin).await);
    let folder = shelf.copy("9.9.9");
    for name in FILES.into_iter().chain([MANIFEST, SIGNATURE]) {
        let path = folder.join(name);
        let content = std::fs::read(&path).unwrap();
        let mut tampered = content.clone();
        tampered[content.len() / 2] ^= 1;
        std::fs::write(&path, tampered).unwrap();
        let reason = load(&mut admin, &folder.display().to_string()).await.unwrap_err();
        assert!(reason.contains("refused"), "{name}: {reason}");
        let answer = server.client().analyze(prompt(format!("{HARMLESS} {name}"))).await.unwrap().into_inner();
        assert_eq!(answer.model.unwrap(), before);
        std::fs::write(&path, content).unwrap();
    }
    let source = folder.display().to_string();
    std::fs::write(folder.join("added.py"), "pass").unwrap();
    assert!(load(&mut admin, &source).await.unwrap_err().contains("added.py"));
    std::fs::remove_file(folder.join("added.py")).unwrap();
    Shelf::new().sign(&folder);
    assert!(load(&mut admin, &source).await.unwrap_err().contains("refused"), "a stranger's signature");
    std::fs::remove_file(folder.join(SIGNATURE)).unwrap();
    assert!(load(&mut admin, &source).await.unwrap_err().contains("not signed"));
    let validate = v1::ValidateModelRequest { source: source.clone() };
    assert!(!admin.validate_model(validate.clone()).await.unwrap().into_inner().accepted);
    shelf.sign(&folder);
    let accepted = admin.validate_model(validate).await.unwrap().into_inner();
    assert_eq!((accepted.accepted, accepted.r#ref.unwrap().version.as_str()), (true, "9.9.9"));
    assert_eq!(active(&list(&mut admin).await), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_a_state_that_is_no_more_is_aborted() {
    let loader = FaultyLoader::new(Fault::None);
    let server = TestServer::start_from("admin_listen = \"127.0.0.1:0\"", embedded(), loader.origin()).await;
    let mut admin = server.admin().await;
    let old = list(&mut admin).await.etag;
    let digest = load(&mut admin, "embedded").await.unwrap();
    let promotion = |etag: &str| v1::SetTrafficRequest {
        active: digest.clone(),
        etag: etag.to_owned(),
        ..v1::SetTrafficRequest::default()
    };
    assert_eq!(admin.set_traffic(promotion(&old)).await.unwrap_err().code(), Code::Aborted);
    let now = list(&mut admin).await.etag;
    let after = admin.set_traffic(promotion(&now)).await.unwrap().into_inner();
    assert_eq!(active(&after).digest, digest);
    let rollback = |etag: &str| v1::RollbackRequest { etag: etag.to_owned(), reason: String::new() };
    assert_eq!(admin.rollback(rollback(&now)).await.unwrap_err().code(), Code::Aborted);
    let back = admin.rollback(rollback(&after.etag)).await.unwrap().into_inner();
    assert_eq!(back.last_rollback.as_ref().unwrap().guard, "manual");
    assert_eq!(in_stage(&back, ModelStage::Ready)[0].r#ref.as_ref().unwrap().digest, digest);
    assert_eq!(admin.rollback(rollback("")).await.unwrap_err().code(), Code::FailedPrecondition);
    let load = v1::LoadModelRequest { source: "embedded".to_owned(), etag: String::new() };
    assert_eq!(admin.load_model(load).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_sticky_and_checked() {
    let loader = FaultyLoader::new(Fault::None);
    let server = TestServer::start_from(SETTINGS, embedded(), loader.origin()).await;
    let mut admin = server.admin().await;
    let first = active(&list(&mut admin).await).digest;
    let digest = load(&mut admin, "embedded").await.unwrap();
    let traffic = |canary: Option<v1::TrafficShare>| v1::SetTrafficRequest { canary, ..Default::default() };
    for (canary, code) in [
        (share(&digest, 1.5), Code::InvalidArgument),
        (share(&digest, f64::NAN), Code::InvalidArgument),
        (share("nobody", 0.5), Code::NotFound),
        (share(&first, 0.5), Code::FailedPrecondition),
    ] {
        assert_eq!(admin.set_traffic(traffic(canary)).await.unwrap_err().code(), code);
    }
    admin.set_traffic(traffic(share(&digest, 0.5))).await.unwrap();
    let mut by_key = Vec::new();
    for key in ["x-portcullis-tenant", "x-portcullis-session"] {
        for n in 0..24 {
            let ask = async || {
                let mut request = Request::new(prompt(HARMLESS));
                request.metadata_mut().insert(key, n.to_string().parse().unwrap());
                server.client().analyze(request).await.unwrap().into_inner().model.unwrap().digest
            };
            let model = ask().await;
            assert_eq!(model, ask().await, "{key} {n}");
            by_key.push(model);
        }
    }
    // One chance in 2^48 that half of the callers are all or none of 48.
    assert_eq!(by_key.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([first, digest]));
}

/// Who reaches the public listener sees which models there are, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_public_listener_changes_nothing() {
    let server = TestServer::start(SETTINGS).await;
    let mut public = ModelServiceClient::new(server.channel.clone());
    let listed = public.list_models(v1::ListModelsRequest {}).await.unwrap().into_inner();
    assert_eq!((listed.models.len(), listed.etag.as_str(), listed.models[0].source.as_str()), (1, "", ""));
    let load = v1::LoadModelRequest { source: "embedded".to_owned(), etag: String::new() };
    let codes = [
        public.load_model(load).await.unwrap_err().code(),
        public.unload_model(v1::UnloadModelRequest::default()).await.unwrap_err().code(),
        public.validate_model(v1::ValidateModelRequest::default()).await.unwrap_err().code(),
        public.set_traffic(v1::SetTrafficRequest::default()).await.unwrap_err().code(),
        public.rollback(v1::RollbackRequest::default()).await.unwrap_err().code(),
        public.watch_models(v1::WatchModelsRequest {}).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::PermissionDenied; 6]);
}

/// What is new in a watched folder is loaded; it answers only if that was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_brings_models() {
    for promotes in [false, true] {
        let (models, shelf) = (tempfile::tempdir().unwrap(), Shelf::new());
        shelf.copy("99.0.0");
        shelf.copy("0.0.1");
        let settings = format!("{SETTINGS}\nmodels_dir = {:?}\npromote_new = {promotes}", models.path());
        let server = TestServer::start_from(&settings, embedded(), shelf.origin()).await;
        let mut admin = server.admin().await;
        for version in ["99.0.0", "0.0.1"] {
            std::fs::rename(shelf.path().join(version), models.path().join(version)).unwrap();
        }
        let stage = if promotes { ModelStage::Active } else { ModelStage::Ready };
        let state = wait_for(&mut admin, |state| {
            in_stage(state, stage).iter().any(|model| model.r#ref.as_ref().unwrap().version == "99.0.0")
        });
        assert_eq!(active(&state.await).version == "99.0.0", promotes);
    }
}
