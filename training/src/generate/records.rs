//! Records as tools return them, written in the formats of APIs, shells and tables. It knows nothing of labels.

use std::ops::Range;

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::carriers::{self, Part};
use super::template::{Escape, fill};
use super::words::{list, pick};

/// A record whose fields are drawn but for one, which holds foreign text.
pub struct Record {
    kind: String,
    fields: Vec<(String, Value)>,
    /// The list of harmless texts that are at home in the open field.
    pub register: String,
}

enum Value {
    Drawn(String),
    Open,
}

/// How a record is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json { is_pretty: bool },
    Python,
    Yaml,
    Lines,
    Xml,
    Table { separator: char },
}

const FORMATS: &[Format] = &[
    Format::Json { is_pretty: false },
    Format::Json { is_pretty: false },
    Format::Json { is_pretty: true },
    Format::Python,
    Format::Python,
    Format::Yaml,
    Format::Lines,
    Format::Xml,
    Format::Table { separator: ',' },
    Format::Table { separator: '\t' },
];

/// Draws a kind of record and its fields; some are left out, as APIs do.
pub fn open(rng: &mut SmallRng) -> Record {
    let kinds = list("record_kind").unwrap_or_default();
    let mut parts = pick(rng, kinds).split(" ~ ");
    let kind = parts.next().unwrap_or_default().to_owned();
    let (mut fields, mut register) = (Vec::new(), String::new());
    for (name, value) in parts.filter_map(|field| field.split_once('=')) {
        if let Some(name) = name.strip_prefix('*') {
            register = value.to_owned();
            fields.push((name.to_owned(), Value::Open));
        } else if rng.random_bool(0.85) {
            fields.push((name.to_owned(), Value::Drawn(fill(rng, value))));
        }
    }
    if rng.random_bool(0.3) {
        fields.shuffle(rng);
    }
    Record { kind, fields, register }
}

impl Record {
    /// Writes the record with the parts in its open field, now and then in an envelope or beside another record of its
    /// kind; returns the marked byte ranges too.
    pub fn close(&self, rng: &mut SmallRng, parts: &[Part]) -> (String, Vec<Range<usize>>) {
        let format = *pick(rng, FORMATS);
        let mut page = Page::default();
        let neighbour = [Part { text: carriers::harmless_text(rng, &self.register), marked: false }];
        let (before, after) = envelope(rng, format, &self.kind);
        page.push(&before);
        let rows = if rng.random_bool(0.3) { vec![&neighbour[..], parts] } else { vec![parts] };
        self.write(format, &rows, &mut page);
        page.push(&after);
        (page.text, page.spans)
    }

    fn write(&self, format: Format, rows: &[&[Part]], page: &mut Page) {
        if let Format::Table { separator } = format {
            let names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
            page.push(&names.join(&separator.to_string()));
        }
        let is_list = rows.len() > 1 && matches!(format, Format::Json { .. } | Format::Python);
        page.push(if is_list { "[" } else { "" });
        for (index, row) in rows.iter().enumerate() {
            page.push(match format {
                Format::Json { .. } | Format::Python if index > 0 => ", ",
                Format::Table { .. } => "\n",
                _ if index > 0 => "\n\n",
                _ => "",
            });
            self.write_row(format, row, page);
        }
        page.push(if is_list { "]" } else { "" });
    }

    fn write_row(&self, format: Format, parts: &[Part], page: &mut Page) {
        let (open, between, close) = match format {
            Format::Json { is_pretty: false } | Format::Python => ("{", ", ".to_owned(), "}".to_owned()),
            Format::Json { is_pretty: true } => ("{\n  ", ",\n  ".to_owned(), "\n}".to_owned()),
            Format::Yaml | Format::Lines => ("", "\n".to_owned(), String::new()),
            Format::Xml => ("", "\n  ".to_owned(), format!("\n</{}>", self.kind)),
            Format::Table { separator } => ("", separator.to_string(), String::new()),
        };
        page.push(open);
        if format == Format::Xml {
            page.push(&format!("<{}>\n  ", self.kind));
        }
        for (index, (name, value)) in self.fields.iter().enumerate() {
            page.push(if index > 0 { &between } else { "" });
            match value {
                Value::Open => page.field(format, name, true, parts),
                Value::Drawn(text) => {
                    // Digits with an `e` among them are an identifier, not a number.
                    let is_number = !text.contains(char::is_alphabetic) && text.parse::<f64>().is_ok();
                    let is_word = !is_number && !["true", "false"].contains(&text.as_str());
                    page.field(format, name, is_word, &[Part { text: text.clone(), marked: false }]);
                }
            }
        }
        page.push(&close);
    }
}

/// Text as it grows, with the places of what is marked in it.
#[derive(Default)]
struct Page {
    text: String,
    spans: Vec<Range<usize>>,
}

impl Page {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn field(&mut self, format: Format, name: &str, is_word: bool, parts: &[Part]) {
        let (before, escape, after) = match format {
            Format::Json { .. } if is_word => (format!("\"{name}\": \""), Escape::Json, "\"".to_owned()),
            Format::Json { .. } => (format!("\"{name}\": "), Escape::Json, String::new()),
            Format::Python if is_word => (format!("'{name}': '"), Escape::Python, "'".to_owned()),
            Format::Python => (format!("'{name}': "), Escape::Python, String::new()),
            Format::Yaml if parts.iter().any(|part| part.text.contains([':', '#', '\n'])) => {
                (format!("{name}: \""), Escape::Json, "\"".to_owned())
            }
            Format::Yaml | Format::Lines => (format!("{name}: "), Escape::None, String::new()),
            Format::Xml => (format!("<{name}>"), Escape::Html, format!("</{name}>")),
            Format::Table { separator: ',' } if parts.iter().any(|part| part.text.contains([',', '"', '\n'])) => {
                ("\"".to_owned(), Escape::Csv, "\"".to_owned())
            }
            Format::Table { .. } => (String::new(), Escape::Line, String::new()),
        };
        self.push(&before);
        for part in parts {
            let start = self.text.len();
            escape.push(&part.text, &mut self.text);
            if part.marked {
                self.spans.push(start..self.text.len());
            }
        }
        self.push(&after);
    }
}

/// What a tool writes around the record.
fn envelope(rng: &mut SmallRng, format: Format, kind: &str) -> (String, String) {
    let none = (String::new(), String::new());
    match format {
        _ if rng.random_bool(0.6) => none,
        Format::Json { .. } => (format!("{{\"status\": \"ok\", \"{kind}\": "), "}".to_owned()),
        Format::Python => (format!("{{'success': True, '{kind}': "), "}".to_owned()),
        Format::Xml => (fill(rng, "{<?xml version=\"1.0\"?>\n|<!-- 1 result -->\n}"), String::new()),
        Format::Yaml | Format::Lines => (
            fill(rng, "{Result:|1 result found|# get_|---|Tool output:}").replace("get_", &format!("get_{kind}"))
                + "\n",
            String::new(),
        ),
        Format::Table { .. } => none,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn open_fields_hold_what_they_are_given() {
        let attack = "don't \"stop\"\nhere, <b>now</b> & \\ then";
        for seed in 0..400 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let record = open(&mut rng);
            let (text, spans) = record.close(&mut rng, &[Part { text: attack.to_owned(), marked: true }]);
            let marked: &str = &text[spans[0].clone()];
            assert!(marked.starts_with("don") && marked.ends_with("then") && spans.len() == 1, "{text}");
            if text.starts_with("{\"") || text.starts_with("{\n") || text.starts_with("[{\"") {
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
            }
            assert!(list(&record.register).is_some(), "{}", record.register);
        }
    }
}
