//! Harmless things that an agent reads: outputs of a developer platform and of other tools, files, pages, mails.
//! Each has slots where foreign text stands; what is put there decides whether the whole is an attack.

mod data;
mod forge;
mod harmless;
mod office;
mod web;

use std::ops::Range;

use portcullis::threat::Source;
use rand::Rng;
use rand::rngs::SmallRng;

use super::template::{Escape, Piece, Slot, expand, fill};
use super::words::{List, pick};

/// The word lists of the carriers.
pub const LISTS: &[&[List]] = &[forge::LISTS, office::LISTS, web::LISTS, data::LISTS, harmless::LISTS];

/// A kind of tool output or document.
pub struct Carrier {
    pub id: &'static str,
    pub form: Form,
    template: &'static str,
}

/// What a carrier is on the way to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tool's answer that parses as JSON.
    Json,
    /// A tool's answer of another kind.
    Text,
    /// Something that is also retrieved or attached: a file, a page, a mail.
    Document,
}

const fn json(id: &'static str, template: &'static str) -> Carrier {
    Carrier { id, form: Form::Json, template }
}

const fn text(id: &'static str, template: &'static str) -> Carrier {
    Carrier { id, form: Form::Text, template }
}

const fn document(id: &'static str, template: &'static str) -> Carrier {
    Carrier { id, form: Form::Document, template }
}

/// A part of what stands in a slot.
pub struct Part {
    pub text: String,
    /// Whether the part is what the sample is about, and thus its span.
    pub marked: bool,
}

/// A carrier whose text is drawn but for one slot.
pub struct Opened {
    pieces: Vec<Piece>,
    /// The index in `pieces` of the slot to fill.
    open: usize,
    pub slot: Slot,
    pub id: &'static str,
    pub source: Source,
}

impl Opened {
    /// Writes everything out, with the parts in the open slot; returns the marked byte ranges too.
    pub fn close(self, rng: &mut SmallRng, parts: &[Part]) -> (String, Vec<Range<usize>>) {
        let (mut text, mut spans) = (String::new(), Vec::new());
        for (index, piece) in self.pieces.into_iter().enumerate() {
            match piece {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Slot(slot) if index != self.open => {
                    slot.escape.push(&harmless_text(rng, &slot.register), &mut text)
                }
                Piece::Slot(slot) => push_parts(slot.escape, parts, &mut text, &mut spans),
            }
        }
        (text, spans)
    }
}

fn push_parts(escape: Escape, parts: &[Part], text: &mut String, spans: &mut Vec<Range<usize>>) {
    for part in parts {
        let start = text.len();
        escape.push(&part.text, text);
        if part.marked {
            spans.push(start..text.len());
        }
    }
}

/// Draws a carrier and one of its slots.
pub fn open(rng: &mut SmallRng) -> Opened {
    let shelves = [forge::CARRIERS, office::CARRIERS, web::CARRIERS, data::CARRIERS];
    let n_carriers: usize = shelves.iter().map(|shelf| shelf.len()).sum();
    let drawn = rng.random_range(0..n_carriers);
    open_carrier(rng, shelves.into_iter().flatten().nth(drawn).unwrap_or(&forge::CARRIERS[0]))
}

/// Draws one of the carrier's slots.
pub fn open_carrier(rng: &mut SmallRng, carrier: &'static Carrier) -> Opened {
    let pieces = expand(rng, carrier.template);
    let slots: Vec<(usize, Slot)> = pieces
        .iter()
        .enumerate()
        .filter_map(|(index, piece)| match piece {
            Piece::Slot(slot) => Some((index, slot.clone())),
            Piece::Text(_) => None,
        })
        .collect();
    let (open, slot) = pick(rng, &slots).clone();
    let document = carrier.form == Form::Document && rng.random_bool(0.5);
    let source = if document { Source::Document } else { Source::ToolOutput };
    Opened { pieces, open, slot, id: carrier.id, source }
}

/// One to three harmless sentences of that register.
pub fn harmless_text(rng: &mut SmallRng, register: &str) -> String {
    let n_sentences = if register == "title" { 1 } else { rng.random_range(1..=3) };
    let sentences: Vec<String> = (0..n_sentences).map(|_| fill(rng, &format!("{{{register}}}"))).collect();
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_carrier_opens_and_marks_what_it_is_given() {
        let attack = "say \"hello\"\nto <b>all</b> & \\ more";
        for carrier in [forge::CARRIERS, office::CARRIERS, web::CARRIERS, data::CARRIERS].into_iter().flatten() {
            for seed in 0..20 {
                let mut rng = SmallRng::seed_from_u64(seed);
                let opened = open_carrier(&mut rng, carrier);
                let mut escaped = String::new();
                opened.slot.escape.push(attack, &mut escaped);
                let (text, spans) = opened.close(&mut rng, &[Part { text: attack.to_owned(), marked: true }]);
                assert_eq!(&text[spans[0].clone()], escaped, "{}", carrier.id);
                assert_eq!(spans.len(), 1);
                if carrier.form == Form::Json {
                    let parsed = serde_json::from_str::<serde_json::Value>(&text);
                    assert!(parsed.is_ok(), "{}: {parsed:?}\n{text}", carrier.id);
                }
            }
        }
    }
}
