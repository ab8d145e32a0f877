//! Phase 1 of training, *compete*: of each map, only the winner of each image (and window) is kept.
//!
//! The dense code is forgotten as soon as its maxima are known (section 3.1 of the paper, spatial sparsity).
//! So an image takes `maps x windows` values and positions, whatever its size.

use crate::encode::{Encoder, Inputs};
use crate::error::{Result, expect_len};
use crate::kernels::Kernels;
use crate::memory::part_mut;
use crate::runs::{runs, runs_mut};
use crate::shape::{Shape, Size};

/// The candidates of one or more images, image by image, each windows x maps.
#[derive(Debug)]
pub struct Candidates<'a> {
    /// The winners' activations; 0 where nothing rose above the ReLU (and, after selection, for losers).
    pub values: &'a mut [f32],
    /// The winners' positions in the code's maps, row by row.
    pub positions: &'a mut [u32],
}

impl<K: Kernels> Encoder<'_, K> {
    /// Encodes a loaded block of images and keeps the winners; the hidden maps stay in `inputs`.
    ///
    /// `codes` is scratch for the dense codes of the block, or, where the kernels screen
    /// ([`Encoder::screens`]), for what that finds; `scratch` is [`Encoder::scratch_len`] long.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for buffers of other lengths than the network's times
    /// `images`.
    pub fn compete(
        &self,
        grid: Size,
        images: usize,
        inputs: &mut [f32],
        scratch: &mut [f32],
        codes: &mut [f32],
        winners: Candidates<'_>,
    ) -> Result<()> {
        self.hidden(images, inputs, scratch)?;
        self.compete_top(grid, images, inputs, scratch, codes, winners)
    }

    /// [`Encoder::compete`] for a block whose hidden maps are filled.
    ///
    /// # Errors
    ///
    /// As for [`Encoder::compete`].
    pub fn compete_top(
        &self,
        grid: Size,
        images: usize,
        inputs: &[f32],
        scratch: &mut [f32],
        codes: &mut [f32],
        winners: Candidates<'_>,
    ) -> Result<()> {
        let shape = self.network_ref().code();
        let len = grid.area() * shape.channels;
        expect_len("winners' values", images.saturating_mul(len), winners.values.len())?;
        expect_len("winners' positions", images.saturating_mul(len), winners.positions.len())?;
        let rows = runs_mut(winners.values, len).zip(runs_mut(winners.positions, len));
        if self.screens(grid) {
            return self.compete_screened(images, inputs, scratch, codes, rows);
        }
        self.top(images, inputs, scratch, codes)?;
        for (code, (values, positions)) in runs(codes, shape.len()).zip(rows) {
            spatial(self.kernels(), shape, grid, code, values, positions);
        }
        Ok(())
    }

    /// The same where the kernels screen; `rows` has the places of each image's winners. Not inlined: see
    /// `refine_where`.
    #[inline(never)]
    fn compete_screened<'w>(
        &self,
        images: usize,
        inputs: &[f32],
        scratch: &mut [f32],
        codes: &mut [f32],
        rows: impl Iterator<Item = (&'w mut [f32], &'w mut [u32])>,
    ) -> Result<()> {
        let network = self.network_ref();
        let inputs = Inputs::new(*network, images, inputs)?;
        let screen_len = Self::screen_len(self.kernels(), network);
        let screens = runs_mut(codes, network.code().len()).map(|code| part_mut(code, 0, screen_len));
        for ((image, screen), (values, positions)) in screens.enumerate().zip(rows) {
            let input = inputs.of(network.depth() - 1, image);
            self.screen(input, scratch, screen)?;
            self.refine(input, screen, values, positions)?;
        }
        Ok(())
    }
}

/// The spatial winners of one image's dense code.
pub fn spatial<K: Kernels>(
    kernels: K,
    shape: Shape,
    grid: Size,
    code: &[f32],
    values: &mut [f32],
    positions: &mut [u32],
) {
    values.fill(0.0);
    let maps = shape.channels.max(1);
    let mut windows = runs_mut(values, maps).zip(runs_mut(positions, maps));
    for row in 0..grid.height {
        let (top, bottom) = share(shape.height, row, grid.height);
        for column in 0..grid.width {
            let (left, right) = share(shape.width, column, grid.width);
            let Some((values, positions)) = windows.next() else { return };
            // Where nothing rises above the ReLU, all are equal: the lowest position.
            positions.fill((top * shape.width + left) as u32);
            for y in top..bottom {
                let first = y * shape.width + left;
                let run = code.get(first * maps..(first + right - left) * maps).unwrap_or(&[]);
                kernels.compete(run, first as u32, values, positions);
            }
        }
    }
}

/// Part `index` of `size` cut into `parts` (never 0 in a checked sparsity).
const fn share(size: usize, index: usize, parts: usize) -> (usize, usize) {
    match ((index * size).checked_div(parts), ((index + 1) * size).checked_div(parts)) {
        (Some(start), Some(end)) => (start, end),
        _ => (0, 0),
    }
}
