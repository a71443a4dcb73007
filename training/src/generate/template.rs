//! The little language in which the content banks are written. It knows nothing of attacks.
//!
//! Text stands for itself, except for what stands in braces:
//! - `{person}`: a random entry of that word list, itself a template; `{person1}` is drawn once and then remembered;
//! - `{now|today|}`: one of the alternatives, which may be empty and may hold braces in turn;
//! - `{2-40}`: a number of that range;
//! - `{repeat:2-6:log_line}` and `{list:2-6:row}`: so many entries of a list, by lines, or by lines with commas between;
//! - `{slot:mail:json}`: a place for foreign text of the word list's register, escaped as its surroundings want it.
//!
//! Braces that hold anything else are kept, so that JSON and code can be written as they are.

use std::collections::HashMap;

use rand::Rng;
use rand::rngs::SmallRng;

use super::words::{self, pick};

/// A stretch of expanded text, or a place for foreign text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Text(String),
    Slot(Slot),
}

/// A place where foreign text may stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The word list of harmless texts that are at home here.
    pub register: String,
    pub escape: Escape,
}

/// How text must be written to stand where the slot stands. Each character is escaped for itself, so that the escaped
/// text of two parts is that of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// In a JSON string, or one of a language with the same escapes.
    Json,
    /// In HTML text or an attribute's value.
    Html,
    /// In a quoted CSV field.
    Csv,
    /// On one line, such as a table's cell.
    Line,
    /// Behind `# `, `// `, ` * `, `> ` on every line.
    Prefix(&'static str),
}

impl Escape {
    fn parse(name: &str) -> Self {
        match name {
            "json" => Self::Json,
            "html" => Self::Html,
            "csv" => Self::Csv,
            "line" => Self::Line,
            "hash" => Self::Prefix("# "),
            "slashes" => Self::Prefix("// "),
            "dashes" => Self::Prefix("-- "),
            "star" => Self::Prefix(" * "),
            "quote" => Self::Prefix("> "),
            "indent" => Self::Prefix("    "),
            _ => Self::None,
        }
    }

    /// Appends the text as it must be written.
    pub fn push(self, text: &str, out: &mut String) {
        text.chars().for_each(|character| self.push_char(character, out));
    }

    fn push_char(self, character: char, out: &mut String) {
        match (self, character) {
            (Self::Json, '"') => out.push_str("\\\""),
            (Self::Json, '\\') => out.push_str("\\\\"),
            (Self::Json, '\n') => out.push_str("\\n"),
            (Self::Html, '<') => out.push_str("&lt;"),
            (Self::Html, '>') => out.push_str("&gt;"),
            (Self::Html, '&') => out.push_str("&amp;"),
            (Self::Html, '"') => out.push_str("&quot;"),
            (Self::Csv, '"') => out.push_str("\"\""),
            (Self::Csv | Self::Line, '\n') => out.push(' '),
            (Self::Prefix(prefix), '\n') => {
                out.push('\n');
                out.push_str(prefix);
            }
            _ => out.push(character),
        }
    }
}

/// Expands a template without slots.
pub fn fill(rng: &mut SmallRng, template: &str) -> String {
    let text = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Slot(_) => String::new(),
    };
    expand(rng, template).into_iter().map(text).collect()
}

/// Expands a random one of the templates.
pub fn fill_one(rng: &mut SmallRng, templates: &[&str]) -> String {
    let template = *pick(rng, templates);
    fill(rng, template)
}

/// Expands a template. No two neighbours of the result are text.
pub fn expand(rng: &mut SmallRng, template: &str) -> Vec<Piece> {
    let mut expansion = Expansion { rng, remembered: HashMap::new(), pieces: Vec::new() };
    expansion.expand(template);
    expansion.pieces
}

struct Expansion<'r> {
    rng: &'r mut SmallRng,
    /// The draws of the names that end in a digit.
    remembered: HashMap<String, String>,
    pieces: Vec<Piece>,
}

impl Expansion<'_> {
    fn expand(&mut self, template: &str) {
        let mut rest = template;
        while let Some((before, body)) = rest.split_once('{') {
            self.text(before);
            rest = match matching_brace(body) {
                Some((directive, after)) if self.directive(directive) => after,
                _ => {
                    self.text("{");
                    body
                }
            };
        }
        self.text(rest);
    }

    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Expands what stood in braces; false, with nothing done, if it is no directive.
    fn directive(&mut self, directive: &str) -> bool {
        if directive.starts_with(|first: char| first.is_whitespace() || first == '"') {
            return false;
        }
        let alternatives = alternatives(directive);
        if alternatives.len() > 1 {
            let chosen = *pick(self.rng, &alternatives);
            self.expand(chosen);
            return true;
        }
        if let Some(number) = self.number(directive) {
            self.text(&number.to_string());
            return true;
        }
        let mut fields = directive.split(':');
        match (fields.next(), fields.next(), fields.next()) {
            (Some("slot"), Some(register), escape) => {
                let escape = Escape::parse(escape.unwrap_or_default());
                self.pieces.push(Piece::Slot(Slot { register: register.to_owned(), escape }));
                true
            }
            (Some("repeat"), Some(count), Some(name)) => self.repeat(count, name, "\n"),
            (Some("list"), Some(count), Some(name)) => self.repeat(count, name, ",\n"),
            (Some(name), None, None) => self.word(name),
            _ => false,
        }
    }

    fn number(&mut self, range: &str) -> Option<u32> {
        let (low, high) = range.split_once('-')?;
        Some(self.rng.random_range(low.parse().ok()?..=high.parse().ok()?))
    }

    fn repeat(&mut self, count: &str, name: &str, separator: &str) -> bool {
        let (Some(count), Some(list)) = (self.number(count), words::list(name)) else { return false };
        for index in 0..count {
            if index > 0 {
                self.text(separator);
            }
            let entry = *pick(self.rng, list);
            self.expand(entry);
        }
        true
    }

    fn word(&mut self, name: &str) -> bool {
        let Some(list) = words::list(name.trim_end_matches(|last: char| last.is_ascii_digit())) else { return false };
        let entry = *pick(self.rng, list);
        if !name.ends_with(|last: char| last.is_ascii_digit()) {
            self.expand(entry);
            return true;
        }
        if !self.remembered.contains_key(name) {
            let drawn = fill(self.rng, entry);
            self.remembered.insert(name.to_owned(), drawn);
        }
        let known = self.remembered.get(name).cloned().unwrap_or_default();
        self.text(&known);
        true
    }
}

/// Splits the text behind an opening brace at the brace that closes it.
fn matching_brace(body: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (index, character) in body.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some((&body[..index], &body[index + 1..])),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parts between the bars that stand in no braces of their own.
fn alternatives(directive: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (index, character) in directive.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '|' if depth == 0 => {
                parts.push(&directive[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&directive[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn check(template: &str, allowed: &[&str]) {
        for seed in 0..50 {
            let text = fill(&mut SmallRng::seed_from_u64(seed), template);
            assert!(allowed.contains(&text.as_str()), "{template}: {text}");
        }
    }

    #[test]
    fn expands_directives_and_keeps_other_braces() {
        check("plain", &["plain"]);
        check("{a|b{c|}}", &["a", "b", "bc"]);
        check("{\"n\": {3-4}}", &["{\"n\": 3}", "{\"n\": 4}"]);
        check("f({}) { return x || y } {unheard_of", &["f({}) { return x || y } {unheard_of"]);
    }

    #[test]
    fn remembers_numbered_words() {
        for seed in 0..50 {
            let text = fill(&mut SmallRng::seed_from_u64(seed), "{person1}/{person1}");
            let (first, second) = text.split_once('/').unwrap();
            assert!(first == second && !first.contains('{'), "{text}");
        }
    }

    #[test]
    fn escapes_by_character() {
        let mut out = String::new();
        Escape::Json.push("a \"b\"\n\\", &mut out);
        assert_eq!(serde_json::from_str::<String>(&format!("\"{out}\"")).unwrap(), "a \"b\"\n\\");
    }
}
