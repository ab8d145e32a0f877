//! Pooling a code row by row, so that a row is pooled while it is in the cache, and so that there need not be
//! more rows of it than a band has.

use std::ops::Range;

use wta_core::{Kernels, Pool, PoolKind, Shape};
use wta_simd::Isa;

/// Rows of windows into which the code is pooled row by row, in the order of [`Pool::run`].
pub(super) struct Windows<'f> {
    isa: Isa,
    pool: Pool,
    code: Shape,
    /// The shape of the features; windows beyond it are left out.
    shape: Shape,
    /// The rows of windows.
    wanted: Range<usize>,
    features: &'f mut [f32],
}

impl<'f> Windows<'f> {
    /// Windows in which nothing is pooled yet: the rows `wanted` of features of this shape.
    pub(super) fn new(
        isa: Isa,
        pool: Pool,
        code: Shape,
        shape: Shape,
        wanted: Range<usize>,
        features: &'f mut [f32],
    ) -> Self {
        features.fill(match pool.kind {
            PoolKind::Max => f32::NEG_INFINITY,
            PoolKind::Average => 0.0,
        });
        Self { isa, pool, code, shape, wanted, features }
    }

    fn is_none(&self) -> bool {
        let Pool { kernel, stride, .. } = self.pool;
        (kernel.area(), stride.area()) == (1, 1)
    }

    fn row(&self) -> usize {
        (self.shape.width * self.shape.channels).max(1)
    }

    /// Pools row `y` of the code.
    pub(super) fn add(&mut self, y: usize, row: &[f32]) {
        let (len, channels) = (self.row(), self.code.channels.max(1));
        let Pool { kernel, stride, kind, .. } = self.pool;
        let first = (y + 1).saturating_sub(kernel.height).div_ceil(stride.height).max(self.wanted.start);
        let last = (y / stride.height + 1).min(self.wanted.end);
        let (isa, is_none) = (self.isa, self.is_none());
        let rows = self.features.chunks_exact_mut(len).skip(first - self.wanted.start);
        for windows in rows.take(last.saturating_sub(first)) {
            if is_none {
                windows.iter_mut().zip(row).for_each(|(to, v)| *to = *v);
                continue;
            }
            for (x, window) in windows.chunks_exact_mut(channels).enumerate() {
                for position in row.chunks_exact(channels).skip(x * stride.width).take(kernel.width) {
                    match kind {
                        PoolKind::Max => isa.max(position, window),
                        PoolKind::Average => window.iter_mut().zip(position).for_each(|(to, v)| *to += *v),
                    }
                }
            }
        }
    }

    /// Finishes all windows.
    pub(super) fn finish(self) {
        let (len, channels) = (self.row(), self.code.channels.max(1));
        let Pool { kernel, stride, kind, .. } = self.pool;
        if kind == PoolKind::Max || self.is_none() {
            return;
        }
        let left = |len: usize, start: usize, window: usize| len.saturating_sub(start).min(window);
        for (windows, y) in self.features.chunks_exact_mut(len).zip(self.wanted) {
            let rows = left(self.code.height, y * stride.height, kernel.height);
            for (x, window) in windows.chunks_exact_mut(channels).enumerate() {
                let positions = (rows * left(self.code.width, x * stride.width, kernel.width)) as f32;
                window.iter_mut().for_each(|sum| *sum /= positions);
            }
        }
    }
}
