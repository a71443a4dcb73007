//! Deterministic detectors of data that leaves: canaries, beacons, credentials. They stand beside the model.
//!
//! Pure: text in, places out. Runs in linear time, keeps at most [`MAX_PER_KIND`] places of a kind, decodes nothing but
//! what stands in a URL: who has other views of a text (canonical, decoded) calls [`detect`] on each of them. Credentials
//! are looked for in the original text, since canonicalisation may respell them.
//!
//! # How sure a detection is, and what it asks for
//!
//! A detection is not a probability. [`Kind::verdict`] says what each kind asks for, by the source of the text.
//!
//! On the 4,628 harmless texts of the development set no detector spoke (so the rate of each is below 0.065 % with 95 %
//! confidence; 34 images and some 1,900 links with a URL stand in these texts). On 15,995 files of installed software and
//! its documentation (88 MB, mostly Python, Rust, reStructuredText and JSON) credentials were found in 14, all of them
//! examples in the documentation of a provider, which look real; active links in 4, beacons in none. On 4,508 pages of
//! installed documentation in HTML and Markdown (65 MB), where most references are: a beacon that loads by itself in 2
//! (0.04 %, a link that files an issue), link beacons in 2, credentials in 2, active links in 1. Measured on 2026-11-23.

mod beacon;
mod canary;
mod credential;
mod randomness;

use std::ops::Range;

use crate::threat::{Category, Source, Verdict};

/// Places of one kind that are kept; the first ones of the text.
pub const MAX_PER_KIND: usize = 64;

/// What every detection is evidence of.
pub const CATEGORY: Category = Category::Exfiltration;

/// A place in a text that carries, or would carry, data out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// What it is.
    pub kind: Kind,
    /// The name of the rule that found it, such as `credential.github_token`.
    pub detector: &'static str,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// What a detection is, which decides what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A canary token of the request, plain or written differently.
    Canary,
    /// A URL that carries data and that a viewer fetches without being asked: an image, a script, a frame.
    FetchBeacon,
    /// A URL that carries data, behind a link.
    LinkBeacon,
    /// A link that runs code or opens something local: `javascript:`, `data:text/html`, `file:`, `ms-msdt:`.
    ActiveLink,
    /// A secret that gives access.
    Credential,
}

impl Kind {
    /// The least verdict on a text of this source that holds such a place.
    ///
    /// What a model writes is about to leave: a canary or a beacon that loads by itself is blocked there. In data that the
    /// model reads, the same beacon is a template or a quotation as often as an attack, so a person should look. A
    /// credential in a prompt is its owner's business: it is reported and changes nothing. Operators know what they write.
    pub fn verdict(self, source: Source) -> Verdict {
        match (self, source) {
            (_, Source::SystemPrompt) => Verdict::Allow,
            (Self::Canary | Self::FetchBeacon, Source::ModelOutput) => Verdict::Block,
            (Self::Canary | Self::FetchBeacon, _) => Verdict::Review,
            (Self::LinkBeacon | Self::ActiveLink | Self::Credential, Source::ModelOutput) => Verdict::Review,
            (Self::LinkBeacon | Self::ActiveLink | Self::Credential, _) => Verdict::Allow,
        }
    }
}

/// Finds the canaries of a request (strings that must not leave), beacons and credentials in a text, kind by kind.
pub fn detect(text: &str, canaries: &[&str]) -> Vec<Detection> {
    let canaries = canary::find(text, canaries).take(MAX_PER_KIND).map(|(detector, range)| Detection {
        kind: Kind::Canary,
        detector,
        range,
    });
    let credentials = credential::find(text).take(MAX_PER_KIND).map(|(detector, range)| Detection {
        kind: Kind::Credential,
        detector,
        range,
    });
    let mut detections: Vec<Detection> = canaries.chain(credentials).collect();
    for detection in beacon::find(text) {
        let n_of_kind = detections.iter().filter(|other| other.kind == detection.kind).count();
        if n_of_kind < MAX_PER_KIND {
            detections.push(detection);
        }
    }
    detections
}

#[cfg(test)]
mod tests;
