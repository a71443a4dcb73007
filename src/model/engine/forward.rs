//! The packed forward pass: windows end to end, without padding, every state in buffers that are used again.
//!
//! What a token needs of others is their keys and values alone. A block of tokens is therefore taken from one attention to
//! the next by one thread, and blocks that share a window meet once a layer, where keys and values are exchanged.

use std::time::Duration;

use portcullis_kernels::attention::{self, KeyValues};
use portcullis_kernels::gemm::{PANEL, Rows, RowsMut, padded};
use portcullis_kernels::{Isa, gelu, layer_norm};

use super::plan::{PackPlan, Segment};
use super::weights::{Arithmetic, Codes, PackedLayer, PackedLinear, PackedNorm, PackedWeights};
use crate::model::Detail;
use crate::threat::Channel;

/// Rows that go through the feed-forward layers together: their widest states fit the second-level cache.
const CHUNK: usize = 48;

/// What all threads share in a pass.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) weights: &'a PackedWeights,
    pub(super) arithmetic: Arithmetic,
    pub(super) isa: Isa,
    pub(super) windows: &'a [(&'a [u32], Channel)],
    pub(super) detail: Detail,
}

/// Where a pass spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Look-up of embeddings with their norm.
    Embedding,
    /// Quantising or rounding activations.
    Quantise,
    /// Queries, keys and values.
    Projection,
    /// Laying out keys and values, scores, softmax, mixing.
    Attention,
    /// Attention's output map.
    AttentionOutput,
    /// The first feed-forward map.
    Intermediate,
    /// GELU, with the quantising or rounding of its result.
    Gelu,
    /// The second feed-forward map.
    Output,
    /// Residual sums and layer norms.
    Norm,
    /// The heads.
    Heads,
}

impl Stage {
    /// All stages, in the order of a pass.
    pub const ALL: [Self; 10] = [
        Self::Embedding,
        Self::Quantise,
        Self::Projection,
        Self::Attention,
        Self::AttentionOutput,
        Self::Intermediate,
        Self::Gelu,
        Self::Output,
        Self::Norm,
        Self::Heads,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Quantise => "quantise",
            Self::Projection => "qkv",
            Self::Attention => "attention",
            Self::AttentionOutput => "attention output",
            Self::Intermediate => "ffn 1",
            Self::Gelu => "gelu + quantise",
            Self::Output => "ffn 2",
            Self::Norm => "residual + norm",
            Self::Heads => "heads",
        }
    }
}

/// Time by stage, if somebody gave a clock.
#[derive(Debug, Default)]
pub(super) struct Laps {
    now: Option<fn() -> Duration>,
    last: Duration,
    totals: [Duration; Stage::ALL.len()],
}

impl Laps {
    /// Forgets what was measured, and measures from now on by this clock.
    pub(super) fn set_clock(&mut self, now: Option<fn() -> Duration>) {
        *self = Self { now, ..Self::default() };
        self.begin();
    }

    pub(super) fn total(&self, stage: Stage) -> Duration {
        self.totals.get(stage as usize).copied().unwrap_or_default()
    }

    /// What passed since the last lap was nobody's: a thread has waited.
    fn begin(&mut self) {
        self.last = self.now.map(|now| now()).unwrap_or_default();
    }

    /// The time since the last lap was the stage's.
    fn lap(&mut self, stage: Stage) {
        let Some(now) = self.now else { return };
        let (now, last) = (now(), self.last);
        if let Some(total) = self.totals.get_mut(stage as usize) {
            *total += now.saturating_sub(last);
        }
        self.last = now;
    }
}

/// A thread's buffers.
#[derive(Debug)]
pub(super) struct Space {
    codes: Codes,
    /// Rows as wide as keys and values, or as the feed-forward layer.
    wide: Vec<f32>,
    /// Rows as wide as a hidden state.
    narrow: Vec<f32>,
    /// What attention gave.
    mixed: Vec<f32>,
    attention: attention::Scratch,
    pub(super) laps: Laps,
    /// The windows that this thread takes through all layers.
    pub(super) pack: Pack,
}

impl Space {
    pub(super) fn new(weights: &PackedWeights) -> Self {
        Self {
            codes: Codes::default(),
            wide: Vec::new(),
            narrow: Vec::new(),
            mixed: Vec::new(),
            attention: attention::Scratch::new(weights.heads),
            laps: Laps::default(),
            pack: Pack::default(),
        }
    }
}

/// Some windows on their way through the layers.
#[derive(Debug, Default)]
pub(super) struct Pack {
    blocks: Vec<Block>,
    /// By block: what this layer's attention reads.
    held: Vec<Held>,
}

/// Some tokens of a pack.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) segments: Vec<Segment>,
    hidden: Vec<f32>,
    query: Vec<f32>,
    /// What the next attention will read.
    next: Held,
    /// The segments that were scored by token.
    pub(super) scored: Vec<Segment>,
    /// By segment that is left at the end, each the beginning of a window: a line of logits, the categories first.
    pub(super) categories: Vec<f32>,
    /// By token of those: a line, its logit first.
    pub(super) tokens: Vec<f32>,
}

/// Keys and values of a block's segments, and the windows that these are of.
#[derive(Debug, Default)]
struct Held {
    key_values: KeyValues,
    windows: Vec<usize>,
}

impl Block {
    fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}

impl Pack {
    fn set_plan(&mut self, plan: &PackPlan) {
        self.blocks.resize_with(plan.len(), Block::default);
        self.held.resize_with(plan.len(), Held::default);
        for (block, segments) in self.blocks.iter_mut().zip(plan) {
            block.segments.clone_from(segments);
        }
    }

    /// What was projected becomes what attention reads.
    fn exchange(&mut self) {
        for (block, held) in self.blocks.iter_mut().zip(&mut self.held) {
            std::mem::swap(&mut block.next, held);
        }
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

impl Pass<'_> {
    /// Takes a pack through all layers. `each` calls its second argument once for each block, on whatever thread.
    pub(super) fn run(
        &self,
        pack: &mut Pack,
        plan: &PackPlan,
        mut each: impl FnMut(&mut [Block], &(dyn Fn(&mut Space, &mut Block) + Sync)),
    ) {
        pack.set_plan(plan);
        each(&mut pack.blocks, &|space, block| {
            space.laps.begin();
            self.embed(space, block);
            self.project(space, block, 0);
        });
        for (index, layer) in self.weights.layers.iter().enumerate() {
            pack.exchange();
            let Pack { blocks, held } = pack;
            each(blocks, &|space, block| {
                space.laps.begin();
                self.attend(space, block, held);
                self.feed_forward(space, block, layer);
                self.project(space, block, index + 1);
            });
        }
        each(&mut pack.blocks, &|space, block| {
            space.laps.begin();
            self.score(space, block);
        });
    }

    /// The embedding of each token: word, position and type, normed.
    fn embed(&self, space: &mut Space, block: &mut Block) {
        let (embeddings, hidden) = (&self.weights.embeddings, self.weights.hidden);
        block.hidden.clear();
        for segment in &block.segments {
            let Some((ids, channel)) = self.windows.get(segment.window) else { continue };
            let start = block.hidden.len();
            for id in ids.iter().skip(segment.first).take(segment.rows) {
                let at = *id as usize * hidden;
                block.hidden.extend_from_slice(embeddings.words.get(at..at + hidden).unwrap_or_default());
            }
            let positions = embeddings.positions.get(channel.token_type() as usize);
            let added = positions.and_then(|sums| sums.get(segment.first * hidden..)).unwrap_or_default();
            self.norm(block.hidden.get_mut(start..).unwrap_or_default(), added, hidden, &embeddings.norm);
        }
        space.laps.lap(Stage::Embedding);
    }

    /// Queries, keys and values of a layer, if there is one. The last layer needs queries only of what is scored.
    fn project(&self, space: &mut Space, block: &mut Block, index: usize) {
        let Some(layer) = self.weights.layers.get(index) else { return };
        let (hidden, rows) = (self.weights.hidden, block.rows());
        let width = padded(2 * hidden);
        self.quantise(space, &block.hidden, hidden);
        grow(&mut space.wide, rows * width);
        self.apply(&layer.key_value, &block.hidden, &space.codes, RowsMut::new(&mut space.wide, width));
        space.laps.lap(Stage::Projection);
        let counts = block.segments.iter().map(|segment| segment.rows);
        block.next.key_values.store(self.isa, self.weights.heads, counts, &space.wide, width, hidden);
        block.next.windows.clear();
        block.next.windows.extend(block.segments.iter().map(|segment| segment.window));
        space.laps.lap(Stage::Attention);
        if index + 1 == self.weights.layers.len() && self.detail == Detail::Categories {
            keep_first_tokens(block, hidden);
            self.quantise(space, &block.hidden, hidden);
        }
        let width = padded(hidden);
        block.query.resize(block.rows() * width, 0.0);
        self.apply(&layer.query, &block.hidden, &space.codes, RowsMut::new(&mut block.query, width));
        space.laps.lap(Stage::Projection);
    }

    /// What each token's queries find in the keys and values of its window, over all blocks.
    fn attend(&self, space: &mut Space, block: &Block, held: &[Held]) {
        let (heads, hidden) = (self.weights.heads, self.weights.hidden);
        let width = padded(hidden);
        grow(&mut space.mixed, block.rows() * hidden);
        let mut row = 0;
        for segment in &block.segments {
            for head in 0..heads.count {
                let pieces = held.iter().flat_map(|held| {
                    let parts = held.windows.iter().enumerate().filter(|(_, window)| **window == segment.window);
                    parts.map(move |(part, _)| held.key_values.piece(heads, part, head))
                });
                let queries = block.query.get(row * width + head * heads.size..).unwrap_or_default();
                let mixed = space.mixed.get_mut(row * hidden + head * heads.size..).unwrap_or_default();
                attention::attend(
                    self.isa,
                    heads,
                    Rows::new(queries, width, segment.rows),
                    pieces,
                    &mut space.attention,
                    RowsMut::new(mixed, hidden),
                );
            }
            row += segment.rows;
        }
        space.laps.lap(Stage::Attention);
    }

    /// All that follows attention in a layer, some rows at a time.
    fn feed_forward(&self, space: &mut Space, block: &mut Block, layer: &PackedLayer) {
        let (hidden, inner) = (self.weights.hidden, self.weights.inner);
        let (width, inner_width) = (padded(hidden), padded(inner));
        grow(&mut space.narrow, CHUNK * width);
        grow(&mut space.wide, CHUNK * inner_width);
        let mixed = std::mem::take(&mut space.mixed);
        let attended = mixed.get(..block.hidden.len()).unwrap_or_default();
        for (states, mixed) in block.hidden.chunks_mut(CHUNK * hidden).zip(attended.chunks(CHUNK * hidden)) {
            self.quantise(space, mixed, hidden);
            self.apply(&layer.attention_output, mixed, &space.codes, RowsMut::new(&mut space.narrow, width));
            space.laps.lap(Stage::AttentionOutput);
            self.norm(states, &space.narrow, width, &layer.attention_norm);
            space.laps.lap(Stage::Norm);

            self.quantise(space, states, hidden);
            self.apply(&layer.intermediate, states, &space.codes, RowsMut::new(&mut space.wide, inner_width));
            space.laps.lap(Stage::Intermediate);
            let rows = space.wide.chunks_exact_mut(inner_width).take(states.len() / hidden);
            let activated = rows.map(|row| {
                gelu::in_place(self.isa, row);
                &*row
            });
            space.codes.read((self.isa, self.arithmetic), activated, inner);
            space.laps.lap(Stage::Gelu);
            let activated = Rows::new(&space.wide, inner_width, states.len() / hidden);
            layer.output.apply(self.isa, activated, &space.codes, RowsMut::new(&mut space.narrow, width));
            space.laps.lap(Stage::Output);
            self.norm(states, &space.narrow, width, &layer.output_norm);
            space.laps.lap(Stage::Norm);
        }
        space.mixed = mixed;
    }

    /// The heads: categories from the first token of each window, and, if asked for, a logit from every token.
    fn score(&self, space: &mut Space, block: &mut Block) {
        let hidden = self.weights.hidden;
        block.scored.clear();
        block.tokens.clear();
        if self.detail == Detail::Tokens
            && let Some(head) = &self.weights.tokens
        {
            block.scored.clone_from(&block.segments);
            block.tokens.resize(block.rows() * PANEL, 0.0);
            head.apply(self.isa, self.rows(&block.hidden, hidden), RowsMut::new(&mut block.tokens, PANEL));
        }
        keep_first_tokens(block, hidden);
        block.categories.resize(block.segments.len() * PANEL, 0.0);
        let states = self.rows(&block.hidden, hidden);
        self.weights.categories.apply(self.isa, states, RowsMut::new(&mut block.categories, PANEL));
        space.laps.lap(Stage::Heads);
    }

    fn apply(&self, linear: &PackedLinear, states: &[f32], codes: &Codes, c: RowsMut<'_>) {
        linear.apply(self.isa, self.rows(states, self.weights.hidden), codes, c);
    }

    fn rows<'a>(&self, states: &'a [f32], width: usize) -> Rows<'a, f32> {
        Rows::new(states, width, states.len() / width)
    }

    fn quantise(&self, space: &mut Space, states: &[f32], width: usize) {
        if self.arithmetic != Arithmetic::F32 {
            space.codes.read((self.isa, self.arithmetic), states.chunks_exact(width), width);
            space.laps.lap(Stage::Quantise);
        }
    }

    fn norm(&self, states: &mut [f32], added: &[f32], stride: usize, norm: &PackedNorm) {
        layer_norm::add_and_norm(self.isa, states, added, stride, &norm.weight, &norm.bias, norm.eps);
    }
}

/// Makes a buffer long enough. It never gets shorter: to fill it anew would cost more than the memory does.
fn grow(buffer: &mut Vec<f32>, length: usize) {
    buffer.resize(buffer.len().max(length), 0.0);
}

/// Leaves nothing in a block but the first token of each window that begins in it.
fn keep_first_tokens(block: &mut Block, hidden: usize) {
    let (mut from, mut to) = (0, 0);
    for segment in &block.segments {
        if segment.first == 0 {
            block.hidden.copy_within(from * hidden..(from + 1) * hidden, to * hidden);
            to += 1;
        }
        from += segment.rows;
    }
    block.hidden.truncate(to * hidden);
    block.segments.retain_mut(|segment| {
        segment.rows = 1;
        segment.first == 0
    });
}
