//! The little language in which the content banks are written. It knows nothing of attacks.
//!
//! Text stands for itself, except for what stands in braces:
//! - `{person}`: a random entry of that word list, itself a template; `{person1}` is drawn once and then remembered;
//! - `{now|today|}`: one of the alternatives, which may be empty and may hold braces in turn; `‹ now| today|›` is the same,
//!   for alternatives that begin with a space or a quotation mark;
//! - `{2-40}`: a number of that range;
//! - `{d4}`, `{h8}`, `{b20}`: that many decimal, hexadecimal or base64 characters;
//! - `{repeat:2-6:log_line}` and `{list:2-6:row}`: so many entries of a list, by lines, or by lines with commas between;
//! - `{slot:mail:json}`: a place for foreign text of the word list's register, escaped as its surroundings want it.
//!
//! Braces that hold anything else are kept, so that JSON and code can be written as they are.

use std::collections::HashMap;

use rand::Rng;
use rand::rngs::SmallRng;

use super::words::{self, List, pick};

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
    /// In a single-quoted string of Python.
    Python,
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
            (Self::Python, '\'') => out.push_str("\\'"),
            (Self::Json | Self::Python, '\\') => out.push_str("\\\\"),
            (Self::Json | Self::Python, '\n') => out.push_str("\\n"),
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
    fill_with(rng, template, &[])
}

/// Expands a template without slots; lists of its own go before the general ones of the same name.
pub fn fill_with(rng: &mut SmallRng, template: &str, own: &[List]) -> String {
    let text = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Slot(_) => String::new(),
    };
    expand_with(rng, template, own).into_iter().map(text).collect()
}

/// Expands a random one of the templates.
pub fn fill_one(rng: &mut SmallRng, templates: &[&str]) -> String {
    let template = *pick(rng, templates);
    fill(rng, template)
}

/// Expands a template. No two neighbours of the result are text.
pub fn expand(rng: &mut SmallRng, template: &str) -> Vec<Piece> {
    expand_with(rng, template, &[])
}

fn expand_with(rng: &mut SmallRng, template: &str, own: &[List]) -> Vec<Piece> {
    let mut expansion = Expansion { rng, own, remembered: HashMap::new(), pieces: Vec::new() };
    expansion.expand(template);
    expansion.pieces
}

struct Expansion<'a> {
    rng: &'a mut SmallRng,
    own: &'a [List],
    /// The draws of the names that end in a digit.
    remembered: HashMap<String, String>,
    pieces: Vec<Piece>,
}

impl Expansion<'_> {
    fn expand(&mut self, template: &str) {
        let mut rest = template;
        while let Some(start) = rest.find(['{', '‹']) {
            let (before, opened) = rest.split_at(start);
            self.text(before);
            let is_choice = opened.starts_with('‹');
            let (bracket, body) = opened.split_at(if is_choice { '‹'.len_utf8() } else { 1 });
            rest = match closing_bracket(body) {
                Some((choice, after)) if is_choice => {
                    self.one_of(&alternatives(choice));
                    after
                }
                Some((directive, after)) if self.directive(directive) => after,
                _ => {
                    self.text(bracket);
                    body
                }
            };
        }
        self.text(rest);
    }

    fn one_of(&mut self, templates: &[&str]) {
        let template = *pick(self.rng, templates);
        self.expand(template);
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
            self.one_of(&alternatives);
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
        let (Some(count), Some(list)) = (self.number(count), self.list(name)) else { return false };
        for index in 0..count {
            if index > 0 {
                self.text(separator);
            }
            self.one_of(list);
        }
        true
    }

    /// The template's own list of that name, or the general one.
    fn list(&self, name: &str) -> Option<&'static [&'static str]> {
        let own = self.own.iter().find(|(own, _)| *own == name);
        own.map(|(_, entries)| *entries).or_else(|| words::list(name))
    }

    fn word(&mut self, name: &str) -> bool {
        let Some(list) = self.list(name.trim_end_matches(|last: char| last.is_ascii_digit())) else {
            return self.characters(name);
        };
        if !name.ends_with(|last: char| last.is_ascii_digit()) {
            self.one_of(list);
            return true;
        }
        if !self.remembered.contains_key(name) {
            let entry = *pick(self.rng, list);
            let drawn = fill_with(self.rng, entry, self.own);
            self.remembered.insert(name.to_owned(), drawn);
        }
        let known = self.remembered.get(name).cloned().unwrap_or_default();
        self.text(&known);
        true
    }

    /// Draws as many characters as the name's number says from the alphabet that its letter stands for.
    fn characters(&mut self, name: &str) -> bool {
        let alphabet: &[u8] = match name.chars().next() {
            Some('d') => b"0123456789",
            Some('h') => b"0123456789abcdef",
            Some('b') => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            _ => return false,
        };
        let Ok(n_characters) = name[1..].parse::<usize>() else { return false };
        let first = usize::from(name.starts_with('d')); // Numbers begin with no zero.
        for at in 0..n_characters {
            let drawn = self.rng.random_range(if at == 0 { first } else { 0 }..alphabet.len());
            self.text(&char::from(alphabet[drawn]).to_string());
        }
        true
    }
}

/// Splits the text behind an opening bracket at the one that closes it.
fn closing_bracket(body: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (index, character) in body.char_indices() {
        match character {
            '{' | '‹' => depth += 1,
            '}' | '›' if depth == 0 => return Some((&body[..index], &body[index + character.len_utf8()..])),
            '}' | '›' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parts between the bars that stand in no brackets of their own.
fn alternatives(directive: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (index, character) in directive.char_indices() {
        match character {
            '{' | '‹' => depth += 1,
            '}' | '›' => depth -= 1,
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
        check("‹a| b‹c|{d|}››", &["a", " bc", " bd", " b"]);
        check("{\"n\": {3-4}}", &["{\"n\": 3}", "{\"n\": 4}"]);
        check("f({}) { return x || y } {unheard_of", &["f({}) { return x || y } {unheard_of"]);
    }

    #[test]
    fn own_lists_go_before_the_general_ones() {
        let own: &[List] = &[("person", &["{animal}"]), ("animal", &["cat", "‹big|small› dog"])];
        for seed in 0..50 {
            let text = fill_with(&mut SmallRng::seed_from_u64(seed), "{person}", own);
            assert!(["cat", "big dog", "small dog"].contains(&text.as_str()), "{text}");
        }
    }

    #[test]
    fn characters_have_the_asked_length() {
        let text = fill(&mut SmallRng::seed_from_u64(1), "{d4}{h8}{b20}");
        assert_eq!(text.len(), 32);
        assert!(text[..4].bytes().all(|byte| byte.is_ascii_digit()));
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
