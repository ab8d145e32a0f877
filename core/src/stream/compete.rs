//! The winners of an image, and what the dictionary makes of them, row by row.

use crate::compete::Candidates;
use crate::error::Result;
use crate::kernels::Kernels;
use crate::stream::forward::Forward;
use crate::stream::rows::Rows;
use crate::train::learn::{Learner, Winners, subtract_row};

impl<'a, K: Kernels> Forward<'a, K> {
    /// Keeps each map's winner of an image; `row` is scratch for a row of the code.
    pub(crate) fn compete(
        &mut self,
        image: &mut impl Rows,
        row: &mut [f32],
        winners: Candidates<'_>,
    ) -> Result<()> {
        let code = self.network().code();
        let kernels = self.kernels();
        winners.values.fill(0.0);
        winners.positions.fill(0);
        self.restart(image)?;
        for y in 0..code.height {
            self.next_row(image, row)?;
            kernels.compete(row, (y * code.width) as u32, winners.values, winners.positions);
        }
        Ok(())
    }

    /// [`Learner::residual`], for an image whose rows are read again.
    pub(crate) fn residual(
        &mut self,
        image: &mut impl Rows,
        winners: Winners<'_>,
        residual: &mut [f32],
    ) -> Result<f32> {
        self.learner().padded_reconstruction(winners, residual)?;
        let rows = self.network().decoder().padded().rows_mut(residual);
        let mut loss = 0.0;
        for (y, residual) in rows.enumerate() {
            loss += subtract_row(residual, self.image_row(y, image)?);
        }
        Ok(0.5 * loss)
    }

    /// The operations of learning with the same kernels and parameters.
    pub(crate) fn learner(&self) -> Learner<'a, K> {
        Learner::new(self.kernels(), self.parameters())
    }
}
