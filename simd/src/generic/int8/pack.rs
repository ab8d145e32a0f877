//! Weights in the order in which the kernels read them.
//!
//! A block belongs to as many filters as a register has sums. It holds their biases, their multipliers, and
//! then for each four taps of a field's row a word of each filter. Rows are filled up to whole words with
//! weights of 0.

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

/// Taps in a word.
pub(crate) const TAPS: usize = 4;

/// Words of a filter before its weights: bias and multiplier.
pub(crate) const BEFORE: usize = 2;

/// Words of a row of a field.
pub(crate) const fn row_words(fields: &ReceptiveFields) -> usize {
    fields.row_len.div_ceil(TAPS)
}

/// Words of a block for each of its filters.
const fn filter_words(fields: &ReceptiveFields) -> usize {
    fields.rows.saturating_mul(row_words(fields)).saturating_add(BEFORE)
}

/// Words of a block.
pub(crate) const fn block_len(fields: &ReceptiveFields, lanes: usize) -> usize {
    filter_words(fields).saturating_mul(lanes)
}

/// Words of all blocks.
pub(crate) const fn prepared_len(fields: &ReceptiveFields, filters: usize, lanes: usize) -> usize {
    filters.div_ceil(lanes).saturating_mul(block_len(fields, lanes))
}

/// Packs filters. `offset` is what the kernel takes off the inputs: what is lost by that goes into the bias.
pub(crate) fn prepare<W: Iterator<Item = i8>>(
    fields: &ReceptiveFields,
    lanes: usize,
    offset: i32,
    mut filters: impl Iterator<Item = Int8Filter<W>>,
    prepared: &mut [i32],
) {
    prepared.fill(0);
    for block in prepared.chunks_exact_mut(block_len(fields, lanes).max(1)) {
        for lane in 0..lanes {
            let Some(Int8Filter { weights, bias, multiplier }) = filters.next() else { return };
            let mut places = block.iter_mut().skip(lane).step_by(lanes);
            let (Some(first), Some(second)) = (places.next(), places.next()) else { return };
            *second = multiplier;
            let mut weights = weights.fuse();
            let mut sum = 0i32;
            for place in 0..fields.rows * row_words(fields) {
                // A row's last word may have fewer taps.
                let left = fields.row_len - place % row_words(fields) * TAPS;
                let mut word = [0i8; TAPS];
                for (to, weight) in word.iter_mut().take(left).zip(&mut weights) {
                    *to = weight;
                    sum = sum.wrapping_add(i32::from(weight));
                }
                if let Some(to) = places.next() {
                    *to = i32::from_ne_bytes(word.map(|weight| weight as u8));
                }
            }
            *first = bias.wrapping_add(sum.wrapping_mul(offset));
        }
    }
}
