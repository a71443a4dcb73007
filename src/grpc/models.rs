//! `ModelService`: what is loaded.

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{convert, v1};
use crate::artifact::Model;
use crate::pipeline::Pipeline;
use crate::policy::Thresholds;
use crate::threat::{Category, Channel};

/// The service.
pub struct Models {
    pipeline: Arc<Pipeline>,
}

impl Models {
    /// Tells of the pipeline's model.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline }
    }
}

#[tonic::async_trait]
impl v1::model_service_server::ModelService for Models {
    async fn list_models(&self, _: Request<v1::ListModelsRequest>) -> Result<Response<v1::ListModelsResponse>, Status> {
        Ok(Response::new(v1::ListModelsResponse { models: vec![describe(self.pipeline.model())] }))
    }

    async fn get_model(&self, request: Request<v1::GetModelRequest>) -> Result<Response<v1::Model>, Status> {
        let name = request.into_inner().name;
        let model = self.pipeline.model();
        if name == model.id.name {
            return Ok(Response::new(describe(model)));
        }
        let details =
            ErrorDetails::with_resource_info("portcullis.v1.Model", name, "", "no model of this name is loaded");
        Err(Status::with_error_details(Code::NotFound, "no model of this name is loaded", details))
    }
}

fn describe(model: &Model) -> v1::Model {
    let threshold = |(channel, thresholds): (Channel, &Thresholds)| v1::ModelThreshold {
        channel: channel.name().to_owned(),
        review: thresholds.review,
        block: thresholds.block,
    };
    v1::Model {
        r#ref: Some(convert::model_ref(&model.id)),
        device: model.scorer.device().to_owned(),
        labels: Category::ALL.map(|category| category.name().to_owned()).to_vec(),
        window_tokens: u32::try_from(model.layout.tokens).unwrap_or(u32::MAX),
        window_overlap: u32::try_from(model.layout.overlap).unwrap_or(u32::MAX),
        thresholds: model.thresholds.iter().map(threshold).collect(),
    }
}
