//! What survives the end of a process, however it ends: the model that was active, and none that nobody trusts.

use std::path::Path;

use crate::altered::{Shelf, active, in_stage, list, load, promote, share, wait_for};
use crate::common::{HARMLESS, prompt};
use crate::process::Process;
use portcullis::artifact::Manifest;
use portcullis::grpc::v1;
use portcullis::grpc::v1::ModelStage;
use portcullis::grpc::v1::model_service_client::ModelServiceClient;

fn settings(shelf: &Shelf, state: &Path) -> String {
    format!("admin_listen = \"127.0.0.1:0\"\ntrusted_key = [{:?}]\nstate_dir = {state:?}", shelf.public_key())
}

async fn serving_version(process: &Process) -> String {
    active(&list(&mut admin(process).await).await).version
}

async fn admin(process: &Process) -> crate::altered::Admin {
    ModelServiceClient::connect(format!("http://{}", process.admin.unwrap())).await.unwrap()
}

fn embedded_version() -> String {
    Manifest::read(&portcullis::artifact::ArtifactFiles::embedded().unwrap()).unwrap().0.version
}

#[tokio::test(flavor = "multi_thread")]
async fn the_active_model_is_restored_unless_it_cannot_be_trusted() {
    let (shelf, state) = (Shelf::new(), tempfile::tempdir().unwrap());
    let folder = shelf.copy("9.9.9");
    let settings = settings(&shelf, state.path());
    let process = Process::start("info", &settings);
    let digest = load(&mut admin(&process).await, &folder.display().to_string()).await.unwrap();
    promote(&mut admin(&process).await, &digest).await;
    // Killed, not asked to end.
    drop(process);
    assert_eq!(serving_version(&Process::start("info", &settings)).await, "9.9.9");
    let weights = folder.join("model.safetensors");
    let content = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &content[..content.len() - 1]).unwrap();
    assert_eq!(serving_version(&Process::start("info", &settings)).await, embedded_version());
    std::fs::write(state.path().join("active.json"), "{\"schema").unwrap();
    assert_eq!(serving_version(&Process::start("info", &settings)).await, embedded_version());
}

/// Killed in each stage of a candidate's way, again and again until the stage was seen: the model that was active before comes
/// back, or the promoted one once that was answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_any_stage_leaves_a_good_model() {
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().unwrap());
    let source = shelf.copy("9.9.9").display().to_string();
    let stages = [
        (ModelStage::Fetch, None),
        (ModelStage::Verify, None),
        (ModelStage::Load, None),
        (ModelStage::Warm, None),
        (ModelStage::SelfTest, None),
        (ModelStage::Ready, None),
        (ModelStage::Shadow, Some(v1::SetTrafficRequest { shadow: share("9.9.9", 1.0), ..Default::default() })),
        (ModelStage::Canary, Some(v1::SetTrafficRequest { canary: share("9.9.9", 1.0), ..Default::default() })),
    ];
    for (stage, traffic) in stages {
        let settings = settings(&shelf, &folder.path().join(format!("{stage:?}")));
        for attempt in 0.. {
            assert!(attempt < 10, "{stage:?} was never seen");
            let process = Process::start("info", &settings);
            let is_seen = reach(&mut admin(&process).await, &source, stage, traffic.clone()).await;
            drop(process);
            assert_eq!(serving_version(&Process::start("info", &settings)).await, embedded_version(), "{stage:?}");
            if is_seen {
                break;
            }
        }
    }
}

/// Begins to load a model and returns once it is in this stage; false if it has passed it unseen.
async fn reach(
    admin: &mut crate::altered::Admin,
    source: &str,
    stage: ModelStage,
    traffic: Option<v1::SetTrafficRequest>,
) -> bool {
    let request = v1::LoadModelRequest { source: source.to_owned(), etag: String::new() };
    let begun = admin.load_model(request).await.unwrap().into_inner();
    if !in_stage(&begun, stage).is_empty() {
        return true;
    }
    let state =
        wait_for(admin, |state| !in_stage(state, stage).is_empty() || !in_stage(state, ModelStage::Ready).is_empty());
    let state = state.await;
    let Some(mut traffic) = traffic else { return !in_stage(&state, stage).is_empty() };
    let digest = in_stage(&state, ModelStage::Ready)[0].r#ref.clone().unwrap().digest;
    for share in traffic.shadow.iter_mut().chain(&mut traffic.canary) {
        share.model.clone_from(&digest);
    }
    !in_stage(&admin.set_traffic(traffic).await.unwrap().into_inner(), stage).is_empty()
}

/// Killed while the model before it drains, held by a stream: what was promoted comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_model_drains_leaves_the_promoted_one() {
    let (shelf, state) = (Shelf::new(), tempfile::tempdir().unwrap());
    let source = shelf.copy("9.9.9").display().to_string();
    let settings = format!("{}\nkeep_previous_s = 0", settings(&shelf, state.path()));
    let process = Process::start("info", &settings);
    let (items, stream) = tokio::sync::mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let item = v1::AnalyzeStreamRequest { item_id: "a".to_owned(), request: Some(prompt(HARMLESS)) };
    items.send(item).await.unwrap();
    let mut answers = process.connect().await.analyze_stream(stream).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    let digest = load(&mut admin(&process).await, &source).await.unwrap();
    let promoted = promote(&mut admin(&process).await, &digest).await;
    assert_eq!(in_stage(&promoted, ModelStage::Draining).len(), 1, "{promoted:?}");
    drop(process);
    assert_eq!(serving_version(&Process::start("info", &settings)).await, "9.9.9");
}

/// A new model that ends the process twice is not started a third time; one that was asked to end has done nothing wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_model_that_crashes_again_and_again_gives_way() {
    let (shelf, state) = (Shelf::new(), tempfile::tempdir().unwrap());
    let folder = shelf.copy("9.9.9");
    let settings = settings(&shelf, state.path());
    let mut process = Process::start("info", &settings);
    let digest = load(&mut admin(&process).await, &folder.display().to_string()).await.unwrap();
    promote(&mut admin(&process).await, &digest).await;
    for _ in 0..3 {
        process.terminate();
        assert!(process.child.wait().unwrap().success());
        process = Process::start("info", &settings);
        assert_eq!(serving_version(&process).await, "9.9.9", "what ends well is no crash");
    }
    drop(process);
    drop(Process::start("info", &settings));
    let process = Process::start("info", &settings);
    assert_eq!(serving_version(&process).await, embedded_version());
    drop(process);
    assert_eq!(serving_version(&Process::start("info", &settings)).await, embedded_version(), "it stays withdrawn");
}

/// What a watched folder brings and ends the process while it is loaded is left alone until its files change.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_s_model_that_ends_the_process_is_tried_once() {
    let (shelf, state, models) = (Shelf::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::rename(shelf.copy("99.0.0"), models.path().join("99.0.0")).unwrap();
    let settings = format!("{}\nmodels_dir = {:?}", settings(&shelf, state.path()), models.path());
    let process = Process::start("info", &settings);
    wait_for(&mut admin(&process).await, |state| state.models.len() == 2).await;
    drop(process);
    let process = Process::start("info", &settings);
    // Longer than the folder is looked at twice.
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert_eq!(list(&mut admin(&process).await).await.models.len(), 1);
    let manifest = models.path().join("99.0.0/manifest.json");
    std::fs::write(&manifest, std::fs::read(&manifest).unwrap()).unwrap();
    wait_for(&mut admin(&process).await, |state| !in_stage(state, ModelStage::Ready).is_empty()).await;
}

/// The process is killed at some moment of a load or promotion, again and again: each time it comes back with a model that was
/// active or had been made so.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_moment_leaves_a_good_model() {
    const ROUNDS: u64 = 6;
    let (shelf, state) = (Shelf::new(), tempfile::tempdir().unwrap());
    let sources = ["embedded".to_owned(), shelf.copy("9.9.9").display().to_string()];
    let settings = settings(&shelf, state.path());
    let mut expected = embedded_version();
    for round in 0..ROUNDS {
        let process = Process::start("info", &settings);
        assert_eq!(serving_version(&process).await, expected, "round {round}");
        let source = sources[usize::from(expected != "9.9.9")].clone();
        let mut client = admin(&process).await;
        let swap = async {
            let digest = load(&mut client, &source).await.unwrap();
            promote(&mut client, &digest).await
        };
        // From before the load begins until after the promotion; a loaded machine only moves the moment.
        let moment = std::time::Duration::from_millis(150 * round * round);
        let promoted = tokio::time::timeout(moment, swap).await;
        drop(process);
        let next = Process::start("info", &settings);
        let now = serving_version(&next).await;
        match promoted {
            Ok(state) => assert_eq!(now, active(&state).version, "round {round}: what was promoted is lost"),
            Err(_) => assert!([embedded_version(), "9.9.9".to_owned()].contains(&now), "round {round}: {now}"),
        }
        expected = now;
    }
}
