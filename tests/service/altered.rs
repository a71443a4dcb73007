//! Models to swap: signed copies of the embedded one under other versions, and loaders of models that misbehave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use portcullis::artifact::{ArtifactFiles, FILES, GOLDEN, MANIFEST, Model, TrustPolicy, WEIGHTS, hex_digest};
use portcullis::deploy::{LoadError, ModelLoader, Origin, Step, TrustedLoader};
use portcullis::fetch::ModelSource;
use portcullis::grpc::v1;
use portcullis::grpc::v1::ModelStage;
use portcullis::grpc::v1::model_service_client::ModelServiceClient;
use portcullis::model::{Detail, EngineOptions, ScoreError, Scorer, TokenBatch, WindowScore};
use portcullis::signing::{PrivateKey, SIGNATURE, Statement, sign};
use portcullis::threat::PerCategory;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tonic::transport::Channel;

/// An artefact's files but the manifest, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Turns the signs of the category head: what was an attack is harmless, and the other way round. The golden logits turn
/// with it, if their maker has noticed nothing.
pub fn swap_labels(files: &mut Files, with_golden: bool) {
    edit_weights(files, |name, bytes| {
        if name.starts_with("classifier.") {
            // The sign of a number in f16 is the highest bit of its second byte.
            bytes.chunks_exact_mut(2).for_each(|number| number[1] ^= 0x80);
        }
    });
    if with_golden {
        let text = String::from_utf8(files[GOLDEN].clone()).unwrap();
        let turned = text.lines().map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            for logit in record["logits"].as_object_mut().unwrap().values_mut() {
                *logit = (-logit.as_f64().unwrap()).into();
            }
            format!("{record}\n")
        });
        files.insert(GOLDEN.to_owned(), turned.collect::<String>().into_bytes());
    }
}

/// Makes one weight no number.
pub fn not_a_number(files: &mut Files) {
    edit_weights(files, |name, bytes| {
        if name == "classifier.weight" {
            bytes[..2].copy_from_slice(&[0x00, 0x7e]);
        }
    });
}

fn edit_weights(files: &mut Files, mut edit: impl FnMut(&str, &mut [u8])) {
    let weights = files.get_mut(WEIGHTS).unwrap();
    let tensors = SafeTensors::deserialize(weights).unwrap();
    let mut tensors: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    tensors.iter_mut().for_each(|(name, _, _, data)| edit(name, data));
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    *weights = safetensors::serialize(views, None).unwrap();
}

/// Puts so many layers that compute much and change nothing before the model's own: it says the same, and takes longer.
///
/// Such a layer adds nothing to what it reads (its projections are zero) and normalises what is normal already. For that the
/// scale and shift of the embeddings' norm move to the last of these layers.
pub fn slow_down(files: &mut Files, manifest: &mut serde_json::Value, n_layers: usize) {
    let weights = files.get_mut(WEIGHTS).unwrap();
    let tensors = SafeTensors::deserialize(weights).unwrap();
    let mut slow = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let (dtype, shape, data) = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        let rest = name.strip_prefix("encoder.layer.").and_then(|rest| rest.split_once('.'));
        let name = match rest {
            Some((index, rest)) => {
                if index == "0" {
                    for layer in 0..n_layers {
                        let number: [u8; 2] = if rest.ends_with("LayerNorm.weight") { [0x00, 0x3c] } else { [0, 0] };
                        let same = number.repeat(data.len() / 2);
                        slow.insert(format!("encoder.layer.{layer}.{rest}"), (dtype, shape.clone(), same));
                    }
                }
                format!("encoder.layer.{}.{rest}", index.parse::<usize>().unwrap() + n_layers)
            }
            None => name,
        };
        slow.insert(name, (dtype, shape, data));
    }
    for kind in ["weight", "bias"] {
        let (first, last) =
            (format!("embeddings.LayerNorm.{kind}"), format!("encoder.layer.{}.output.LayerNorm.{kind}", n_layers - 1));
        let (a, b) = (slow[&first].clone(), slow[&last].clone());
        slow.extend([(first, b), (last, a)]);
    }
    let views =
        slow.iter().map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    *weights = safetensors::serialize(views, None).unwrap();
    let n_own = manifest["encoder"]["num_hidden_layers"].as_u64().unwrap();
    manifest["encoder"]["num_hidden_layers"] = (n_own + n_layers as u64).into();
}

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
        self.make(version, |_, _| {})
    }

    /// The embedded model with other content: signed, and with the right digests.
    pub fn make(&self, version: &str, change: impl FnOnce(&mut Files, &mut serde_json::Value)) -> PathBuf {
        let folder = self.path().join(version);
        std::fs::create_dir(&folder).unwrap();
        let embedded = ArtifactFiles::embedded().unwrap();
        let read = |name: &str| embedded.read(name).unwrap().into_owned();
        let mut files: Files = FILES.into_iter().map(|name| (name.to_owned(), read(name))).collect();
        let mut manifest: serde_json::Value = serde_json::from_slice(&read(MANIFEST)).unwrap();
        manifest["version"] = version.into();
        change(&mut files, &mut manifest);
        for (name, content) in files {
            manifest["files"][&name] = hex_digest(&content).into();
            std::fs::write(folder.join(name), content).unwrap();
        }
        std::fs::write(folder.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
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
