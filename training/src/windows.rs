//! From examples to training windows: one window an example and epoch, cut by the tokenizer that serves.

use std::ops::Range;

use anyhow::Result;
use portcullis::decode::Budget;
use portcullis::pipeline::{Content, View, views};
use portcullis::threat::{Category, Channel, PerCategory};
use portcullis::tokenize::{Tokenizer, Window, WindowLayout};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::attack::{Attack, Disguise};
use crate::data::{Example, Label, hash};

/// Tokens in common from which a window counts as holding a span.
const MIN_SPAN_SHARE: f64 = 0.5;

/// One window with its labels.
#[derive(Clone, Debug)]
pub struct LabelledWindow {
    pub ids: Vec<u32>,
    pub channel: Channel,
    pub labels: PerCategory<Label>,
    /// Of each id: is the token part of an attack? Unknown for special tokens, and where the attack's place is.
    pub token_labels: Vec<Label>,
}

impl LabelledWindow {
    /// The categories' labels, in the order of the head's outputs.
    pub fn categories(&self) -> impl Iterator<Item = Label> {
        Category::ALL.into_iter().map(|category| *self.labels.get(category))
    }
}

/// How an epoch's windows are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub layout: WindowLayout,
    /// The share of examples that are disguised before they are read.
    pub disguise_share: f64,
    pub seed: u64,
}

impl Cut {
    /// Chooses the window of an example that an epoch trains on, in any view of it that the server reads. Where the
    /// attack's place is known, a window that holds it; in an attack of unknown place, the first of the longest view, where
    /// jailbreaks announce themselves and a disguise leaves no more than a word in sight; in a harmless text, any.
    pub fn choose(self, example: &Example, tokenizer: &Tokenizer) -> Result<LabelledWindow> {
        let mut rng = SmallRng::seed_from_u64(hash((self.seed, &example.id)));
        if rng.random::<f64>() < self.disguise_share {
            return self.window(&disguised(example, &mut rng), tokenizer, &mut rng);
        }
        self.window(example, tokenizer, &mut rng)
    }

    fn window(self, example: &Example, tokenizer: &Tokenizer, rng: &mut SmallRng) -> Result<LabelledWindow> {
        let read = views(&Content::Text(example.text.clone()), &mut Budget::for_request(example.text.len()));
        let of_views = read
            .views
            .iter()
            .map(|view| Candidate::all_of(view, example, tokenizer, self.layout))
            .collect::<Result<Vec<_>>>()?;
        let longest = read.views.iter().zip(&of_views).rev().max_by_key(|(view, _)| view.text.text.len());
        let first_of_longest = longest.and_then(|(_, candidates)| candidates.first());
        let candidates: Vec<&Candidate> = of_views.iter().flatten().collect();
        let holding: Vec<&Candidate> = candidates.iter().copied().filter(|candidate| candidate.holds_span).collect();
        let chosen = if !holding.is_empty() {
            holding.choose(rng).copied()
        } else if example.is_attack() {
            first_of_longest
        } else {
            candidates.choose(rng).copied()
        };
        let Candidate { window, token_labels, .. } =
            chosen.ok_or_else(|| anyhow::anyhow!("a text without a window"))?;
        Ok(LabelledWindow {
            ids: window.ids.clone(),
            channel: example.source.channel(),
            labels: example.labels,
            token_labels: token_labels.clone(),
        })
    }
}

/// A window that could be trained on.
#[derive(Clone, Debug)]
struct Candidate {
    window: Window,
    holds_span: bool,
    token_labels: Vec<Label>,
}

impl Candidate {
    /// The windows of a view that the server scores.
    fn all_of(view: &View, example: &Example, tokenizer: &Tokenizer, layout: WindowLayout) -> Result<Vec<Self>> {
        let read = tokenizer.windows(&view.text.text, layout);
        let places: Vec<_> = read.tokens.iter().map(|token| view.text.map.to_original(token.clone())).collect();
        let candidate = |window: Window| {
            let tokens = &places[window.tokens.clone()];
            let mut token_labels = vec![None];
            token_labels.extend(tokens.iter().map(|token| token_label(example, token)));
            token_labels.push(None);
            Self { holds_span: example.spans.iter().any(|span| is_held(span, tokens)), token_labels, window }
        };
        Ok(read.windows.into_iter().filter(|window| view.owns(&window.range)).map(candidate).collect())
    }
}

/// True if tokens read a good part of a span, or are for a good part of it. Not their range, since what stands between them
/// may be hidden from their view.
fn is_held(span: &Range<usize>, tokens: &[Range<usize>]) -> bool {
    let (mut n_read, mut n_held, mut end) = (0, 0, 0);
    for token in tokens {
        let new = token.start.max(end)..token.end;
        n_read += new.len();
        n_held += overlap(&new, span);
        end = end.max(token.end);
    }
    n_held > 0 && n_held as f64 >= MIN_SPAN_SHARE * span.len().min(n_read) as f64
}

/// Whether a token of an example is part of an attack. Known where the spans are, and in harmless texts.
fn token_label(example: &Example, token: &Range<usize>) -> Label {
    if example.is_harmless() {
        Some(false)
    } else if example.spans.is_empty() {
        None
    } else {
        Some(example.spans.iter().any(|span| overlap(token, span) > 0))
    }
}

/// Bytes in common.
fn overlap(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

/// The example under a random character attack or two. Encodings are left out: what they leave is one view more.
fn disguised(example: &Example, rng: &mut SmallRng) -> Example {
    let disguises: Vec<Disguise> = Disguise::ALL.into_iter().filter(|disguise| !disguise.is_encoding()).collect();
    let pair = if rng.random() { Attack::pair(&disguises, rng) } else { None };
    let attack = pair.or_else(|| disguises.choose(rng).map(|disguise| Attack::from(*disguise)));
    let Some(attack) = attack else { return example.clone() };
    let (text, spans) = attack.apply(&example.text, &example.spans, rng);
    Example { text, spans, ..example.clone() }
}
