//! What must hold for every input of the parts that read a caller's bytes. A target panics where it does not.
//!
//! Each target takes any bytes. `cargo +nightly fuzz run TARGET` searches for inputs that break one; on any toolchain,
//! `tests/fuzz_replay.rs` runs this same code over the corpus and over random changes of it.

mod ranges;

pub mod artifact;
pub mod canonicalize;
pub mod decode;
pub mod detect;
pub mod json;
pub mod offset_map;

/// A target: its name, which is that of its corpus folder too, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("artifact", artifact::check),
    ("canonicalize", canonicalize::check),
    ("decode", decode::check),
    ("detect", detect::check),
    ("json", json::check),
    ("offset_map", offset_map::check),
];
