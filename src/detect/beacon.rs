//! URLs in Markdown and HTML that would carry data out when they are shown or followed, and links that run something.
//!
//! `beacon/reference.rs` finds the URLs, `beacon/url.rs` takes them apart; here they are judged. Bare URLs in prose are
//! nobody's reference and stay silent: nothing fetches them.

mod reference;
mod url;

use self::reference::{Load, Reference};
use self::url::Url;
use super::randomness::entropy_bits;
use super::{Detection, Kind};
use crate::decode::{self, Budget, Encoding};

/// Words of a placeholder that a model is to fill with what it knows.
const DATA_WORDS: [&str; 33] = [
    "answer",
    "api_key",
    "apikey",
    "chat",
    "contents",
    "context",
    "conversation",
    "cookie",
    "credential",
    "data",
    "email",
    "env",
    "history",
    "input",
    "instruction",
    "memory",
    "message",
    "output",
    "passwd",
    "password",
    "private",
    "prompt",
    "query",
    "question",
    "reply",
    "response",
    "secret",
    "session",
    "stolen",
    "summary",
    "system",
    "token",
    "transcript",
];
/// Domains that receive whatever is sent to them and show it to their user: services for testing webhooks and for
/// out-of-band interaction (as each documents its own).
const CATCHERS: [&str; 18] = [
    "beeceptor.com",
    "burpcollaborator.net",
    "canarytokens.com",
    "dnslog.cn",
    "hookbin.com",
    "interact.sh",
    "oast.fun",
    "oast.live",
    "oast.me",
    "oast.online",
    "oast.pro",
    "oast.site",
    "oastify.com",
    "pipedream.net",
    "requestbin.com",
    "requestbin.net",
    "requestcatcher.com",
    "webhook.site",
];
/// Schemes that run code, open a local program or file, or reach past the web (IANA's registry of URI schemes; those that
/// begin with `ms-` or `search-ms` start Windows programs).
const ACTIVE_SCHEMES: [&str; 14] = [
    "dict",
    "expect",
    "file",
    "gopher",
    "jar",
    "javascript",
    "ldap",
    "livescript",
    "mhtml",
    "php",
    "search-ms",
    "smb",
    "vbscript",
    "view-source",
];
/// Characters of an encoded payload's text, at least: identifiers decode to less.
const MIN_PAYLOAD: usize = 10;
/// Words of a sentence in a query, at least; captions and search terms have fewer.
const MIN_WORDS: usize = 6;
/// Characters of sub-domains, at least, and their entropy in bits a character, for them to be data: DNS allows 63 a label.
const MIN_SUBDOMAIN: usize = 40;
const MIN_SUBDOMAIN_BITS: f64 = 3.5;

/// The beacons and active links of a text, in its order.
pub(super) fn find(text: &str) -> impl Iterator<Item = Detection> {
    reference::find(text).filter_map(|reference| {
        let (kind, detector) = judge(text.get(reference.url.clone())?, &reference)?;
        Some(Detection { kind, detector, range: reference.url })
    })
}

fn judge(address: &str, reference: &Reference) -> Option<(Kind, &'static str)> {
    let url = Url::parse(address);
    if let Some(scheme) = &url.scheme
        && is_active(scheme, &url, reference.load)
    {
        return Some((Kind::ActiveLink, "link.active_scheme"));
    }
    let kind = match reference.load {
        Load::OnDisplay => Kind::FetchBeacon,
        Load::OnClick => Kind::LinkBeacon,
    };
    url.is_remote().then(|| carried(&url, reference.load)).flatten().map(|detector| (kind, detector))
}

/// True if following the link runs or opens something. Images may hold data of their own, and pages link to nothing by
/// `javascript:void(0)`.
fn is_active(scheme: &str, url: &Url, load: Load) -> bool {
    let is_idle = |code: &str| code.trim_matches([';', ' ']).is_empty() || code.starts_with("void");
    match scheme {
        "javascript" => !is_idle(url.rest),
        "data" => load == Load::OnClick && !url.rest.to_ascii_lowercase().starts_with("image/"),
        _ => scheme.starts_with("ms-") || ACTIVE_SCHEMES.contains(&scheme),
    }
}

/// The rule by which a URL carries data out.
fn carried(url: &Url, load: Load) -> Option<&'static str> {
    let is_shown = load == Load::OnDisplay;
    if has_placeholder(if is_shown { url.rest } else { url.query }) {
        Some("beacon.placeholder")
    } else if hides_text(url.path) || hides_text(url.query) {
        Some("beacon.encoded_text")
    } else if is_catcher(url.host) && (is_shown || !url.query.is_empty()) {
        Some("beacon.request_catcher")
    } else if is_shown && n_words(url.query) >= MIN_WORDS {
        Some("beacon.sentence")
    } else if is_shown && is_data_in_subdomains(url.host) {
        Some("beacon.subdomain")
    } else {
        None
    }
}

/// True if something in brackets is named after data, as in `?q={conversation}`, `[SECRET]` or `%7Btoken%7D`. What else
/// stands in brackets, such as the code of a playground's link, is no name.
fn has_placeholder(part: &str) -> bool {
    let lower = part.to_ascii_lowercase().replace("%7b", "{").replace("%5b", "[").replace("%3c", "<");
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" _.-".contains(&byte));
    lower.split(['{', '[', '<']).skip(1).any(|inner| {
        let name = inner.split(['}', ']', '>', '%', '/', '&']).next().unwrap_or_default();
        is_name(name) && DATA_WORDS.iter().any(|word| name.contains(word))
    })
}

/// True if a part of a URL holds a text in base64 or hexadecimal. A signature or an identifier holds none.
fn hides_text(part: &str) -> bool {
    let mut budget = Budget::new(part.len(), 16);
    decode::search(part, &mut budget).iter().any(|payload| {
        let is_code = |encoding: &Encoding| matches!(encoding, Encoding::Base64 | Encoding::Hex);
        payload.encodings.iter().any(is_code) && payload.text.text.len() >= MIN_PAYLOAD
    })
}

fn is_catcher(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    CATCHERS
        .iter()
        .any(|catcher| lower.strip_suffix(catcher).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// The longest run of words in a value of a query.
fn n_words(query: &str) -> usize {
    let is_word =
        |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic() || b".,!?'".contains(&b));
    let words = |value: &str| value.replace("%20", " ").replace('+', " ").split_whitespace().filter(is_word).count();
    query.split('&').map(words).max().unwrap_or_default()
}

/// True if what stands before the registered domain is long and random, as in `<data>.<data>.example.net`.
fn is_data_in_subdomains(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let n_domain_labels = 2;
    let data: String = labels.iter().rev().skip(n_domain_labels).copied().collect();
    data.len() >= MIN_SUBDOMAIN
        && data.bytes().any(|byte| byte.is_ascii_digit())
        && !data.contains('-')
        && entropy_bits(&data) >= MIN_SUBDOMAIN_BITS
}
