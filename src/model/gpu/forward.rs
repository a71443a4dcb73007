//! The packed forward pass on a device: windows end to end, without padding, states in buffers that are used again.

use portcullis_kernels::device::encoder::{self, Context};
use portcullis_kernels::device::{Bounds, Device, DeviceError, Floats, Halves, Indices, Product};

use super::Window;
use super::weights::{DeviceLayer, DeviceWeights};
use crate::model::{Detail, Logits, WindowScore};
use crate::threat::Category;

/// What a pass needs.
pub(super) struct Pass<'a, D: Device> {
    pub(super) device: &'a D,
    pub(super) weights: &'a DeviceWeights<D::Memory>,
    pub(super) windows: &'a [Window<'a>],
    pub(super) detail: Detail,
}

/// States of a pass: a row a token, or a window where there are fewer.
#[derive(Debug)]
pub(super) struct Space<M> {
    rows: usize,
    hidden: Halves<M>,
    /// The states of first tokens.
    first: Halves<M>,
    queries: Halves<M>,
    key_values: Halves<M>,
    mixed: Halves<M>,
    wide: Halves<M>,
    narrow: Halves<M>,
    categories: Floats<M>,
    tokens: Floats<M>,
}

impl<M> Space<M> {
    /// Room for so many tokens.
    pub(super) fn new<D: Device<Memory = M>>(
        device: &D,
        weights: &DeviceWeights<M>,
        rows: usize,
    ) -> Result<Self, DeviceError> {
        let halves = |width: usize| Halves::room(device, rows * width);
        let hidden = weights.hidden;
        Ok(Self {
            rows,
            hidden: halves(hidden)?,
            first: halves(hidden)?,
            queries: halves(hidden)?,
            key_values: halves(2 * hidden)?,
            mixed: halves(hidden)?,
            wide: halves(weights.inner)?,
            narrow: halves(hidden)?,
            categories: Floats::room(device, rows * Category::ALL.len())?,
            tokens: Floats::room(device, rows)?,
        })
    }

    /// How many tokens there is room for.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

/// Whose states a layer computes.
#[derive(Clone, Copy)]
enum Queried {
    /// Every token's.
    All,
    /// Those of the first token of each window.
    First,
}

/// Where the windows of a pass lie, on the device.
struct Layout<M> {
    /// All tokens.
    tokens: Bounds<M>,
    /// The first token of each window.
    first_tokens: Bounds<M>,
    first_rows: Indices<M>,
}

impl<D: Device> Pass<'_, D> {
    /// Scores all windows.
    pub(super) fn run(&self, space: &mut Space<D::Memory>) -> Result<Vec<WindowScore>, DeviceError> {
        let layout = self.layout()?;
        self.embed(space)?;
        let with_tokens = self.weights.tokens.as_ref().filter(|_| self.detail == Detail::Tokens);
        let Some((last, earlier)) = self.weights.layers.split_last() else { return Ok(Vec::new()) };
        for layer in earlier {
            self.layer(layer, space, &layout, Queried::All)?;
        }
        if with_tokens.is_some() {
            self.layer(last, space, &layout, Queried::All)?;
            self.take_first(space, &layout)?;
        } else {
            // No other state of the last layer is read: it runs for first tokens alone, which is exact.
            self.take_first(space, &layout)?;
            self.layer(last, space, &layout, Queried::First)?;
        }
        let (weight, bias) = &self.weights.categories;
        let n_windows = self.windows.len();
        encoder::logits(self.device, n_windows, &space.first, (weight, bias), &mut space.categories)?;
        if let Some((weight, bias)) = with_tokens {
            encoder::logits(self.device, layout.tokens.rows(), &space.hidden, (weight, bias), &mut space.tokens)?;
        }
        let categories = space.categories.download(self.device, n_windows * Category::ALL.len())?;
        let tokens = match with_tokens {
            Some(_) => space.tokens.download(self.device, layout.tokens.rows())?,
            None => Vec::new(),
        };
        Ok(self.scores(&categories, &tokens))
    }

    fn layout(&self) -> Result<Layout<D::Memory>, DeviceError> {
        let lengths: Vec<usize> = self.windows.iter().map(|(ids, _)| ids.len()).collect();
        let mut end = 0;
        let first_rows: Vec<u32> = lengths
            .iter()
            .map(|length| {
                end += length;
                (end - length) as u32
            })
            .collect();
        Ok(Layout {
            tokens: Bounds::upload(self.device, &lengths)?,
            first_tokens: Bounds::upload(self.device, &vec![1; lengths.len()])?,
            first_rows: Indices::upload(self.device, &first_rows)?,
        })
    }

    fn embed(&self, space: &mut Space<D::Memory>) -> Result<(), DeviceError> {
        let ids: Vec<u32> = self.windows.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
        let places: Vec<u32> = self
            .windows
            .iter()
            .flat_map(|(ids, channel)| {
                let first = channel.token_type() * self.weights.positions as u32;
                (0..ids.len() as u32).map(move |position| first + position)
            })
            .collect();
        let (ids, places) = (Indices::upload(self.device, &ids)?, Indices::upload(self.device, &places)?);
        let weights = self.weights;
        encoder::embed_and_norm(self.device, (&ids, &places), &weights.tables, &weights.norm, &mut space.hidden)
    }

    fn take_first(&self, space: &mut Space<D::Memory>, layout: &Layout<D::Memory>) -> Result<(), DeviceError> {
        let Space { hidden, first, .. } = space;
        encoder::take_rows(self.device, self.weights.hidden, hidden, &layout.first_rows, first)
    }

    /// One layer; replaces the states of those that are queried.
    fn layer(
        &self,
        layer: &DeviceLayer<D::Memory>,
        space: &mut Space<D::Memory>,
        layout: &Layout<D::Memory>,
        queried: Queried,
    ) -> Result<(), DeviceError> {
        let (device, width, inner) = (self.device, self.weights.hidden, self.weights.inner);
        let Space { hidden, first, queries, key_values, mixed, wide, narrow, .. } = space;
        let of_all = Product { rows: layout.tokens.rows(), inputs: width, outputs: 2 * width, first_output: width };
        encoder::multiply(device, of_all, hidden, &layer.projection.weight, key_values)?;
        let (states, bounds) = match queried {
            Queried::All => (hidden, &layout.tokens),
            Queried::First => (first, &layout.first_tokens),
        };

        let rows = bounds.rows();
        let product = |inputs, outputs| Product { rows, inputs, outputs, first_output: 0 };
        encoder::multiply(device, product(width, width), states, &layer.projection.weight, queries)?;
        let context = Context { rows: key_values, bias: &layer.projection.bias, bounds: &layout.tokens };
        encoder::attend(device, self.weights.heads, (queries, bounds), &context, mixed)?;
        encoder::multiply(device, product(width, width), mixed, &layer.attention_output.weight, narrow)?;
        encoder::add_and_norm(device, rows, states, (narrow, &layer.attention_output.bias), &layer.attention_norm)?;

        encoder::multiply(device, product(width, inner), states, &layer.intermediate.weight, wide)?;
        encoder::add_bias_and_gelu(device, rows, wide, &layer.intermediate.bias)?;
        encoder::multiply(device, product(inner, width), wide, &layer.output.weight, narrow)?;
        encoder::add_and_norm(device, rows, states, (narrow, &layer.output.bias), &layer.output_norm)
    }

    /// Each window's score from the logits of all.
    fn scores(&self, categories: &[f32], tokens: &[f32]) -> Vec<WindowScore> {
        let mut tokens = tokens.iter().copied();
        let windows = self.windows.iter().zip(categories.as_chunks().0);
        windows
            .map(|((ids, _), &[injection, jailbreak, exfiltration])| WindowScore {
                logits: Logits { injection, jailbreak, exfiltration },
                tokens: tokens.by_ref().take(ids.len()).collect(),
            })
            .collect()
    }
}
