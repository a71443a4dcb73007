//! The parts of a URL, as a browser would take them apart (WHATWG URL), without judging whether it is a good one.

/// Schemes over which a browser sends what the URL says.
const REMOTE_SCHEMES: [&str; 5] = ["http", "https", "ftp", "ws", "wss"];
/// Characters of the longest scheme that is looked at.
const MAX_SCHEME: usize = 32;

/// A URL in parts. `query` is all that follows the first `?` or `#`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// In lower case, without the white space that browsers ignore in it; None in a relative URL.
    pub scheme: Option<String>,
    /// All after the scheme.
    pub rest: &'a str,
    pub host: &'a str,
    pub path: &'a str,
    pub query: &'a str,
}

impl<'a> Url<'a> {
    pub fn parse(address: &'a str) -> Self {
        let (scheme, rest) = split_scheme(address);
        // In JSON a slash may be escaped, and browsers take a backslash for one.
        let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
        let hierarchical = if slashes >= 2 { rest.get(slashes..).unwrap_or_default() } else { "" };
        let (authority, after) = split_before(hierarchical, &['/', '\\', '?', '#']);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let (host, _port) = split_before(host, &[':']);
        let (path, query) = split_before(if hierarchical.is_empty() { rest } else { after }, &['?', '#']);
        Self { scheme, rest, host, path, query }
    }

    /// True if fetching it sends something to a host that it names.
    pub fn is_remote(&self) -> bool {
        !self.host.is_empty() && self.scheme.as_deref().is_none_or(|scheme| REMOTE_SCHEMES.contains(&scheme))
    }
}

/// The scheme, if there is one, and what follows its colon.
fn split_scheme(address: &str) -> (Option<String>, &str) {
    let address = address.trim_matches(|character: char| character <= ' ');
    let Some((before, after)) = address.split_once(':') else { return (None, address) };
    let is_ignored = |character: char| matches!(character, '\t' | '\n' | '\r');
    let scheme: String = before.chars().take(MAX_SCHEME + 1).filter(|character| !is_ignored(*character)).collect();
    let is_part = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    let is_scheme = scheme.len() <= MAX_SCHEME
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(is_part);
    if is_scheme { (Some(scheme.to_ascii_lowercase()), after) } else { (None, address) }
}

/// Splits before the first of some characters.
fn split_before<'a>(text: &'a str, characters: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(characters).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, scheme: Option<&str>, host: &str, path: &str, query: &str, is_remote: bool) {
        let url = Url::parse(address);
        assert_eq!((url.scheme.as_deref(), url.host, url.path, url.query), (scheme, host, path, query), "{address}");
        assert_eq!(url.is_remote(), is_remote, "{address}");
    }

    #[test]
    fn table() {
        check("https://a.example/b/c?d=e#f", Some("https"), "a.example", "/b/c", "?d=e#f", true);
        check("HTTPS://user@a.example:8080?x", Some("https"), "a.example", "", "?x", true);
        check("//a.example/b", None, "a.example", "/b", "", true);
        check(r"https:\/\/a.example\/b", Some("https"), "a.example", r"\/b", "", true);
        check("/b?c", None, "", "/b", "?c", false);
        check("b.png", None, "", "b.png", "", false);
        check(" java\tscript:alert(1)", Some("javascript"), "", "alert(1)", "", false);
        check("mailto:a@b.example?subject=x", Some("mailto"), "", "a@b.example", "?subject=x", false);
        check("", None, "", "", "", false);
        check("://", None, "", "://", "", false);
    }
}
