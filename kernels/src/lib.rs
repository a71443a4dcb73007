//! Compute kernels of Portcullis.
//!
//! The only crate of the workspace that may hold `unsafe` code. A kernel is plain arithmetic over slices; [`Isa`] compiles
//! it once for each instruction set that pays and picks the best that the CPU has, at run time.

mod exp;
pub mod gelu;
mod isa;
pub mod layer_norm;
mod reduce;
pub mod softmax;

pub use isa::Isa;
