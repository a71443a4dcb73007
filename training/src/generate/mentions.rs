//! Texts that quote attacks and attack nobody: advisories, tests, papers, write-ups. What is quoted is one of the attacks that
//! other families make in earnest, so that only the mention tells them apart. Frames stand in `lists/mentions.txt`.

use portcullis::threat::Source;
use rand::Rng;
use rand::rngs::SmallRng;

use super::banks::{Wording, draw_from};
use super::harmless::{harmless, one_of};
use super::indirect;
use super::words::pick;
use super::{Family, Sample};

pub const FAMILIES: &[Family] = &[
    Family {
        name: "quoted_attacks",
        about: "Documents that quote attacks: advisories, tests, papers, guides, write-ups.",
        sample: quoted,
    },
    Family {
        name: "quoted_attacks_asked",
        about: "Users who ask about a quoted attack, to explain, sort or fend it off.",
        sample: |rng| {
            let wording = with_quotes(rng, "mention_question");
            harmless("mention", Source::UserPrompt, wording)
        },
    },
];

/// One to three frames below each other, sometimes with neutral text of the trade around them.
fn quoted(rng: &mut SmallRng) -> Sample {
    let mut wording = with_quotes(rng, "mention");
    for _ in 0..*pick(rng, &[0, 0, 1, 2]) {
        let next = with_quotes(rng, "mention");
        wording.text = format!("{}\n\n{}", wording.text, next.text);
    }
    if rng.random_bool(0.5) {
        wording.text = format!("{}\n\n{}", draw_from(rng, "mention_lead", "en").text, wording.text);
    }
    if rng.random_bool(0.3) {
        wording.text = format!("{}\n\n{}", wording.text, draw_from(rng, "mention_lead", "en").text);
    }
    let source = one_of(rng, &[Source::ToolOutput, Source::Document, Source::Document, Source::ModelOutput]);
    harmless("mention", source, wording)
}

/// Fills a frame, each `{quote}` with an attack of its own.
fn with_quotes(rng: &mut SmallRng, name: &str) -> Wording {
    let mut wording = draw_from(rng, name, "en");
    while wording.text.contains("{quote}") {
        let attack = indirect::any_attack(rng).text.trim().replace('\n', " ");
        wording.text = wording.text.replacen("{quote}", &attack, 1);
    }
    wording
}

#[cfg(test)]
mod tests {
    use super::super::harmless::HARMLESS;
    use super::super::promise::check;
    use super::*;

    #[test]
    fn quotes_are_harmless_and_filled() {
        for family in FAMILIES {
            check(family, 0.95, |sample| sample.labels == HARMLESS && !sample.text.contains("{quote}"));
        }
    }
}
