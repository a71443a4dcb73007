//! Weights of 16 bits in the order in which dot products of two read them, and the tiles of a product with them.

use super::{PANEL, n_panels};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::{Rows, RowsMut, tile_rows};

/// Two rows of a panel: the weights of two successive inputs for each column lie side by side. A cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Pairs<T>(pub(super) [[T; 2]; PANEL]);

/// Panels end to end, a line for each pair of inputs. Behind an odd number of inputs and behind the last column stand zeros.
#[derive(Clone, Debug)]
pub(super) struct PairPanels<T> {
    lines: Vec<Pairs<T>>,
    pub(super) n_pairs: usize,
    pub(super) count: usize,
}

impl<T: Copy + Default> PairPanels<T> {
    /// Packs weights [outputs, inputs], each as what `code` makes of it, given its output.
    pub(super) fn pack(weight: &[f32], outputs: usize, inputs: usize, code: impl Fn(usize, f32) -> T) -> Self {
        let (count, n_pairs) = (n_panels(outputs), inputs.div_ceil(2));
        let mut lines = vec![Pairs::default(); count * n_pairs];
        for (output, row) in weight.chunks_exact(inputs.max(1)).take(outputs).enumerate() {
            let panel = &mut lines[output / PANEL * n_pairs..][..n_pairs];
            for (line, pair) in panel.iter_mut().zip(row.chunks(2)) {
                for (packed, &weight) in line.0[output % PANEL].iter_mut().zip(pair) {
                    *packed = code(output, weight);
                }
            }
        }
        Self { lines, n_pairs, count }
    }

    pub(super) fn panel(&self, panel: usize) -> &[Pairs<T>] {
        &self.lines[panel * self.n_pairs..][..self.n_pairs]
    }
}

/// Some rows, from number `row` on, and one panel. Each row of `a` has two elements for each of `lines`, each of `c` PANEL.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, T> {
    pub(super) a: *const T,
    pub(super) a_stride: usize,
    pub(super) lines: &'a [Pairs<T>],
    pub(super) c: *mut f32,
    pub(super) c_stride: usize,
    pub(super) row: usize,
    pub(super) panel: usize,
}

#[cfg(target_arch = "x86_64")]
impl<T> Tile<'_, T> {
    /// The two elements of row `row` of the tile for line `pair`, as one number.
    ///
    /// # Safety
    /// There is such a row and line, and elements have 16 bits.
    #[inline(always)]
    pub(super) unsafe fn pair(&self, row: usize, pair: usize) -> i32 {
        // SAFETY: the row has two elements for each line; together they have the 32 bits that are read.
        unsafe { self.a.add(row * self.a_stride + 2 * pair).cast::<i32>().read_unaligned() }
    }
}

/// Calls `run` with every tile and its number of rows, 1 to `most`.
///
/// # Panics
/// If `a` or `c` is too short for the panels: what a [`Tile`] says of its pointers holds for each that is handed out.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(super) fn each_tile<T: Copy + Default>(
    panels: &PairPanels<T>,
    a: Rows<'_, T>,
    c: &mut RowsMut<'_>,
    most: usize,
    run: impl Fn(Tile<'_, T>, usize),
) {
    let width = panels.count * PANEL;
    assert!(a.hold(2 * panels.n_pairs), "rows of the left operand are too short");
    assert!(c.hold(a.count, width), "the output is too short");
    for panel in 0..panels.count {
        let mut row = 0;
        while row < a.count {
            let rows = tile_rows(a.count - row, most);
            let tile = Tile {
                a: a.data[row * a.stride..].as_ptr(),
                a_stride: a.stride,
                lines: panels.panel(panel),
                c: c.data[row * c.stride + panel * PANEL..].as_mut_ptr(),
                c_stride: c.stride,
                row,
                panel,
            };
            run(tile, rows);
            row += rows;
        }
    }
}
