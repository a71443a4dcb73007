//! Compute kernels of Portcullis.
//!
//! The only crate of the workspace that may hold `unsafe` code. A kernel is plain arithmetic over slices, which [`Isa`]
//! compiles once for each instruction set that pays; where a compiler does not find the instructions (matrix products), it
//! is written in them, beside the plain form. The best that the CPU has is picked at run time.

pub mod attention;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod device;
mod exp;
pub mod gelu;
pub mod gemm;
mod isa;
pub mod layer_norm;
pub mod peak;
pub mod pool;
mod reduce;
pub mod softmax;

pub use isa::{ISA_VARIABLE, Isa};
