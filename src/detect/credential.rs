//! Secrets that give access: tokens of known providers, private keys, connection strings, assigned passwords.
//!
//! Precise rather than complete: what has no form of its own is found only where a name says that it is a secret.
//! Every rule asks for randomness ([`super::randomness`]), so that examples, placeholders, hashes, UUIDs and variables
//! stay silent.

mod assignment;
mod checksum;
mod connection;
mod private_key;
mod token;

use std::ops::Range;

/// A secret: which rule found it, and where it stands.
pub(super) type Found = (&'static str, Range<usize>);

/// The secrets of a text, rule by rule.
pub(super) fn find(text: &str) -> impl Iterator<Item = Found> {
    private_key::find(text).chain(token::find(text)).chain(connection::find(text)).chain(assignment::find(text))
}

/// The first stretch of `text` from `start` on whose bytes all pass a test, at most `limit` long.
fn run(text: &str, start: usize, limit: usize, test: impl Fn(u8) -> bool) -> &str {
    let bytes = text.as_bytes().get(start..).unwrap_or_default();
    let len = bytes.iter().take(limit).take_while(|&&byte| test(byte)).count();
    text.get(start..start + len).unwrap_or_default()
}

/// The last stretch of `text` before `end` whose bytes all pass a test, at most `limit` long.
fn run_before(text: &str, end: usize, limit: usize, test: impl Fn(u8) -> bool) -> &str {
    let bytes = text.as_bytes().get(..end).unwrap_or_default();
    let len = bytes.iter().rev().take(limit).take_while(|&&byte| test(byte)).count();
    text.get(end - len..end).unwrap_or_default()
}
