//! What the first of the processes that train together tells the others of the outcome.

use super::options::Outcome;
use crate::error::Result;
use crate::ranks::Team;

impl Team {
    /// The first process's outcome.
    pub(super) fn firsts_outcome(&self, mine: Option<Outcome>) -> Result<Outcome> {
        let told = mine.map_or([0; 5], |mine| {
            [
                u64::from(mine.checksum),
                mine.loss.to_bits(),
                u64::from(mine.held_out_loss.is_some()),
                mine.held_out_loss.unwrap_or(0.0).to_bits(),
                mine.dead_share.to_bits(),
            ]
        });
        let [checksum, loss, has_held_out, held_out_loss, dead_share] = self.firsts(told)?;
        Ok(Outcome {
            checksum: checksum as u32,
            loss: f64::from_bits(loss),
            held_out_loss: (has_held_out == 1).then(|| f64::from_bits(held_out_loss)),
            dead_share: f64::from_bits(dead_share),
            seconds: 0.0,
        })
    }
}
