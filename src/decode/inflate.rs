//! Compressed bytes, as far as the budget goes.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::{Budget, Encoding};

/// What came out.
pub(super) struct Inflated {
    pub(super) bytes: Vec<u8>,
    pub(super) encoding: Encoding,
}

/// Inflates bytes that begin as gzip or zlib do. A stream that breaks off gives what came before.
pub(super) fn inflate(bytes: &[u8], budget: &mut Budget) -> Option<Inflated> {
    match bytes {
        [0x1F, 0x8B, 8, ..] => read(MultiGzDecoder::new(bytes), Encoding::Gzip, budget),
        [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => read(ZlibDecoder::new(bytes), Encoding::Zlib, budget),
        _ => None,
    }
}

fn read(mut stream: impl Read, encoding: Encoding, budget: &mut Budget) -> Option<Inflated> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(budget.bytes()).unwrap_or(u64::MAX);
    // An error ends the stream; what was read before it stays in the buffer.
    let _ = stream.by_ref().take(limit).read_to_end(&mut bytes);
    let is_all = bytes.len() < budget.bytes() || !matches!(stream.read(&mut [0]), Ok(1));
    budget.pay(bytes.len(), is_all);
    (!bytes.is_empty()).then_some(Inflated { bytes, encoding })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn check(bytes: &[u8], budget: usize, expected: Option<&[u8]>, is_exceeded: bool) {
        let mut budget = Budget::new(budget, 1);
        let inflated = inflate(bytes, &mut budget).map(|inflated| inflated.bytes);
        assert_eq!((inflated.as_deref(), budget.is_exceeded()), (expected, is_exceeded));
    }

    #[test]
    fn streams_are_inflated_within_the_budget() {
        let text = b"the same line again and again, the same line again and again";
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text).unwrap();
        check(&zlib.finish().unwrap(), 1000, Some(text), false);
        check(&gzip(text), 1000, Some(text), false);
        check(&gzip(text), text.len(), Some(text), false);
        check(&gzip(text), text.len() - 1, Some(&text[..text.len() - 1]), true);
        check(&gzip(text), 0, None, true);
        check(&gzip(text)[..20], 1000, None, false);
        check(b"xylophone", 1000, None, false);
    }
}
