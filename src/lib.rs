//! Portcullis classifies AI traffic: is this text a prompt injection, a jailbreak, an attempt to get private data out?
//!
//! The modules in the order in which a request passes them: [`grpc`] checks and converts it, [`admission`] lets it in,
//! [`pipeline`] leads it through [`canonical`], [`tokenize`], [`batch`], [`model`], [`calibrate`] and [`policy`].
//! [`deploy`] says which model reads it, where one takes another's place; [`evaluate`] says whether it should. [`artifact`] is
//! where a model comes from, [`fetch`] and [`signing`] are how it gets there unharmed, [`app`] is what wires all of it together.
//! `docs/ARCHITECTURE.md` says who may use whom.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod threat;

pub mod caller;

pub mod canonical;

pub mod structure;

pub mod decode;

pub mod detect;

pub mod tokenize;

pub mod model;

pub mod calibrate;

pub mod policy;

pub mod signing;

pub mod artifact;

pub mod fetch;

pub mod batch;

pub mod cache;

pub mod admission;

pub mod sanitize;

pub mod pipeline;

pub mod evaluate;

pub mod deploy;

pub mod grpc;

pub mod config;

pub mod app;

pub mod telemetry;

pub mod cli;
