//! Private keys in PEM (RFC 7468) and OpenPGP armour (RFC 9580): a header that says so, and a body behind it.

use super::Found;
use crate::detect::randomness::entropy_bits;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
/// Characters of the longest header in use are below this.
const MAX_LABEL: usize = 40;
/// Characters of base64 in the shortest private key (Ed25519 in PKCS #8): 64.
const MIN_BODY: usize = 60;
/// Bits a character, at least: base64 of a key has 5 and more, a body that was cut or painted over has less.
const MIN_ENTROPY_BITS: f64 = 4.0;

pub(super) fn find(text: &str) -> impl Iterator<Item = Found> {
    text.match_indices(BEGIN).filter_map(|(start, _)| {
        let label_start = start + BEGIN.len();
        let label_end = text.floor_char_boundary(label_start + MAX_LABEL);
        let label = text.get(label_start..label_end)?.split(DASHES).next()?;
        if !label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK") {
            return None;
        }
        let body_start = label_start + label.len() + DASHES.len();
        let body = text.get(body_start..)?.split(DASHES).next()?;
        let is_symbol = |character: char| character.is_ascii_alphanumeric() || "+/=".contains(character);
        let symbols: String = body.chars().filter(|character| is_symbol(*character)).collect();
        let is_key = symbols.len() >= MIN_BODY && entropy_bits(&symbols) >= MIN_ENTROPY_BITS;
        is_key.then(|| ("credential.private_key", start..body_start + body.len()))
    })
}
