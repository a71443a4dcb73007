//! Connection strings that carry a password: `scheme://user:password@host` (RFC 3986, section 3.2.1).

use super::{Found, run, run_before};
use crate::detect::randomness::{entropy_bits, is_placeholder};

const MAX_SCHEME: usize = 16;
const MAX_USER_INFO: usize = 200;
/// Passwords that developers' machines and documentation use.
const DEFAULTS: [&str; 14] = [
    "admin", "guest", "hunter2", "letmein", "mypass", "mysql", "pass", "passwd", "postgres", "pwd", "root", "test",
    "toor", "user",
];
const MIN_PASSWORD: usize = 6;
/// Bits a character, at least: people choose these passwords, so that fewer are asked for than of a token.
const MIN_ENTROPY_BITS: f64 = 2.5;

pub(super) fn find(text: &str) -> impl Iterator<Item = Found> {
    text.match_indices("://").filter_map(|(at, separator)| {
        let scheme = run_before(text, at, MAX_SCHEME, |byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let start = at + separator.len();
        let user_info =
            run(text, start, MAX_USER_INFO, |byte| byte.is_ascii_graphic() && !b"@/?#\"'`<>\\".contains(&byte));
        let end = start + user_info.len();
        if scheme.is_empty() || text.as_bytes().get(end) != Some(&b'@') {
            return None;
        }
        let (user, password) = user_info.split_once(':')?;
        is_secret(user, password).then(|| ("credential.connection_string", at - scheme.len()..end))
    })
}

fn is_secret(user: &str, password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    password.len() >= MIN_PASSWORD
        && lower != user.to_ascii_lowercase()
        && !is_placeholder(password)
        && !DEFAULTS.iter().any(|default| lower.trim_end_matches(|c: char| c.is_ascii_digit()) == *default)
        && password.bytes().any(|byte| !byte.is_ascii_lowercase())
        && entropy_bits(password) >= MIN_ENTROPY_BITS
}
