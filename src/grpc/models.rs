//! `ModelService`: what is loaded, for everyone; and on the admin listener, what takes its place.

mod describe;

use std::pin::Pin;

use futures::stream::{self, Stream};
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::status::Rejection;
use super::v1;
use crate::artifact::hex_digest;
use crate::deploy::{Actor, DeployError, Deployment, Share, Snapshot, TrafficChange};
use crate::fetch::ModelSource;
use describe::Audience;

/// Characters of a subject in the log.
const MAX_SUBJECT_CHARS: usize = 256;
/// Bytes of a reason.
const MAX_REASON_BYTES: usize = 256;

/// The service.
pub struct Models {
    deployment: Deployment,
    audience: Audience,
}

impl Models {
    /// For everyone: tells of the models.
    pub fn public(deployment: Deployment) -> Self {
        Self { deployment, audience: Audience::Public }
    }

    /// For those who rule: changes them, too.
    pub fn admin(deployment: Deployment) -> Self {
        Self { deployment, audience: Audience::Admin }
    }

    fn list(&self, snapshot: Snapshot) -> Response<v1::ListModelsResponse> {
        Response::new(describe::list(snapshot, self.audience))
    }

    /// Who asks, if changes may be asked for here.
    fn actor<T>(&self, request: &Request<T>) -> Result<Actor, Status> {
        match self.audience {
            Audience::Admin => Ok(Actor::Peer { subject: subject(request), address: request.remote_addr() }),
            Audience::Public => Err(Status::permission_denied("models are changed on the admin listener alone")),
        }
    }

    /// Makes a change where it may wait for a disk.
    async fn change(
        &self,
        change: impl FnOnce(&Deployment) -> Result<Snapshot, DeployError> + Send + 'static,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let deployment = self.deployment.clone();
        let changed = tokio::task::spawn_blocking(move || change(&deployment)).await;
        Ok(self.list(changed.map_err(|_| Status::internal("the change failed; see the log"))??))
    }
}

#[tonic::async_trait]
impl v1::model_service_server::ModelService for Models {
    async fn list_models(&self, _: Request<v1::ListModelsRequest>) -> Result<Response<v1::ListModelsResponse>, Status> {
        Ok(self.list(self.deployment.snapshot()))
    }

    async fn get_model(&self, request: Request<v1::GetModelRequest>) -> Result<Response<v1::Model>, Status> {
        let name = request.into_inner().name;
        let mut named = self.deployment.snapshot().models.into_iter().filter(|status| status.is_named(&name));
        let found = named.find_map(|status| describe::one(status, self.audience));
        found.map(Response::new).ok_or_else(|| not_found(&name))
    }

    async fn load_model(
        &self,
        request: Request<v1::LoadModelRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let actor = self.actor(&request)?;
        let v1::LoadModelRequest { source, etag } = request.into_inner();
        let source = parse(&source)?;
        self.change(move |deployment| deployment.load(source, &etag, &actor)).await
    }

    async fn unload_model(
        &self,
        request: Request<v1::UnloadModelRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let actor = self.actor(&request)?;
        let v1::UnloadModelRequest { name, etag } = request.into_inner();
        self.change(move |deployment| deployment.unload(&name, &etag, &actor)).await
    }

    async fn validate_model(
        &self,
        request: Request<v1::ValidateModelRequest>,
    ) -> Result<Response<v1::ValidateModelResponse>, Status> {
        let actor = self.actor(&request)?;
        let source = parse(&request.into_inner().source)?;
        let answer = match self.deployment.validate(source, &actor).await {
            Ok(id) => v1::ValidateModelResponse {
                accepted: true,
                r#ref: Some(super::convert::model_ref(&id)),
                reason: String::new(),
            },
            Err(error) => v1::ValidateModelResponse { accepted: false, r#ref: None, reason: error.to_string() },
        };
        Ok(Response::new(answer))
    }

    async fn set_traffic(
        &self,
        request: Request<v1::SetTrafficRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let actor = self.actor(&request)?;
        let v1::SetTrafficRequest { active, shadow, canary, etag } = request.into_inner();
        let share = |share: v1::TrafficShare| Share { model: share.model, share: share.share };
        let change = TrafficChange { active, shadow: shadow.map(share), canary: canary.map(share) };
        self.change(move |deployment| deployment.set_traffic(&change, &etag, &actor)).await
    }

    async fn rollback(
        &self,
        request: Request<v1::RollbackRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let actor = self.actor(&request)?;
        let v1::RollbackRequest { etag, reason } = request.into_inner();
        if reason.len() > MAX_REASON_BYTES {
            return Err(Rejection::field("reason", format!("must have at most {MAX_REASON_BYTES} bytes")).into());
        }
        self.change(move |deployment| deployment.roll_back(&reason, &etag, &actor)).await
    }

    type WatchModelsStream = Pin<Box<dyn Stream<Item = Result<v1::ListModelsResponse, Status>> + Send>>;

    async fn watch_models(
        &self,
        request: Request<v1::WatchModelsRequest>,
    ) -> Result<Response<Self::WatchModelsStream>, Status> {
        self.actor(&request)?;
        let (deployment, audience) = (self.deployment.clone(), self.audience);
        let mut changes = deployment.changes();
        changes.mark_changed();
        let states = stream::unfold((deployment, changes), move |(deployment, mut changes)| async move {
            changes.changed().await.ok()?;
            Some((Ok(describe::list(deployment.snapshot(), audience)), (deployment, changes)))
        });
        Ok(Response::new(Box::pin(states)))
    }
}

/// Whom the caller's certificate names, as in RFC 4514; what could disturb a log is left out.
fn subject<T>(request: &Request<T>) -> Option<String> {
    let certificates = request.peer_certs()?;
    let certificate = certificates.first()?;
    let subject = match Certificate::from_der(certificate) {
        Ok(certificate) => certificate.tbs_certificate.subject.to_string(),
        // Whoever checked the certificate could read it. The log then says at least which one it was.
        Err(_) => format!("certificate sha256:{}", hex_digest(certificate)),
    };
    Some(subject.chars().filter(|c| !c.is_control()).take(MAX_SUBJECT_CHARS).collect())
}

#[allow(clippy::result_large_err, reason = "the type is tonic's")]
fn parse(source: &str) -> Result<ModelSource, Status> {
    let parsed = if source.is_empty() { Err("must be set".to_owned()) } else { source.parse() };
    parsed.map_err(|reason: String| Rejection::field("source", reason).into())
}

fn not_found(name: &str) -> Status {
    let details = ErrorDetails::with_resource_info("portcullis.v1.Model", name, "", "no model of this name is loaded");
    Status::with_error_details(tonic::Code::NotFound, "no model of this name is loaded", details)
}
