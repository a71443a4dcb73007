//! An engine on whichever device.

use candle_nn::VarBuilder;

#[cfg(feature = "cuda")]
use super::gpu::CudaEngine;
use super::{
    Detail, DeviceChoice, EncoderConfig, Engine, EngineError, EngineOptions, Precision, ScoreError, ScoreFn, Scorer,
    TokenBatch, WindowScore,
};

/// An engine on the CPU or on a GPU.
#[derive(Debug)]
pub enum AnyEngine {
    /// On CPU cores.
    Cpu(Box<Engine>),
    /// On GPUs of NVIDIA's.
    #[cfg(feature = "cuda")]
    Cuda(Box<CudaEngine>),
}

impl AnyEngine {
    /// An engine on the device that the options name, the CPU for [`DeviceChoice::Auto`].
    ///
    /// # Errors
    /// As [`Engine::new`]; and there is no such GPU, or this build has no code for one.
    pub fn new(vb: &VarBuilder<'_>, config: &EncoderConfig, options: EngineOptions) -> Result<Self, EngineError> {
        match options.device {
            DeviceChoice::Auto | DeviceChoice::Cpu => {
                Engine::new(vb, config, options).map(|engine| Self::Cpu(Box::new(engine)))
            }
            #[cfg(feature = "cuda")]
            DeviceChoice::Cuda(_) | DeviceChoice::AllCuda => {
                CudaEngine::open(options.device, vb, config, options.precision)
                    .map(|engine| Self::Cuda(Box::new(engine)))
            }
            #[cfg(not(feature = "cuda"))]
            DeviceChoice::Cuda(_) | DeviceChoice::AllCuda => Err(EngineError::NotBuilt(options.device)),
        }
    }

    /// What it computes in; never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        match self {
            Self::Cpu(engine) => engine.precision(),
            #[cfg(feature = "cuda")]
            Self::Cuda(engine) => engine.precision(),
        }
    }

    /// The engine, if it is on the CPU.
    pub fn cpu(&self) -> Option<&Engine> {
        match self {
            Self::Cpu(engine) => Some(engine),
            #[cfg(feature = "cuda")]
            Self::Cuda(_) => None,
        }
    }

    fn scorer(&self) -> &dyn Scorer {
        match self {
            Self::Cpu(engine) => &**engine,
            #[cfg(feature = "cuda")]
            Self::Cuda(engine) => &**engine,
        }
    }
}

impl Scorer for AnyEngine {
    fn score(&self, batch: &TokenBatch, detail: Detail) -> Result<Vec<WindowScore>, ScoreError> {
        self.scorer().score(batch, detail)
    }

    fn score_interruptibly(
        &self,
        batch: &TokenBatch,
        detail: Detail,
        between: &mut dyn FnMut(&mut ScoreFn<'_>),
    ) -> Result<Vec<WindowScore>, ScoreError> {
        self.scorer().score_interruptibly(batch, detail, between)
    }

    fn lanes(&self) -> usize {
        self.scorer().lanes()
    }

    fn device(&self) -> &str {
        self.scorer().device()
    }
}
