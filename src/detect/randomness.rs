//! Whether a string was drawn at random, as secrets are, or was made up to stand for one.

/// Bits a character of Shannon entropy, at least: sixteen characters of base32 drawn at random have 3.6 on average and
/// are below 3.0 once in ten thousand; words and repetitions are below.
const MIN_ENTROPY_BITS: f64 = 3.0;
/// What people write in the place of a secret.
const PLACEHOLDERS: [&str; 16] = [
    "example",
    "sample",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "dummy",
    "redacted",
    "your",
    "insert",
    "replace",
    "xxxx",
    "0000000",
    "not-real",
    "secret",
    "password",
];

/// True if a string looks drawn at random and not like a placeholder.
pub(super) fn is_random(secret: &str) -> bool {
    !is_placeholder(secret) && entropy_bits(secret) >= MIN_ENTROPY_BITS
}

/// True for what stands for a secret in documentation and templates: known words, a variable, one character over and
/// over, the alphabet.
pub(super) fn is_placeholder(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || secret.contains(['<', '>', '{', '}', '$', '*', '…'])
        || secret.contains("...")
        || n_steps(secret) * 2 >= secret.len()
}

/// How often a character is followed by itself or by its successor, as in `1111`, `abcd` and `1234`.
fn n_steps(secret: &str) -> usize {
    secret.bytes().zip(secret.bytes().skip(1)).filter(|(a, b)| a == b || a.checked_add(1) == Some(*b)).count()
}

/// Shannon entropy of the distribution of a string's bytes, in bits a byte; 0 for an empty string.
pub(super) fn entropy_bits(text: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let share = |count: &usize| *count as f64 / text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for random in ["q7Hd92kLmZx0Vt4Rb8Yc", "9f86d081884c7d659a2f", "JBSWY3DPEHPK3PXQ"] {
            assert!(is_random(random), "{random}");
        }
        for made_up in [
            "",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "1234567890123456",
            "IOSFODNN7EXAMPLE",
            "your-token-goes-here",
            "${TOKEN}",
            "<token>",
            "****************",
            "abababababababab",
        ] {
            assert!(!is_random(made_up), "{made_up}");
        }
    }

    #[test]
    fn entropy_is_that_of_shannon() {
        assert_eq!(entropy_bits(""), 0.0);
        assert_eq!(entropy_bits("aaaa"), 0.0);
        assert_eq!(entropy_bits("abab"), 1.0);
        assert_eq!(entropy_bits("abcdefgh"), 3.0);
    }
}
