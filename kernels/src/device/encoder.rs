//! The steps of an encoder's forward pass, each a kernel of `cuda/encoder.cu` or a product. Sizes are checked here, so that
//! no kernel reads or writes beyond what it was given.
//!
//! # Panics
//! Every step does if an array is too short for it, or a number of a row or place is too high.
#![allow(clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "said above; every error is the device's")]

use super::{Argument, Bounds, Device, DeviceError, Floats, Halves, Indices, Launch, Product};
use crate::attention::Heads;

/// As in the kernels: threads of a warp, and rows of a block that gives a row to a warp.
const WARP: usize = 32;
const ROWS_PER_BLOCK: usize = 4;
/// As in the kernels: queries of a block of attention.
pub const QUERIES_PER_BLOCK: usize = 64;
/// Threads of a block where each thread has a pair of elements.
const PAIR_THREADS: usize = 256;

/// The widest hidden state that a norm can hold.
pub const MAX_HIDDEN: usize = 1024;
/// The sizes of heads that there is a kernel for.
pub const HEAD_SIZES: [usize; 2] = [32, 64];
/// Windows and rows in one batch, at most, by what a grid and 32-bit numbers in kernels can count.
pub const MAX_ROWS: usize = 1 << 20;

/// A weight of shape `[outputs, inputs]` and a bias of shape `[outputs]`: an affine map.
#[derive(Debug)]
pub struct Linear<M> {
    /// Row by row.
    pub weight: Halves<M>,
    /// One an output.
    pub bias: Floats<M>,
}

/// A layer norm.
#[derive(Debug)]
pub struct Norm<M> {
    /// Scales.
    pub weight: Floats<M>,
    /// Shifts.
    pub bias: Floats<M>,
    /// Added to the variance.
    pub eps: f32,
}

/// The tables of words and of places: a place is a position as one of the token types.
#[derive(Debug)]
pub struct Tables<M> {
    /// [words, hidden]
    pub words: Halves<M>,
    /// [places, hidden]
    pub places: Halves<M>,
}

/// Keys and values of some sequences: rows of `2 * hidden`, keys first.
#[derive(Debug)]
pub struct Context<'a, M> {
    /// The rows, without their bias.
    pub rows: &'a Halves<M>,
    /// The bias of queries, keys and values, `3 * hidden`.
    pub bias: &'a Floats<M>,
    /// Whose rows they are.
    pub bounds: &'a Bounds<M>,
}

/// `out = norm(words[id] + places[place])`.
pub fn embed_and_norm<D: Device>(
    device: &D,
    (ids, places): (&Indices<D::Memory>, &Indices<D::Memory>),
    tables: &Tables<D::Memory>,
    norm: &Norm<D::Memory>,
    out: &mut Halves<D::Memory>,
) -> Result<(), DeviceError> {
    let (rows, hidden) = (ids.len(), checked_hidden(norm));
    assert!(rows <= MAX_ROWS && places.len() == rows && out.len() >= rows * hidden);
    assert!(ids.end * hidden <= tables.words.len() && places.end * hidden <= tables.places.len());
    let mut arguments = [
        ids.array.input(),
        places.array.input(),
        tables.words.input(),
        tables.places.input(),
        norm.weight.input(),
        norm.bias.input(),
        Argument::Float(norm.eps),
        integer(hidden),
        integer(rows),
        out.output(),
    ];
    // SAFETY: ids and places are within their tables and `out` has a row for each, as checked above; the norm is as wide.
    unsafe { device.launch(&by_rows("embed_and_norm", rows), &mut arguments) }
}

/// `states` = norm(`states` + `added` + `bias`), for the first `rows` rows.
pub fn add_and_norm<D: Device>(
    device: &D,
    rows: usize,
    states: &mut Halves<D::Memory>,
    (added, bias): (&Halves<D::Memory>, &Floats<D::Memory>),
    norm: &Norm<D::Memory>,
) -> Result<(), DeviceError> {
    let hidden = checked_hidden(norm);
    assert!(rows <= MAX_ROWS && bias.len() == hidden);
    assert!(states.len() >= rows * hidden && added.len() >= rows * hidden);
    let mut arguments = [
        states.output(),
        added.input(),
        bias.input(),
        norm.weight.input(),
        norm.bias.input(),
        Argument::Float(norm.eps),
        integer(hidden),
        integer(rows),
    ];
    // SAFETY: both arrays have so many rows and bias and norm are as wide as these, as checked above.
    unsafe { device.launch(&by_rows("add_and_norm", rows), &mut arguments) }
}

/// `x` = gelu(`x` + `bias`), for the first `rows` rows.
pub fn add_bias_and_gelu<D: Device>(
    device: &D,
    rows: usize,
    x: &mut Halves<D::Memory>,
    bias: &Floats<D::Memory>,
) -> Result<(), DeviceError> {
    let width = bias.len();
    assert!(rows <= MAX_ROWS && width > 0 && width.is_multiple_of(2) && x.len() >= rows * width);
    let pairs = rows * width / 2;
    let mut arguments = [x.output(), bias.input(), integer(width), integer(pairs)];
    // SAFETY: `x` has so many rows as wide as the bias, as checked above.
    unsafe { device.launch(&by_pairs("add_bias_and_gelu", pairs), &mut arguments) }
}

/// Copies the rows of `from` with the given numbers to `to`, one after another.
pub fn take_rows<D: Device>(
    device: &D,
    hidden: usize,
    from: &Halves<D::Memory>,
    numbers: &Indices<D::Memory>,
    to: &mut Halves<D::Memory>,
) -> Result<(), DeviceError> {
    let rows = numbers.len();
    assert!(rows <= MAX_ROWS && hidden > 0 && hidden.is_multiple_of(2));
    assert!(from.len() >= numbers.end * hidden && to.len() >= rows * hidden);
    let pairs = rows * hidden / 2;
    let mut arguments = [from.input(), numbers.array.input(), integer(hidden), integer(pairs), to.output()];
    // SAFETY: every number is within `from` and there is a row of `to` for each, as checked above.
    unsafe { device.launch(&by_pairs("take_rows", pairs), &mut arguments) }
}

/// `out` [rows, outputs] = `states` times `weight` [outputs, hidden], transposed, plus `bias`.
pub fn logits<D: Device>(
    device: &D,
    rows: usize,
    states: &Halves<D::Memory>,
    (weight, bias): (&Floats<D::Memory>, &Floats<D::Memory>),
    out: &mut Floats<D::Memory>,
) -> Result<(), DeviceError> {
    let outputs = bias.len();
    let hidden = weight.len() / outputs;
    assert!(rows <= MAX_ROWS && weight.len() == outputs * hidden);
    assert!(states.len() >= rows * hidden && out.len() >= rows * outputs);
    let mut arguments =
        [states.input(), weight.input(), bias.input(), integer(hidden), integer(outputs), integer(rows), out.output()];
    // SAFETY: states and logits have so many rows, and there is a row of weights for each bias, as checked above.
    unsafe { device.launch(&by_rows("logits", rows), &mut arguments) }
}

/// Writes to `out` the rows of `x` times some rows of `weight`, transposed. No bias is added.
pub fn multiply<D: Device>(
    device: &D,
    product: Product,
    x: &Halves<D::Memory>,
    weight: &Halves<D::Memory>,
    out: &mut Halves<D::Memory>,
) -> Result<(), DeviceError> {
    let Product { rows, inputs, outputs, first_output } = product;
    assert!(rows <= MAX_ROWS && x.len() >= rows * inputs && out.len() >= rows * outputs);
    assert!(weight.len() >= (first_output + outputs) * inputs);
    // SAFETY: as checked above.
    unsafe { device.multiply(product, &x.memory, &weight.memory, &mut out.memory) }
}

/// Attention of each sequence's queries, `hidden` wide and without their bias, over its keys and values.
pub fn attend<D: Device>(
    device: &D,
    heads: Heads,
    (queries, bounds): (&Halves<D::Memory>, &Bounds<D::Memory>),
    context: &Context<'_, D::Memory>,
    out: &mut Halves<D::Memory>,
) -> Result<(), DeviceError> {
    let hidden = heads.count * heads.size;
    assert!(bounds.rows() <= MAX_ROWS && context.bounds.rows() <= MAX_ROWS && bounds.len() == context.bounds.len());
    assert!(queries.len() >= bounds.rows() * hidden && out.len() >= bounds.rows() * hidden);
    assert!(context.rows.len() >= context.bounds.rows() * 2 * hidden && context.bias.len() == 3 * hidden);
    let kernel = match heads.size {
        32 => "attention_32",
        64 => "attention_64",
        size => return Err(DeviceError::Failed(format!("there is no kernel for heads of {size} elements"))),
    };
    let blocks = bounds.longest.div_ceil(QUERIES_PER_BLOCK);
    let launch = Launch { kernel, grid: [bounds.len(), heads.count, blocks].map(|n| n as u32), threads: 128 };
    // Scores are powers of two.
    let scale = std::f32::consts::LOG2_E / (heads.size as f32).sqrt();
    let mut arguments = [
        queries.input(),
        integer(hidden),
        context.bias.input(),
        context.rows.input(),
        context.bias.input_from(hidden),
        context.rows.input_from(hidden),
        context.bias.input_from(2 * hidden),
        integer(2 * hidden),
        bounds.starts.array.input(),
        context.bounds.starts.array.input(),
        Argument::Float(scale),
        out.output(),
        integer(hidden),
    ];
    // SAFETY: the rows that the bounds speak of are there, as checked above, and bounds ascend by how they are made.
    unsafe { device.launch(&launch, &mut arguments) }
}

/// The width of a norm, which a warp must be able to hold by pairs.
fn checked_hidden<M>(norm: &Norm<M>) -> usize {
    let hidden = norm.weight.len();
    assert!(hidden > 0 && hidden.is_multiple_of(2) && hidden <= MAX_HIDDEN && norm.bias.len() == hidden);
    hidden
}

/// A size as kernels take it. Rows are at most 2^20 and no row is wider than 2^14 elements, so that pairs stay below 2^33;
/// what does not fit is refused.
fn integer<'a, M>(size: usize) -> Argument<'a, M> {
    let size = i32::try_from(size);
    assert!(size.is_ok(), "a kernel's sizes have 31 bits");
    Argument::Integer(size.unwrap_or(0))
}

/// A grid that gives each row to a warp.
fn by_rows(kernel: &'static str, rows: usize) -> Launch {
    Launch { kernel, grid: [rows.div_ceil(ROWS_PER_BLOCK) as u32, 1, 1], threads: (ROWS_PER_BLOCK * WARP) as u32 }
}

/// A grid that gives each pair to a thread.
fn by_pairs(kernel: &'static str, pairs: usize) -> Launch {
    Launch { kernel, grid: [pairs.div_ceil(PAIR_THREADS) as u32, 1, 1], threads: PAIR_THREADS as u32 }
}
