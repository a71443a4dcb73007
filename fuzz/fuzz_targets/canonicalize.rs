//! See `src/canonicalize.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::canonicalize::check(data));
