//! Values assigned to a name that says that they are secret: `password = "..."`, `API_KEY=...`, `"clientSecret": "..."`.

use super::{Found, run, run_before};
use crate::detect::randomness::is_random;

const MAX_NAME: usize = 64;
const MAX_SPACES: usize = 4;
const MIN_VALUE: usize = 10;
const MAX_VALUE: usize = 200;
/// How names of secrets end, without regard to case, `_`, `-` and `.`; longer than `token` alone, which is often a page's.
const NAMES: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretkey",
    "secretaccesskey",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "apitoken",
    "bottoken",
];

pub(super) fn find(text: &str) -> impl Iterator<Item = Found> {
    let mut end_of_last = 0;
    text.match_indices(['=', ':']).filter_map(move |(at, _)| {
        if at < end_of_last || !is_secret_name(text, at) {
            return None;
        }
        let value = value_after(text, at + 1)?;
        end_of_last = value.end;
        is_secret(text.get(value.clone())?).then_some(("credential.assigned_secret", value))
    })
}

/// True if the name that ends before an `=` or `:` is a secret's.
fn is_secret_name(text: &str, at: usize) -> bool {
    let gap = run_before(text, at, MAX_SPACES, |byte| b" \t\"'`\\:".contains(&byte));
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let name = run_before(text, at - gap.len(), MAX_NAME, is_part);
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let lower = letters.to_ascii_lowercase();
    NAMES.iter().any(|known| lower.ends_with(known))
}

/// The range of the value: what stands in quotes, or up to a space or delimiter.
fn value_after(text: &str, start: usize) -> Option<std::ops::Range<usize>> {
    let gap = run(text, start, MAX_SPACES, |byte| b" \t=>\"'`\\".contains(&byte));
    let start = start + gap.len();
    let value = run(text, start, MAX_VALUE + 1, |byte| byte.is_ascii_graphic() && !b"\"'`,;\\)]}&|".contains(&byte));
    (MIN_VALUE..=MAX_VALUE).contains(&value.len()).then(|| start..start + value.len())
}

/// Random, of letters and digits, and none of the forms that code, hashes and identifiers have. A web token (`eyJ`) has a
/// rule of its own.
fn is_secret(value: &str) -> bool {
    is_random(value)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.contains(['(', '[', '%'])
        && !value.contains("://")
        && !value.starts_with("eyJ")
        && !is_identifier(value)
        && !is_path(value)
        && !is_hash(value)
        && !is_uuid(value)
}

/// Letters of a row in lower case, at least, that make a word: they are one chance in ten in a random string of 24.
const MIN_WORD: usize = 6;

/// A name with a word in it, such as a variable's.
fn is_identifier(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && value.split(|character: char| !character.is_ascii_lowercase()).any(|word| word.len() >= MIN_WORD)
}

/// Names joined by dots or slashes, as a variable or a file has.
fn is_path(value: &str) -> bool {
    let is_name = |name: &str| {
        name.len() < 20
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b == b'_' || b == b'-' || b.is_ascii_alphanumeric())
    };
    value.contains(['.', '/']) && value.trim_start_matches(['.', '/', '~']).split(['.', '/']).all(is_name)
}

/// A digest in hexadecimal, or one that names its function.
fn is_hash(value: &str) -> bool {
    let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex && matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128)
        || ["sha1-", "sha256-", "sha384-", "sha512-", "sha256:", "sha512:", "md5:"]
            .iter()
            .any(|name| value.starts_with(name))
}

fn is_uuid(value: &str) -> bool {
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
