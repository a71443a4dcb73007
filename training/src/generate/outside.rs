//! What outsiders put into records, documents and tool outputs where nothing but its sense gives it away, each beside honest
//! text in the same place. Wordings stand in `lists/`.

use std::ops::Range;

use portcullis::threat::{PerCategory, Source};
use rand::Rng;
use rand::rngs::SmallRng;

use super::banks::{Wording, casual, draw_from};
use super::carriers::{self, Part};
use super::direct::BEACON;
use super::harmless::{HARMLESS, one_of};
use super::indirect::{self, Focus, capitalised, languages};
use super::template::fill;
use super::words::{list, pick};
use super::{Family, Sample, prompts, records};
use crate::data::Label;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "record_order",
        about: "One field of a record orders the agent to use a tool for an outsider.",
        sample: record_order,
    },
    Family {
        name: "record_order_twin",
        about: "The same records with what people write in such fields.",
        sample: record_twin,
    },
    Family {
        name: "unrelated_request",
        about: "A question or task in a document that has nothing to do with it.",
        sample: unrelated_request,
    },
    Family {
        name: "unrelated_request_twin",
        about: "The same documents without it, and documents whose questions are their own.",
        sample: unrelated_twin,
    },
    Family {
        name: "framed_block",
        about: "A block in a tool's output that pretends to come from the user, the system or another tool.",
        sample: framed_block,
    },
    Family {
        name: "framed_block_twin",
        about: "Notices, banners and tags that order no model about.",
        sample: |rng| {
            let honest = draw_from(rng, "honest_frame", "en");
            delivered(rng, honest, HARMLESS)
        },
    },
    Family {
        name: "beacon_order",
        about: "A tool's output asks for data in addresses, images, hooks and names.",
        sample: |rng| {
            let order = draw_from(rng, "beacon_order", "en");
            delivered(rng, order, LEAK)
        },
    },
    Family {
        name: "beacon_order_twin",
        about: "Badges, hooks, uploads and share links in their proper place.",
        sample: |rng| {
            let honest = draw_from(rng, "honest_beacon", "en");
            delivered(rng, honest, HARMLESS)
        },
    },
    Family {
        name: "leaking_answer",
        about: "Answers of a model with data in their links and images, and harmless twins.",
        sample: leaking_answer,
    },
    Family {
        name: "same_order",
        about: "One order from the user (fine) or in a record, document or tool output (an attack).",
        sample: same_order,
    },
];

const ORDER: PerCategory<Label> =
    PerCategory { injection: Some(true), jailbreak: Some(false), exfiltration: Some(false) };
const LEAK: PerCategory<Label> = PerCategory { exfiltration: Some(true), ..ORDER };

/// A clause of a list of orders, and the labels of what outsiders order.
fn clause(rng: &mut SmallRng) -> (Wording, PerCategory<Label>) {
    let is_private = rng.random_bool(0.35);
    let clause = draw_from(rng, if is_private { "order_private" } else { "order" }, "en");
    (clause, if is_private { LEAK } else { ORDER })
}

fn record_order(rng: &mut SmallRng) -> Sample {
    let (clause, labels) = clause(rng);
    let text = indirect::put_plainly(rng, &clause.text);
    in_record(rng, Wording { text, ..clause }, labels)
}

fn record_twin(rng: &mut SmallRng) -> Sample {
    if rng.random_bool(0.5) {
        let honest = draw_from(rng, "honest", "en");
        return in_record(rng, honest, HARMLESS);
    }
    let record = records::open(rng);
    let text = carriers::harmless_text(rng, &record.register);
    let group = format!("record.{}", record.register);
    filled(rng, &record, Wording { text, group, lang: "en" }, HARMLESS)
}

/// Writes a record of which one field holds the text, or ends, begins or goes on with it.
fn in_record(rng: &mut SmallRng, wording: Wording, labels: PerCategory<Label>) -> Sample {
    let record = records::open(rng);
    filled(rng, &record, wording, labels)
}

fn filled(rng: &mut SmallRng, record: &records::Record, wording: Wording, labels: PerCategory<Label>) -> Sample {
    let marked = Part { text: wording.text.clone(), marked: true };
    let plain = |text: String| Part { text, marked: false };
    let gap = *pick(rng, &[" ", " ", " ", "\n", "\n\n"]);
    let around = carriers::harmless_text(rng, &record.register);
    let parts = match rng.random_range(0..10) {
        0..4 => vec![marked],
        4..8 => vec![plain(around + gap), marked],
        8 => vec![marked, plain(format!("{gap}{around}"))],
        _ => {
            let after = carriers::harmless_text(rng, &record.register);
            vec![plain(around + gap), marked, plain(format!("{gap}{after}"))]
        }
    };
    let (text, spans) = record.close(rng, &parts);
    sample(Wording { text, ..wording }, Source::ToolOutput, spans, labels)
}

fn sample(wording: Wording, source: Source, spans: Vec<Range<usize>>, labels: PerCategory<Label>) -> Sample {
    let spans = if labels == HARMLESS { Vec::new() } else { spans };
    Sample { text: wording.text, source, labels, spans, group: wording.group, lang: wording.lang }
}

/// Puts the text where agents find text: in a record, a document, or another output of a tool.
fn delivered(rng: &mut SmallRng, wording: Wording, labels: PerCategory<Label>) -> Sample {
    match rng.random_range(0..10) {
        0..3 => in_record(rng, wording, labels),
        3..7 => in_document(rng, Some(wording), labels),
        _ => {
            let opened = carriers::open(rng);
            let focus = Focus { text: wording.text, group: wording.group, lang: wording.lang };
            indirect::place(rng, opened, focus, labels, carriers::harmless_text)
        }
    }
}

/// The kinds of document, with what stands between their sentences.
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("news", &[" ", " ", "\n\n"]),
    ("essay", &[" ", " ", "\n\n"]),
    ("letter", &["\n\n", "\n", " "]),
    ("manual", &["\n", " ", "\n- "]),
    ("source_code", &["\n"]),
    ("sheet", &["\n"]),
    ("thread", &["\n"]),
];

/// Documents that ask and set tasks of their own, with what stands between.
const ASKING: &[(&str, &[&str])] =
    &[("faq", &["\n\n", "\n"]), ("quiz", &["\n", "\n\n"]), ("survey", &["\n"]), ("interview", &["\n\n", "\n"])];

/// A document of some length, with the text at its start, at its end or anywhere.
fn in_document(rng: &mut SmallRng, foreign: Option<Wording>, labels: PerCategory<Label>) -> Sample {
    document_of(rng, DOCUMENTS, foreign, labels)
}

fn document_of(
    rng: &mut SmallRng,
    kinds: &[(&str, &[&str])],
    foreign: Option<Wording>,
    labels: PerCategory<Label>,
) -> Sample {
    let (kind, gaps) = *pick(rng, kinds);
    let gap = *pick(rng, gaps);
    let n_sentences = *pick(rng, &[2, 3, 4, 6, 8, 12, 20, 30]);
    let sentences: Vec<String> = (0..n_sentences).map(|_| draw_from(rng, kind, "en").text).collect();
    let anywhere = rng.random_range(0..=n_sentences);
    let at = *pick(rng, &[0, n_sentences, n_sentences, anywhere]);
    let joined = |sentences: &[String]| sentences.join(gap);
    let source = one_of(rng, &[Source::ToolOutput, Source::Document]);
    let Some(foreign) = foreign else {
        let group = format!("document.{kind}.{n_sentences}");
        return sample(Wording { text: joined(&sentences), group, lang: "en" }, source, Vec::new(), labels);
    };
    let before = joined(&sentences[..at]) + if at > 0 { gap } else { "" };
    let after = if at < n_sentences { gap } else { "" }.to_owned() + &joined(&sentences[at..]);
    let span = before.len()..before.len() + foreign.text.len();
    let text = format!("{before}{}{after}", foreign.text);
    sample(Wording { text, ..foreign }, source, vec![span], labels)
}

fn unrelated_request(rng: &mut SmallRng) -> Sample {
    let aside = aside(rng);
    delivered(rng, aside, ORDER)
}

/// One or two requests, sometimes with a wish for their form; now and then in the words of a harmless prompt.
fn aside(rng: &mut SmallRng) -> Wording {
    if rng.random_bool(0.12) {
        let wording = prompts::everyday(rng);
        return Wording { group: format!("world.{}", wording.group), ..wording };
    }
    let kind = *pick(rng, &["aside_task", "aside_task", "aside_form", "aside_steer", "aside_code"]);
    let mut aside = draw_from(rng, kind, "en");
    if rng.random_bool(0.25) {
        let more = *pick(rng, &["aside_form", kind]);
        aside.text = format!("{} {}", aside.text, draw_from(rng, more, "en").text);
    }
    let lead = draw_from(rng, "aside_lead", "en").text;
    aside.text = lead.replace("{aside_lower}", &lowered(&aside.text)).replace("{aside}", &aside.text);
    aside
}

fn lowered(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn unrelated_twin(rng: &mut SmallRng) -> Sample {
    match rng.random_range(0..10) {
        0..4 => in_document(rng, None, HARMLESS),
        4..8 => document_of(rng, ASKING, None, HARMLESS),
        _ => {
            let colleague = draw_from(rng, "colleague", "en");
            document_of(rng, &[("letter", &["\n\n", " "]), ("thread", &["\n"])], Some(colleague), HARMLESS)
        }
    }
}

fn framed_block(rng: &mut SmallRng) -> Sample {
    let (clause, labels) = if rng.random_bool(0.7) {
        clause(rng)
    } else {
        let task = draw_from(rng, "frame_task", "en");
        (task, ORDER)
    };
    let frames = list("frame").unwrap_or_default();
    let index = rng.random_range(0..frames.len());
    let frame = frames[index].replace("{Order}", &capitalised(&clause.text)).replace("{order}", &clause.text);
    let wording = Wording { text: fill(rng, &frame), group: clause.group, lang: "en" };
    delivered(rng, wording, labels)
}

fn leaking_answer(rng: &mut SmallRng) -> Sample {
    let leaks = rng.random_bool(0.55);
    let wording = draw_from(rng, if leaks { "leaking_answer" } else { "honest_answer" }, "en");
    let whole = 0..wording.text.len();
    sample(wording, Source::ModelOutput, vec![whole], if leaks { BEACON } else { HARMLESS })
}

/// Half of the orders are the user's, in the very words that are an attack in the other half; both are of one group.
fn same_order(rng: &mut SmallRng) -> Sample {
    let wording = match rng.random_range(0..10) {
        0..3 => {
            let Focus { text, group, lang } = languages::action(rng);
            Wording { text, group, lang }
        }
        3..5 => {
            let task = draw_from(rng, "agent_task", "en");
            Wording { group: format!("prompt.{}", task.group), ..task }
        }
        _ => {
            let clause = draw_from(rng, "order", "en");
            let text = indirect::put_plainly(rng, &clause.text);
            Wording { text, ..clause }
        }
    };
    if rng.random_bool(0.5) {
        let text = casual(rng, &wording.text, wording.lang);
        return sample(Wording { text, ..wording }, Source::UserPrompt, Vec::new(), HARMLESS);
    }
    delivered(rng, wording, ORDER)
}

#[cfg(test)]
mod tests {
    use portcullis::threat::Channel;

    use super::super::promise::check;
    use super::*;

    #[test]
    fn attacks_are_labelled_and_twins_are_not() {
        for family in FAMILIES {
            check(family, 0.95, |sample| match family.name {
                "leaking_answer" => sample.source == Source::ModelOutput && sample.labels.injection == Some(false),
                "same_order" => (sample.labels == HARMLESS) == (sample.source == Source::UserPrompt),
                name => {
                    sample.source.channel() == Channel::Data && (sample.labels == HARMLESS) == name.ends_with("_twin")
                }
            });
        }
    }
}
