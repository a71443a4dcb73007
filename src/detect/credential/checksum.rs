//! The checksum that ends GitHub's and npm's tokens: the CRC-32 of what stands before it, as six digits of base 62.
//!
//! Source: GitHub, "Behind GitHub's new authentication token formats" (2021); npm adopted the format in the same year.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const N_DIGITS: usize = 6;
/// The reversed polynomial of CRC-32 (ISO/IEC 8802-3).
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// True if the last six characters of a token's body are the checksum of those before.
pub(super) fn is_valid(body: &str) -> bool {
    body.len()
        .checked_sub(N_DIGITS)
        .and_then(|middle| body.split_at_checked(middle))
        .is_some_and(|(random, digits)| base62(digits) == Some(u64::from(crc32(random.as_bytes()))))
}

fn base62(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0, |value, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        Some(value * 62 + digit as u64)
    })
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_changed_character_shows() {
        // Drawn and summed by a script of our own with Python's zlib.crc32.
        assert!(is_valid("8aspm4G7VmSUfOoD6V1vrORcmn0iSH2JWh3d"));
        assert!(!is_valid("8asQm4G7VmSUfOoD6V1vrORcmn0iSH2JWh3d"));
        assert!(!is_valid(""));
        assert!(!is_valid("12345"));
        assert!(!is_valid("zzzzzz"));
    }
}
