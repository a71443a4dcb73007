//! Models to swap: signed copies of the embedded one under other versions, and loaders of models that misbehave.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use portcullis::artifact::{ArtifactFiles, FILES, MANIFEST, Model, TrustPolicy};
use portcullis::deploy::{LoadError, ModelLoader, Origin, Step, TrustedLoader};
use portcullis::fetch::ModelSource;
use portcullis::grpc::v1;
use portcullis::grpc::v1::ModelStage;
use portcullis::grpc::v1::model_service_client::ModelServiceClient;
use portcullis::model::{Detail, EngineOptions, ScoreError, Scorer, TokenBatch, WindowScore};
use portcullis::signing::{PrivateKey, SIGNATURE, Statement, sign};
use portcullis::threat::PerCategory;
use tonic::transport::Channel;

/// Folders of signed models, and the key that they are signed with.
pub struct Shelf {
    folder: tempfile::TempDir,
    key: PrivateKey,
}

impl Shelf {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), key: PrivateKey::generate().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the public key and returns where.
    pub fn public_key(&self) -> PathBuf {
        let path = self.path().join("public.pem");
        std::fs::write(&path, self.key.public().unwrap().to_pem()).unwrap();
        path
    }

    /// A copy of the embedded model under another version, signed.
    pub fn copy(&self, version: &str) -> PathBuf {
        let folder = self.path().join(version);
        std::fs::create_dir(&folder).unwrap();
        let embedded = ArtifactFiles::embedded().unwrap();
        for name in FILES.into_iter().chain([MANIFEST]) {
            std::fs::write(folder.join(name), embedded.read(name).unwrap()).unwrap();
        }
        let path = folder.join(MANIFEST);
        let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["version"] = version.into();
        std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
        self.sign(&folder);
        folder
    }

    pub fn sign(&self, folder: &Path) {
        let statement = Statement::of_folder(folder).unwrap();
        std::fs::write(folder.join(SIGNATURE), sign(&statement, &self.key).unwrap()).unwrap();
    }

    /// A server's models come from here.
    pub fn origin(&self) -> Origin {
        let trust = TrustPolicy::EmbeddedOrSignedBy(vec![self.key.public().unwrap()]);
        Origin { loader: Arc::new(TrustedLoader { trust, ..TrustedLoader::default() }), ..Origin::default() }
    }
}

pub fn embedded() -> Model {
    Model::load(&ArtifactFiles::embedded().unwrap()).unwrap()
}

/// How a model misbehaves, once it is told to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// Every logit changes its sign: harmless texts are attacks.
    Negates,
    /// No logit is a number, which the engine reports.
    NotFinite,
    /// It takes this many times as long.
    Slow(usize),
    /// The device is lost.
    Panics,
}

/// The embedded model, misbehaving.
pub struct Altered {
    inner: Arc<dyn Scorer>,
    fault: Fault,
    is_armed: Arc<AtomicBool>,
}

impl Scorer for Altered {
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        let mut scores = self.inner.score(batch, detail)?;
        if !self.is_armed.load(Ordering::SeqCst) {
            return Ok(scores);
        }
        match self.fault {
            Fault::None => {}
            Fault::Negates => {
                for score in &mut scores {
                    let logits = score.logits;
                    score.logits = PerCategory::from_fn(|category| -logits.get(category));
                }
            }
            Fault::NotFinite => return Err(ScoreError::NotFinite),
            Fault::Slow(times) => {
                for _ in 1..times {
                    self.inner.score(batch, detail)?;
                }
            }
            Fault::Panics => panic!("device lost"),
        }
        Ok(scores)
    }

    fn device(&self) -> &str {
        self.inner.device()
    }
}

/// Loads the embedded model under a new version each time, with a fault that waits until it is armed.
pub struct FaultyLoader {
    fault: Fault,
    pub is_armed: Arc<AtomicBool>,
    n_loads: AtomicUsize,
    /// The scorers that were handed out.
    pub scorers: Mutex<Vec<Weak<dyn Scorer>>>,
}

impl FaultyLoader {
    pub fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault, is_armed: Arc::default(), n_loads: AtomicUsize::new(0), scorers: Mutex::default() })
    }

    pub fn origin(self: &Arc<Self>) -> Origin {
        Origin { loader: self.clone(), ..Origin::default() }
    }

    pub fn arm(&self) {
        self.is_armed.store(true, Ordering::SeqCst);
    }
}

impl ModelLoader for FaultyLoader {
    fn load(&self, _: &ModelSource, on_step: &dyn Fn(Step) -> Result<(), LoadError>) -> Result<Model, LoadError> {
        on_step(Step::Load { weights_bytes: 1 })?;
        let number = self.n_loads.fetch_add(1, Ordering::SeqCst) + 1;
        let mut model =
            Model::load_with(&ArtifactFiles::embedded().unwrap(), EngineOptions { threads: 1, ..Default::default() })?;
        model.id.version = format!("9.0.{number}");
        model.id.digest = format!("{number:064x}").chars().rev().collect();
        let scorer: Arc<dyn Scorer> =
            Arc::new(Altered { inner: model.scorer.clone(), fault: self.fault, is_armed: self.is_armed.clone() });
        self.scorers.lock().unwrap().push(Arc::downgrade(&scorer));
        model.scorer = scorer;
        Ok(model)
    }
}

pub type Admin = ModelServiceClient<Channel>;

/// Loads a model and waits until it is ready; returns its digest, or why it failed.
pub async fn load(admin: &mut Admin, source: &str) -> Result<String, String> {
    let request = v1::LoadModelRequest { source: source.to_owned(), etag: String::new() };
    admin.load_model(request).await.unwrap();
    let state = wait_for(admin, |state| {
        state.models.iter().any(|model| matches!(model.stage(), ModelStage::Ready | ModelStage::Failed))
    });
    let state = state.await;
    let candidate =
        state.models.into_iter().find(|model| matches!(model.stage(), ModelStage::Ready | ModelStage::Failed));
    let candidate = candidate.unwrap();
    match candidate.stage() {
        ModelStage::Ready => Ok(candidate.r#ref.unwrap().digest),
        _ => Err(candidate.reason),
    }
}

/// The first state of which something is true.
pub async fn wait_for(admin: &mut Admin, is_there: impl Fn(&v1::ListModelsResponse) -> bool) -> v1::ListModelsResponse {
    let mut states = admin.watch_models(v1::WatchModelsRequest {}).await.unwrap().into_inner();
    let found = async {
        loop {
            let state = states.message().await.unwrap().unwrap();
            if is_there(&state) {
                return state;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), found).await.unwrap()
}

pub async fn promote(admin: &mut Admin, digest: &str) -> v1::ListModelsResponse {
    let request = v1::SetTrafficRequest { active: digest.to_owned(), ..Default::default() };
    admin.set_traffic(request).await.unwrap().into_inner()
}

pub fn share(model: &str, share: f64) -> Option<v1::TrafficShare> {
    Some(v1::TrafficShare { model: model.to_owned(), share })
}

pub async fn list(admin: &mut Admin) -> v1::ListModelsResponse {
    admin.list_models(v1::ListModelsRequest {}).await.unwrap().into_inner()
}

pub fn in_stage(state: &v1::ListModelsResponse, stage: ModelStage) -> Vec<&v1::Model> {
    state.models.iter().filter(|model| model.stage() == stage).collect()
}

pub fn active(state: &v1::ListModelsResponse) -> v1::ModelRef {
    in_stage(state, ModelStage::Active)[0].r#ref.clone().unwrap()
}
