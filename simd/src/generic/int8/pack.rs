//! Weights in the order in which the kernels read them.
//!
//! A block belongs to as many filters as a register has sums. It holds their biases, their multipliers, and
//! then for some taps of a field's row, four or eight, those of each filter: units. Rows are filled up to
//! whole units with weights of 0.

use wta_core::ReceptiveFields;

/// A filter of a quantised layer.
#[derive(Clone, Copy, Debug)]
pub struct Int8Filter<W> {
    /// Its weights in their order, row by row of the field. Missing ones are 0.
    pub weights: W,
    /// Where its sum starts.
    pub bias: i32,
    /// What turns its sum into an activation: see [`requantise`](wta_core::int8::requantise). Not negative.
    pub multiplier: i32,
}

/// Words of a filter before its weights: bias and multiplier.
pub(crate) const BEFORE: usize = 2;

/// Bytes in a word.
const WORD: usize = 4;

/// The most taps of a unit.
const MOST_TAPS: usize = 8;

/// How an instruction set wants its weights.
#[derive(Clone, Copy)]
pub(crate) struct Packing {
    /// Filters of a block.
    pub(crate) lanes: usize,
    /// Taps of a unit: a multiple of four.
    pub(crate) taps: usize,
    /// What the kernel takes off the inputs; what is lost by that goes into the biases.
    pub(crate) offset: i32,
}

impl Packing {
    /// Units of a row of a field.
    pub(crate) const fn row_units(&self, fields: &ReceptiveFields) -> usize {
        fields.row_len.div_ceil(self.taps)
    }

    /// Words of a block.
    pub(crate) const fn block_len(&self, fields: &ReceptiveFields) -> usize {
        let units = fields.rows.saturating_mul(self.row_units(fields));
        let words = units.saturating_mul(self.taps / WORD).saturating_add(BEFORE);
        words.saturating_mul(self.lanes)
    }

    /// Words of all blocks.
    pub(crate) const fn prepared_len(&self, fields: &ReceptiveFields, filters: usize) -> usize {
        filters.div_ceil(self.lanes).saturating_mul(self.block_len(fields))
    }

    /// Packs filters.
    pub(crate) fn prepare<W: Iterator<Item = i8>>(
        &self,
        fields: &ReceptiveFields,
        mut filters: impl Iterator<Item = Int8Filter<W>>,
        prepared: &mut [i32],
    ) {
        prepared.fill(0);
        let Self { lanes, taps, offset } = *self;
        for block in prepared.chunks_exact_mut(self.block_len(fields).max(1)) {
            let (before, units) = block.split_at_mut(BEFORE * lanes);
            let (biases, multipliers) = before.split_at_mut(lanes);
            for (lane, (to, place)) in biases.iter_mut().zip(multipliers).enumerate() {
                let Some(Int8Filter { weights, bias, multiplier }) = filters.next() else { return };
                *place = multiplier;
                let mut weights = weights.fuse();
                let mut sum = 0i32;
                let units = units.chunks_exact_mut(taps / WORD).skip(lane).step_by(lanes);
                for (index, unit) in units.enumerate() {
                    // A row's last unit may have fewer taps.
                    let left = fields.row_len - index % self.row_units(fields) * taps;
                    let mut bytes = [0u8; MOST_TAPS];
                    for (byte, weight) in bytes.iter_mut().take(taps.min(left)).zip(&mut weights) {
                        *byte = weight as u8;
                        sum = sum.wrapping_add(i32::from(weight));
                    }
                    let words = bytes.as_chunks().0.iter();
                    unit.iter_mut().zip(words).for_each(|(to, word)| *to = i32::from_ne_bytes(*word));
                }
                *to = bias.wrapping_add(sum.wrapping_mul(offset));
            }
        }
    }
}
