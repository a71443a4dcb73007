//! The packed forward pass on a device: windows end to end, states in buffers that are used again. What a pass asks of the
//! device depends on its sizes alone, so that what was asked once can be asked again as a whole.

use portcullis_kernels::device::encoder::{self, Context, QUERIES_PER_BLOCK};
use portcullis_kernels::device::{Bounds, Device, DeviceError, Floats, Halves, Indices, Product};

use super::Window;
use super::weights::{DeviceLayer, DeviceWeights};
use crate::model::{Detail, Logits, WindowScore};
use crate::threat::Category;

/// A pass over what the inputs hold, which has no part in what it asks the device for.
pub(super) struct Pass<'a, D: Device> {
    pub(super) device: &'a D,
    pub(super) weights: &'a DeviceWeights<D::Memory>,
    pub(super) inputs: &'a Inputs<D::Memory>,
}

/// The sizes of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// Tokens.
    pub(super) rows: usize,
    windows: usize,
    /// Tokens of the longest window.
    longest: usize,
    detail: Detail,
}

impl Shape {
    /// That of some windows.
    pub(super) fn of(windows: &[Window<'_>], detail: Detail) -> Self {
        let lengths = || windows.iter().map(|(ids, _)| ids.len());
        Self { rows: lengths().sum(), windows: windows.len(), longest: lengths().max().unwrap_or(0), detail }
    }

    /// One that has room for these windows and for many others: at most an eighth of its rows stays empty, or 15.
    pub(super) fn rounded(self) -> Self {
        let step = self.rows.max(1).ilog2().saturating_sub(3).max(4);
        let rows = self.rows.next_multiple_of(1 << step);
        Self {
            rows,
            windows: self.windows.next_power_of_two().min(rows),
            longest: self.longest.next_multiple_of(QUERIES_PER_BLOCK),
            detail: self.detail,
        }
    }
}

/// The windows of a pass on the device. What stays empty is words with the number 0 behind the last window, and windows
/// without a word, whose scores nobody reads.
#[derive(Debug)]
pub(super) struct Inputs<M> {
    shape: Shape,
    ids: Indices<M>,
    places: Indices<M>,
    /// All tokens.
    tokens: Bounds<M>,
    /// The first token of each window.
    first_tokens: Bounds<M>,
    first_rows: Indices<M>,
}

impl<M> Inputs<M> {
    /// Room for windows of a shape.
    pub(super) fn room<D: Device<Memory = M>>(
        device: &D,
        weights: &DeviceWeights<M>,
        shape: Shape,
    ) -> Result<Self, DeviceError> {
        let Shape { rows, windows, longest, .. } = shape;
        Ok(Self {
            shape,
            ids: Indices::zeros(device, rows, weights.words)?,
            places: Indices::zeros(device, rows, weights.places)?,
            tokens: Bounds::room(device, windows, rows, longest)?,
            first_tokens: Bounds::room(device, windows, windows, 1)?,
            first_rows: Indices::zeros(device, windows, rows)?,
        })
    }

    /// Writes windows over those that were there.
    pub(super) fn write<D: Device<Memory = M>>(
        &mut self,
        device: &D,
        weights: &DeviceWeights<M>,
        windows: &[Window<'_>],
    ) -> Result<(), DeviceError> {
        let ids: Vec<u32> = windows.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
        let place = |(ids, channel): &Window<'_>| {
            let first = channel.token_type() * weights.positions as u32;
            (0..ids.len() as u32).map(move |position| first + position)
        };
        let places: Vec<u32> = windows.iter().flat_map(place).collect();
        let lengths: Vec<usize> = windows.iter().map(|(ids, _)| ids.len()).collect();
        let mut end = 0;
        let first_row = |length: &usize| {
            end += length;
            (end - length) as u32
        };
        let first_rows: Vec<u32> = lengths.iter().map(first_row).collect();
        self.ids.write(device, &ids)?;
        self.places.write(device, &places)?;
        self.tokens.write(device, &lengths)?;
        self.first_tokens.write(device, &vec![1; lengths.len()])?;
        self.first_rows.write(device, &first_rows)
    }
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

impl<D: Device> Pass<'_, D> {
    /// Asks for the logits of all windows, and those of all tokens where the model has them and they are wanted.
    pub(super) fn run(&self, space: &mut Space<D::Memory>) -> Result<(), DeviceError> {
        let (weights, inputs) = (self.weights, self.inputs);
        encoder::embed_and_norm(
            self.device,
            (&inputs.ids, &inputs.places),
            &weights.tables,
            &weights.norm,
            &mut space.hidden,
        )?;
        let token_head = weights.tokens.as_ref().filter(|_| inputs.shape.detail == Detail::Tokens);
        let Some((last, earlier)) = weights.layers.split_last() else { return Ok(()) };
        for layer in earlier {
            self.layer(layer, space, Queried::All)?;
        }
        if token_head.is_some() {
            self.layer(last, space, Queried::All)?;
            self.take_first(space)?;
        } else {
            // No other state of the last layer is read: it runs for first tokens alone, which is exact.
            self.take_first(space)?;
            self.layer(last, space, Queried::First)?;
        }
        let (weight, bias) = &weights.categories;
        encoder::logits(self.device, inputs.shape.windows, &space.first, (weight, bias), &mut space.categories)?;
        let Some((weight, bias)) = token_head else { return Ok(()) };
        encoder::logits(self.device, inputs.shape.rows, &space.hidden, (weight, bias), &mut space.tokens)
    }

    /// Waits for a pass over these windows, and reads its scores.
    pub(super) fn scores(
        &self,
        space: &Space<D::Memory>,
        windows: &[Window<'_>],
    ) -> Result<Vec<WindowScore>, DeviceError> {
        let categories = space.categories.download(self.device, windows.len() * Category::ALL.len())?;
        let n_tokens = windows.iter().map(|(ids, _)| ids.len()).sum();
        let tokens = match (&self.weights.tokens, self.inputs.shape.detail) {
            (Some(_), Detail::Tokens) => space.tokens.download(self.device, n_tokens)?,
            _ => Vec::new(),
        };
        let mut tokens = tokens.into_iter();
        let scored = windows.iter().zip(categories.as_chunks().0);
        Ok(scored
            .map(|((ids, _), &[injection, jailbreak, exfiltration])| WindowScore {
                logits: Logits { injection, jailbreak, exfiltration },
                tokens: tokens.by_ref().take(ids.len()).collect(),
            })
            .collect())
    }

    fn take_first(&self, space: &mut Space<D::Memory>) -> Result<(), DeviceError> {
        let Space { hidden, first, .. } = space;
        encoder::take_rows(self.device, self.weights.hidden, hidden, &self.inputs.first_rows, first)
    }

    /// One layer; replaces the states of those that are queried.
    fn layer(
        &self,
        layer: &DeviceLayer<D::Memory>,
        space: &mut Space<D::Memory>,
        queried: Queried,
    ) -> Result<(), DeviceError> {
        let (device, inputs) = (self.device, self.inputs);
        let (width, inner) = (self.weights.hidden, self.weights.inner);
        let Space { hidden, first, queries, key_values, mixed, wide, narrow, .. } = space;
        let of_all = Product { rows: inputs.tokens.rows(), inputs: width, outputs: 2 * width, first_output: width };
        encoder::multiply(device, of_all, hidden, &layer.projection.weight, key_values)?;
        let (states, bounds) = match queried {
            Queried::All => (hidden, &inputs.tokens),
            Queried::First => (first, &inputs.first_tokens),
        };

        let rows = bounds.rows();
        let product = |inputs, outputs| Product { rows, inputs, outputs, first_output: 0 };
        encoder::multiply(device, product(width, width), states, &layer.projection.weight, queries)?;
        let context = Context { rows: key_values, bias: &layer.projection.bias, bounds: &inputs.tokens };
        encoder::attend(device, self.weights.heads, (queries, bounds), &context, mixed)?;
        encoder::multiply(device, product(width, width), mixed, &layer.attention_output.weight, narrow)?;
        encoder::add_and_norm(device, rows, states, (narrow, &layer.attention_output.bias), &layer.attention_norm)?;

        encoder::multiply(device, product(width, inner), states, &layer.intermediate.weight, wide)?;
        encoder::add_bias_and_gelu(device, rows, wide, &layer.intermediate.bias)?;
        encoder::multiply(device, product(inner, width), wide, &layer.output.weight, narrow)?;
        encoder::add_and_norm(device, rows, states, (narrow, &layer.output.bias), &layer.output_norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rounded_shape_has_room_and_little_more() {
        for rows in 1..3000 {
            for windows in [1, rows / 3, rows].into_iter().filter(|&windows| windows > 0) {
                let shape = Shape { rows, windows, longest: rows - windows + 1, detail: Detail::Tokens };
                let rounded = shape.rounded();
                assert!(rounded.rows >= rows && rounded.windows >= windows && rounded.longest >= shape.longest);
                assert!(rounded.rows - rows <= (rows / 8).max(15), "{shape:?}: {rounded:?}");
                assert!(rounded.windows <= rounded.rows, "{shape:?}: {rounded:?}");
                assert_eq!(rounded.rounded(), rounded);
            }
        }
    }
}
