//! Maxima of activations in windows of a map.

use wta_core::{Pool, Shape, Size};

/// Pools a code: maps of this shape, side by side at each position. `row` is memory.
pub(super) fn pooled(pool: Pool, maps: Shape, code: &[u8], row: &mut Vec<u8>, features: &mut [u8]) {
    if (pool.kernel, pool.stride) == (Size::ONE, Size::ONE) {
        features.copy_from_slice(code);
        return;
    }
    let (output, channels) = (pool.output(maps), maps.channels.max(1));
    let row_len = maps.width * channels;
    for (y, to) in features.chunks_exact_mut((output.width * channels).max(1)).enumerate() {
        let rows = code.chunks_exact(row_len.max(1));
        let rows = rows.skip(y * pool.stride.height).take(pool.kernel.height);
        row.clear();
        row.resize(row_len, 0);
        rows.for_each(|from| largest(from, row));
        to.fill(0);
        for (x, window) in to.chunks_exact_mut(channels).enumerate() {
            let columns = row.chunks_exact(channels);
            let columns = columns.skip(x * pool.stride.width).take(pool.kernel.width);
            columns.for_each(|from| largest(from, window));
        }
    }
}

fn largest(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = (*to).max(*from));
}
