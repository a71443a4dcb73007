//! What survives the end of a process, however it ends: the model that was active, and none that nobody trusts.

use std::path::Path;

use crate::altered::{Shelf, active, list, load, promote};
use crate::process::Process;
use portcullis::artifact::Manifest;
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
