//! Sums whose terms several processes have, in the order that they have in one process.
//!
//! ```text
//! process 0   piece 0 ─▶ piece 1 ─▶ piece 2 ─▶ ...
//!                 └──────────▼
//! process 1              piece 0 ─▶ piece 1 ─▶ piece 2 ─▶ ...
//! ```
//!
//! The first process begins a piece, adds its terms and sends the piece to the second, which adds its own,
//! while the first is at the next piece. What the last process has is the sum that one process would have
//! found: each number got the same terms in the same order. So gradients are summed over the images of a
//! batch, and reconstructions over the units of a layer.

use rayon::prelude::*;

use super::portion::Portion;
use crate::error::Result;
use crate::ranks::{Kind, Ranks};

/// A piece of the sums: some runs of numbers.
pub(super) struct Piece<'a> {
    /// Which numbers they are, as the caller counts.
    pub(super) first: usize,
    pub(super) runs: Vec<&'a mut [f32]>,
}

impl Piece<'_> {
    fn receive(&mut self, ranks: &dyn Ranks, from: usize, message: &mut Vec<f32>) -> Result<()> {
        message.resize(self.runs.iter().map(|run| run.len()).sum(), 0.0);
        ranks.receive(from, Kind::Sums, bytemuck::cast_slice_mut(message))?;
        let mut rest = &message[..];
        for run in &mut self.runs {
            if let Some(numbers) = rest.split_off(..run.len()) {
                run.copy_from_slice(numbers);
            }
        }
        Ok(())
    }

    fn send(&self, ranks: &dyn Ranks, to: usize, message: &mut Vec<f32>) -> Result<()> {
        message.clear();
        self.runs.iter().for_each(|run| message.extend_from_slice(run));
        Ok(ranks.send(to, Kind::Sums, bytemuck::cast_slice(message))?)
    }
}

/// Sums pieces over all processes. `begin` begins a piece, and `add` adds this process's terms. The sums are
/// then with the last process; those of the others are not finished.
pub(super) fn chain<'a>(
    portion: &Portion,
    pieces: &mut [Piece<'a>],
    begin: impl Fn(&mut Piece<'a>) + Sync,
    add: impl Fn(&mut Piece<'a>) -> Result<()> + Sync,
) -> Result<()> {
    let ranks = portion.ranks();
    let (rank, last) = (ranks.rank(), ranks.size() - 1);
    let work = |piece: &mut Piece<'a>| {
        if rank == 0 {
            begin(piece);
        }
        add(piece)
    };
    if last == 0 {
        return pieces.par_iter_mut().try_for_each(work);
    }
    let mut message = Vec::new();
    // As many at a time as there are threads, so that the next process need not wait for more.
    for pieces in pieces.chunks_mut(rayon::current_num_threads()) {
        if rank > 0 {
            pieces.iter_mut().try_for_each(|piece| piece.receive(ranks, rank - 1, &mut message))?;
        }
        pieces.par_iter_mut().try_for_each(work)?;
        if rank < last {
            pieces.iter().try_for_each(|piece| piece.send(ranks, rank + 1, &mut message))?;
        }
    }
    Ok(())
}

/// The pixels of a piece: whole vectors, and few enough that this part of all units' weights fits into the
/// second-level cache.
pub(super) const PIXELS: usize = 128;

/// The image and the pixel at which a piece of [`pixel_pieces`] begins.
pub(super) fn place(first: usize, len: usize) -> (usize, usize) {
    (first / len, first % len)
}

/// The pixels of some images, in pieces of [`PIXELS`] of so many images. The pieces of the same pixels follow
/// each other, so that a thread finds their weights in its cache. [`place`] says where a piece begins.
pub(super) fn pixel_pieces(len: usize, images: usize, rows: &mut [f32]) -> Vec<Piece<'_>> {
    let groups = (rows.len() / len).div_ceil(images);
    let pieces = (0..len).step_by(PIXELS).flat_map(|pixel| {
        let first = move |group: usize| group * images * len + pixel;
        (0..groups).map(move |group| Piece { first: first(group), runs: Vec::new() })
    });
    let mut pieces: Vec<_> = pieces.collect();
    for (image, row) in rows.chunks_exact_mut(len).enumerate() {
        let of_image = pieces.iter_mut().skip(image / images).step_by(groups);
        for (piece, part) in of_image.zip(row.chunks_mut(PIXELS)) {
            piece.runs.push(part);
        }
    }
    pieces
}
