//! Compute kernels of Portcullis.
//!
//! The only crate of the workspace that may hold `unsafe` code. Each kernel is a value whose existence proves that the
//! CPU has what it needs; [`Gelu::new`] picks the best at run time, and a scalar version always exists.

pub mod gelu;

pub use gelu::Gelu;
