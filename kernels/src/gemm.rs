//! Matrix products of the encoder: rows of activations with weights that were packed once.
//!
//! A right-hand matrix lies in panels of [`PANEL`] columns, so that one step of a kernel reads one cache line of it and keeps
//! a tile of sums in registers. Sums start from something that is there already (a bias, earlier sums), so that nothing is
//! added in a pass of its own. What follows a product (GELU, layer norm, quantising) is done by rows, while they are in the
//! cache.

/// Calls a tile's function for its number of rows, which must be known when it is compiled: one of the list, or the most.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! by_rows {
    ($rows:expr, [$($n:literal)*], $most:expr, $run:ident, $arguments:tt) => {
        match $rows {
            $($n => $run::<$n> $arguments,)*
            _ => $run::<{ $most }> $arguments,
        }
    };
}

pub mod bf16;
pub mod f32;
pub mod int16;
mod pairs;

/// Columns in a panel.
pub const PANEL: usize = 16;

/// A cache line of f32: one row of a panel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub struct Line(pub [f32; PANEL]);

/// Rows of equal length in a slice, at equal distances.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    data: &'a [T],
    stride: usize,
    count: usize,
}

impl<'a, T> Rows<'a, T> {
    /// `count` rows, each `stride` elements behind the one before it.
    pub fn new(data: &'a [T], stride: usize, count: usize) -> Self {
        Self { data, stride, count }
    }

    /// The number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Some of the rows.
    pub(crate) fn range(self, rows: std::ops::Range<usize>) -> Self {
        Self { data: &self.data[(rows.start * self.stride).min(self.data.len())..], count: rows.len(), ..self }
    }

    /// True if each row has `length` elements within the slice.
    fn hold(&self, length: usize) -> bool {
        self.count == 0 || (self.count - 1) * self.stride + length <= self.data.len()
    }
}

/// Rows of equal length in a slice, at equal distances, to write to.
#[derive(Debug)]
pub struct RowsMut<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) stride: usize,
}

impl<'a> RowsMut<'a> {
    /// Rows that are `stride` elements apart.
    pub fn new(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride }
    }

    /// True if `count` rows have `length` elements each within the slice, and none of them reaches into the next.
    fn hold(&self, count: usize, length: usize) -> bool {
        count == 0 || ((count - 1) * self.stride + length <= self.data.len() && length <= self.stride)
    }
}

/// The number of panels that hold `columns`.
pub fn n_panels(columns: usize) -> usize {
    columns.div_ceil(PANEL)
}

/// `columns`, rounded up to whole panels: the width of the rows that a product writes.
pub fn padded(columns: usize) -> usize {
    n_panels(columns) * PANEL
}

/// Rows of the next tile, of `rows` that are left: the most there may be, but a short rest is split evenly over two tiles.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn tile_rows(rows: usize, most: usize) -> usize {
    if rows > most && rows < 2 * most { rows.div_ceil(2) } else { rows.min(most) }
}
