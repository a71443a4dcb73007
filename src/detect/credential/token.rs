//! Tokens of known providers: a prefix, an alphabet, a length, and randomness or a checksum.
//!
//! The forms are those that the providers document for secret scanning: AWS IAM identifiers, GitHub token formats, GitLab
//! token overview, Slack token types, Google API keys, Stripe API keys, npm and PyPI tokens, Hugging Face user access
//! tokens, SendGrid, DigitalOcean and Azure Storage keys, and JSON Web Tokens (RFC 7519). OpenAI's and Anthropic's are as
//! their consoles give them out.

use std::ops::{Range, RangeInclusive};

use super::{Found, checksum, run};
use crate::detect::randomness::is_random;

/// What the tokens of a provider look like.
struct Format {
    detector: &'static str,
    prefixes: &'static [&'static str],
    alphabet: fn(u8) -> bool,
    /// Characters after the prefix.
    length: RangeInclusive<usize>,
    /// What the body must satisfy besides.
    is_valid: fn(&str) -> bool,
}

const FORMATS: &[Format] = &[
    Format {
        detector: "credential.aws_access_key",
        prefixes: &["AKIA", "ASIA"],
        alphabet: |byte| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'),
        length: 16..=16,
        is_valid: is_random,
    },
    Format {
        detector: "credential.github_token",
        prefixes: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        alphabet: is_alphanumeric,
        length: 36..=36,
        is_valid: checksum::is_valid,
    },
    Format {
        detector: "credential.github_token",
        prefixes: &["github_pat_"],
        alphabet: is_word,
        length: 82..=82,
        is_valid: is_random,
    },
    Format {
        detector: "credential.gitlab_token",
        prefixes: &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-",
            "glffct-",
        ],
        alphabet: |byte| is_url_safe(byte) || byte == b'.',
        length: 20..=320,
        is_valid: is_random,
    },
    Format {
        detector: "credential.slack_token",
        prefixes: &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"],
        alphabet: |byte| is_alphanumeric(byte) || byte == b'-',
        length: 24..=250,
        is_valid: |body| is_random(body) && body.bytes().any(|byte| byte.is_ascii_digit()),
    },
    Format {
        detector: "credential.slack_webhook",
        prefixes: &["hooks.slack.com/services/"],
        alphabet: |byte| is_alphanumeric(byte) || byte == b'/',
        length: 40..=60,
        is_valid: is_random,
    },
    Format {
        detector: "credential.google_api_key",
        prefixes: &["AIza"],
        alphabet: is_url_safe,
        length: 35..=35,
        is_valid: is_random,
    },
    Format {
        detector: "credential.google_oauth",
        prefixes: &["GOCSPX-", "ya29."],
        alphabet: is_url_safe,
        length: 28..=400,
        is_valid: is_random,
    },
    Format {
        detector: "credential.stripe_key",
        prefixes: &["sk_live_", "rk_live_"],
        alphabet: is_alphanumeric,
        length: 24..=250,
        is_valid: is_random,
    },
    Format {
        detector: "credential.npm_token",
        prefixes: &["npm_"],
        alphabet: is_alphanumeric,
        length: 36..=36,
        is_valid: checksum::is_valid,
    },
    Format {
        // The body of every token begins with a macaroon's version and its location, pypi.org.
        detector: "credential.pypi_token",
        prefixes: &["pypi-AgEIcHlwaS5vcmc"],
        alphabet: is_url_safe,
        length: 50..=400,
        is_valid: is_random,
    },
    Format {
        detector: "credential.anthropic_key",
        prefixes: &["sk-ant-"],
        alphabet: is_url_safe,
        length: 40..=200,
        is_valid: is_random,
    },
    Format {
        detector: "credential.openai_key",
        prefixes: &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        alphabet: is_url_safe,
        length: 40..=220,
        is_valid: is_random,
    },
    Format {
        // Keys without a kind hold "OpenAI" in base64 in their middle.
        detector: "credential.openai_key",
        prefixes: &["sk-"],
        alphabet: is_alphanumeric,
        length: 48..=48,
        is_valid: |body| is_random(body) && body.contains("T3BlbkFJ"),
    },
    Format {
        detector: "credential.huggingface_token",
        prefixes: &["hf_"],
        alphabet: is_alphanumeric,
        length: 34..=34,
        is_valid: is_random,
    },
    Format {
        detector: "credential.sendgrid_key",
        prefixes: &["SG."],
        alphabet: |byte| is_url_safe(byte) || byte == b'.',
        length: 66..=66,
        is_valid: |body| is_random(body) && body.find('.') == Some(22),
    },
    Format {
        detector: "credential.digitalocean_token",
        prefixes: &["dop_v1_", "doo_v1_", "dor_v1_"],
        alphabet: |byte| byte.is_ascii_hexdigit(),
        length: 64..=64,
        is_valid: is_random,
    },
    Format {
        detector: "credential.azure_storage_key",
        prefixes: &["AccountKey="],
        alphabet: |byte| is_alphanumeric(byte) || matches!(byte, b'+' | b'/' | b'='),
        length: 88..=88,
        is_valid: is_random,
    },
    Format {
        detector: "credential.jwt",
        prefixes: &["eyJ"],
        alphabet: |byte| is_url_safe(byte) || byte == b'.',
        length: 60..=8192,
        is_valid: is_signed_jwt,
    },
];

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_word(byte: u8) -> bool {
    is_alphanumeric(byte) || byte == b'_'
}

/// The URL-safe alphabet of base64.
fn is_url_safe(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// `{"sub":"1234567890` in base64: the claims of the example that tutorials show.
const TUTORIAL_CLAIMS: &str = "eyJzdWIiOiIxMjM0NTY3ODkw";

/// Header, claims and signature, the first two JSON objects in base64 (`eyJ` is `{"`).
fn is_signed_jwt(body: &str) -> bool {
    let mut parts = body.split('.');
    let header = parts.next().is_some_and(|header| header.len() >= 12);
    let claims = parts
        .next()
        .is_some_and(|claims| claims.starts_with("eyJ") && claims.len() >= 12 && !claims.starts_with(TUTORIAL_CLAIMS));
    let signature = parts.next().is_some_and(|signature| signature.len() >= 40 && is_random(signature));
    header && claims && signature && parts.next().is_none()
}

/// Characters of the shortest token with its prefix.
const MIN_TOKEN: usize = 20;

/// Looks at every place where a word begins, in stretches that are long enough.
pub(super) fn find(text: &str) -> impl Iterator<Item = Found> {
    let bytes = text.as_bytes();
    let mut end_of_last = 0;
    stretches(bytes).flatten().filter_map(move |start| {
        if start < end_of_last || byte_before(text, start).is_some_and(is_word) {
            return None;
        }
        let (detector, len) =
            FORMATS.iter().find_map(|format| Some((format.detector, match_at(text, start, format)?)))?;
        end_of_last = start + len;
        Some((detector, start..end_of_last))
    })
}

/// Runs of the characters that tokens consist of. Most words of a text are too short to hold one.
fn stretches(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_part = |byte: u8| is_url_safe(byte) || matches!(byte, b'.' | b'/' | b'+' | b'=');
    let mut next = 0;
    bytes
        .split(move |byte| !is_part(*byte))
        .map(move |stretch| {
            let start = next;
            next = start + stretch.len() + 1;
            start..start + stretch.len()
        })
        .filter(|stretch| stretch.len() >= MIN_TOKEN)
}

fn byte_before(text: &str, start: usize) -> Option<u8> {
    text.as_bytes().get(start.checked_sub(1)?).copied()
}

/// The length of the token of this format that begins here. None begins amid characters of its own alphabet, which also
/// keeps the search linear: no two bodies that are looked at overlap.
fn match_at(text: &str, start: usize, format: &Format) -> Option<usize> {
    let rest = text.as_bytes().get(start..)?;
    let prefix = format.prefixes.iter().find(|prefix| rest.starts_with(prefix.as_bytes()))?;
    if byte_before(text, start).is_some_and(format.alphabet) {
        return None;
    }
    let body = run(text, start + prefix.len(), format.length.end() + 1, format.alphabet).trim_end_matches(['.', '-']);
    (format.length.contains(&body.len()) && (format.is_valid)(body)).then_some(prefix.len() + body.len())
}
