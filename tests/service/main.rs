//! The service as its callers see it: a real server with the real model, and a real client.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod admin_tls;
mod altered;
mod common;
mod compare;
mod coverage;
mod faults;
mod findings;
mod guard;
mod limits;
mod load;
mod operation;
mod process;
mod restart;
mod scan;
mod swap;
mod traces;
mod verdicts;
