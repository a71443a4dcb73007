//! A candidate's way into memory: FETCH, VERIFY, LOAD, WARM, SELF-TEST, READY. Whatever fails leaves the others as they are.

use std::sync::Arc;

use super::lineup::Candidate;
use super::served::{Freed, Served};
use super::snapshot::{Snapshot, Stage};
use super::{Actor, DeployError, Deployment, LoadError, Step, audit, memory};
use crate::artifact::{Model, ModelId};
use crate::fetch::ModelSource;
use crate::pipeline::Pipeline;

/// Tokens of the batch that warms a device.
const WARM_TOKENS: usize = 2048;

impl Deployment {
    /// Begins to load a candidate and returns; [`Self::changes`] tells how it goes on.
    ///
    /// # Errors
    /// There is one already, too many models are in memory, or the etag is not that of the state.
    pub fn load(&self, source: ModelSource, etag: &str, by: &Actor) -> Result<Snapshot, DeployError> {
        let source = source.absolute();
        let mut lineup = self.lock();
        lineup.check_etag(etag)?;
        let number = lineup.begin_load(source.clone())?;
        self.publish(lineup);
        audit(by, "load", &source, None, "");
        let deployment = self.clone();
        tokio::spawn(async move { deployment.run_load(number, source).await });
        Ok(self.snapshot())
    }

    /// All stages of a load up to the self-test, on a model that is then dropped; one at a time.
    ///
    /// # Errors
    /// Why it must not be served.
    pub async fn validate(&self, source: ModelSource, by: &Actor) -> Result<ModelId, LoadError> {
        let _turn = self.inner.validations.try_acquire().map_err(|_| LoadError::Busy)?;
        audit(by, "validate", &source, None, "");
        let served = self.prepare(source, |_| Ok(())).await?;
        Ok(served.id().clone())
    }

    async fn run_load(&self, number: u64, source: ModelSource) {
        let deployment = self.clone();
        let set_stage = move |stage| deployment.set_stage(number, stage);
        let result = self.prepare(source.clone(), set_stage).await;
        let mut lineup = self.lock();
        if !lineup.is_loading(number) {
            return;
        }
        match result {
            Ok(served) if served.id().digest == lineup.active.id().digest => {
                self.metrics().load("failed");
                let (id, reason) = (Some(served.id().clone()), "it is the active model".to_owned());
                lineup.candidate = Some(Candidate::Failed { source, id, reason });
            }
            Ok(served) => {
                self.metrics().load("ready");
                let served = Arc::new(served);
                tracing::info!(%source, version = served.id().version, digest = served.id().digest, "a model is ready");
                if let Some(twin) = lineup.standby.take_if(|standby| standby.id().digest == served.id().digest) {
                    lineup.release(&twin);
                }
                lineup.candidate = Some(Candidate::Ready(served));
            }
            Err(error) => {
                self.metrics().load("failed");
                tracing::error!(%source, %error, "a model was not loaded");
                lineup.candidate = Some(Candidate::Failed { source, id: None, reason: error.to_string() });
            }
        }
        self.publish(lineup);
    }

    /// Notes a load's progress, unless nobody waits for it any more.
    fn set_stage(&self, load: u64, next: Stage) -> Result<(), LoadError> {
        let mut lineup = self.lock();
        match &mut lineup.candidate {
            Some(Candidate::Loading { number, stage, .. }) if *number == load => *stage = next,
            _ => return Err(LoadError::Cancelled),
        }
        drop(lineup);
        self.inner.changes.send_replace(());
        Ok(())
    }

    async fn prepare(
        &self,
        source: ModelSource,
        set_stage: impl Fn(Stage) -> Result<(), LoadError> + Clone + Send + 'static,
    ) -> Result<Served, LoadError> {
        let model = self.read(source.clone(), set_stage.clone()).await?;
        set_stage(Stage::Warm)?;
        let parts = &self.inner.parts;
        let pipeline = Pipeline::start_beside(model, parts.batches, parts.cache, parts.shared.clone())?;
        pipeline.warm(WARM_TOKENS).await?;
        set_stage(Stage::SelfTest)?;
        let (drift, tolerance) = (pipeline.golden_drift().await?, pipeline.model().golden.tolerance);
        if drift > tolerance {
            return Err(LoadError::SelfTest { drift, tolerance });
        }
        Ok(Served::new(pipeline, source, Freed(self.inner.changes.clone())))
    }

    async fn read(
        &self,
        source: ModelSource,
        set_stage: impl Fn(Stage) -> Result<(), LoadError> + Send + 'static,
    ) -> Result<Model, LoadError> {
        let (loader, limit) = (self.inner.origin.loader.clone(), self.inner.limits.model_bytes);
        let on_step = move |step| match step {
            Step::Fetch => set_stage(Stage::Fetch),
            Step::Verify => set_stage(Stage::Verify),
            Step::Load { weights_bytes } => {
                memory::check(weights_bytes, limit)?;
                set_stage(Stage::Load)
            }
        };
        tokio::task::spawn_blocking(move || loader.load(&source, &on_step)).await.map_err(|_| LoadError::Failed)?
    }
}
