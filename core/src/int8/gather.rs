//! A receptive field, number after number.

use core::hint::black_box;

use crate::field::ReceptiveFields;
use crate::runs::{pieces, runs_mut};

/// Copies the field at the start of `window`.
pub(crate) fn gather(fields: &ReceptiveFields, window: &[i16], to: &mut [i16]) {
    for (to, from) in runs_mut(to, fields.row_len).zip(pieces(window, fields.row_stride)) {
        for (to, from) in to.iter_mut().zip(from) {
            // Of the few numbers that a row has, the compiler would make a call.
            black_box(());
            *to = *from;
        }
    }
}
