//! From examples to training windows: one window an example and epoch, cut by the tokenizer that serves.

use anyhow::Result;
use portcullis::canonical::canonicalize;
use portcullis::threat::{Channel, PerCategory};
use portcullis::tokenize::{Tokenizer, WindowLayout};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::data::{Example, Label, hash};

/// Tokens in common from which a window counts as holding a span.
const MIN_SPAN_SHARE: f64 = 0.5;

/// One window with its labels.
#[derive(Clone, Debug)]
pub struct LabelledWindow {
    pub ids: Vec<u32>,
    pub channel: Channel,
    pub labels: PerCategory<Label>,
}

/// Chooses the window of an example that an epoch trains on. Where the attack's place is known, a window that holds it;
/// in an attack of unknown place, the first, where jailbreaks announce themselves; in a harmless text, any.
pub fn choose(example: &Example, tokenizer: &Tokenizer, layout: WindowLayout, seed: u64) -> Result<LabelledWindow> {
    let mut rng = SmallRng::seed_from_u64(hash((seed, &example.id)));
    let canonical = canonicalize(&example.text);
    let windows = tokenizer.windows(&canonical.text, layout)?.windows;
    let holding: Vec<usize> = windows
        .iter()
        .enumerate()
        .filter(|(_, window)| {
            let read = canonical.map.to_original(window.range.clone());
            example.spans.iter().any(|span| {
                let common = read.end.min(span.end).saturating_sub(read.start.max(span.start));
                common as f64 >= MIN_SPAN_SHARE * span.len().min(read.len()) as f64
            })
        })
        .map(|(index, _)| index)
        .collect();
    let index = if !holding.is_empty() {
        holding[rng.random_range(0..holding.len())]
    } else if example.is_attack() {
        0
    } else {
        rng.random_range(0..windows.len())
    };
    Ok(LabelledWindow { ids: windows[index].ids.clone(), channel: example.source.channel(), labels: example.labels })
}
