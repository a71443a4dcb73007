//! What a content is, before it is read: bytes to text, and JSON to the text that it holds.
//!
//! Pure: text and a map back to the caller's bytes come out. Refuses nothing: what is not JSON is plain text, and what is
//! not text is counted.

pub mod bytes;
pub mod json;
