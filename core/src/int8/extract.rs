//! From an image to its pooled features, row by row.

use crate::error::{Error, Result, expect_len};
use crate::field::ReceptiveFields;
use crate::int8::activation::{MAX_ACTIVATION, sqrt};
use crate::int8::kernels::Int8Kernels;
use crate::int8::network::{Int8Network, pooled_rows, row_len, scratch_len, window_len, windows_len};
use crate::int8::rows::Int8Rows;
use crate::int8::window::Window;
use crate::logging::logged;
use crate::memory::{copy, part_mut, split_off};
use crate::network::{MAX_LAYERS, Network};
use crate::pool::Pool;
use crate::runs::{runs, runs_mut};
use crate::shape::Shape;

/// Quantised features of images that arrive row by row: the rows go through the windows of the layers, and
/// the code's rows into open pooled rows. No map is ever held as a whole.
#[derive(Debug)]
pub struct Int8Extractor<'a, K> {
    kernels: K,
    network: Int8Network<'a>,
    /// One for each layer, and then unused ones.
    windows: [Window; MAX_LAYERS],
    /// The windows' rows.
    rows: &'a mut [i16],
    /// The kernels'.
    scratch: &'a mut [i16],
    /// A row of the code.
    code: &'a mut [i16],
    pooling: Pooling<'a, K>,
}

impl<'a, K: Int8Kernels> Int8Extractor<'a, K> {
    /// Numbers of memory for a network whose code is pooled so; twice as many bytes.
    pub const fn memory_len(network: &Network, pool: &Pool) -> usize {
        let code = network.code();
        let pooled = row_len(pool.output(code)).saturating_mul(pooled_rows(pool));
        let rows = row_len(code).saturating_add(pooled);
        windows_len(network).saturating_add(scratch_len::<K>(network)).saturating_add(rows)
    }

    /// Prepares everything; with `sqrt_features`, features are [square roots](sqrt) of the pooled
    /// activations.
    ///
    /// `memory` is best [`Aligned`](crate::int8::Aligned).
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `memory` has [`Int8Extractor::memory_len`] numbers, and those of
    /// [`Pool::check`] and [`Pool::check_int8`].
    pub fn new(
        kernels: K,
        network: Int8Network<'a>,
        pool: Pool,
        sqrt_features: bool,
        memory: &'a mut [i16],
    ) -> Result<Self> {
        let pooling = Pooling { kernels, pool, sqrt_features, open: &mut [], received: 0, emitted: 0 };
        let windows = [Window::new(0); MAX_LAYERS];
        // Prepared in its place: what is returned lies on the stack twice.
        let mut extractor =
            Ok(Self { kernels, network, windows, rows: &mut [], scratch: &mut [], code: &mut [], pooling });
        if let Ok(place) = &mut extractor
            && let Err(error) = place.prepare(memory)
        {
            extractor = Err(error);
        }
        logged!(extractor)
    }

    #[inline(never)]
    fn prepare(&mut self, memory: &'a mut [i16]) -> Result<()> {
        let description = self.network.network();
        let (code, pool) = (description.code(), &self.pooling.pool);
        pool.check(code)?;
        pool.check_int8()?;
        expect_len("memory of the features", Self::memory_len(description, pool), memory.len())?;
        let mut start = 0usize;
        for (layer, window) in description.each_layer().zip(&mut self.windows) {
            *window = Window::new(start);
            start = start.saturating_add(window_len(&layer));
        }
        let mut rest = memory;
        self.rows = split_off(&mut rest, start);
        self.scratch = split_off(&mut rest, scratch_len::<K>(description));
        self.code = split_off(&mut rest, row_len(code));
        self.pooling.open = rest;
        Ok(())
    }

    /// The kernels.
    pub(crate) const fn kernels(&self) -> K {
        self.kernels
    }

    /// The network.
    pub const fn network(&self) -> &Int8Network<'a> {
        &self.network
    }

    /// The shape of an image's features.
    pub const fn shape(&self) -> Shape {
        self.pooling.pool.output(self.network.network().code())
    }

    /// Hands each row of an image's features to `sink` as soon as it is known: its number, and `width x maps`
    /// features, position by position with the maps side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for an image of another size, [`Error::Invalid`] for a pixel beyond
    /// +-[`MAX_ACTIVATION`].
    pub fn for_each_row(
        &mut self,
        mut image: impl Int8Rows,
        mut sink: impl FnMut(usize, &[i16]),
    ) -> Result<()> {
        let input = self.network.network().input();
        logged!(image.expect_shape(input))?;
        let depth = self.network.network().depth();
        let layers = self.network.network().each_layer();
        self.windows.iter_mut().zip(layers).for_each(|(window, layer)| window.restart(&layer, self.rows));
        self.pooling.restart();
        for y in 0..input.height {
            if let (Some(window), Some(layer)) = (self.windows.first_mut(), self.network.network().layer(0)) {
                window.shift(&layer, self.rows);
                let row = window.newest_mut(&layer, self.rows);
                image.row(y, row);
                if row.iter().any(|pixel| pixel.unsigned_abs() > MAX_ACTIVATION.unsigned_abs()) {
                    return logged!(Err(Error::Invalid("a pixel of a quantised image is beyond 255")));
                }
            }
            self.rise(0, &mut sink);
        }
        // The lower borders: that of a layer comes after all rows of its map.
        for index in 0..depth {
            let Some(layer) = self.network.network().layer(index) else { return Ok(()) };
            for _ in 0..Window::below(&layer) {
                if let Some(window) = self.windows.get_mut(index) {
                    window.shift(&layer, self.rows);
                }
                self.rise(index, &mut sink);
            }
        }
        Ok(())
    }

    /// All features of an image.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `features` has the numbers of [`Int8Extractor::shape`], and as for
    /// [`Int8Extractor::for_each_row`].
    pub fn features(&mut self, image: impl Int8Rows, features: &mut [i16]) -> Result<()> {
        logged!(expect_len("features", self.shape().len(), features.len()))?;
        self.for_each_row(image, |y, row| {
            copy(row, part_mut(features, y.saturating_mul(row.len()), row.len()))
        })
    }

    /// The window of layer `index` has received a row: produces the rows above that it completes.
    fn rise(&mut self, mut index: usize, sink: &mut impl FnMut(usize, &[i16])) {
        while let Some(to_pool) = self.produce(index) {
            if to_pool {
                let maps = self.network.network().code();
                let row = part_mut(self.code, 0, maps.width.saturating_mul(maps.channels));
                self.pooling.row(maps, row, sink);
                return;
            }
            index = index.saturating_add(1);
        }
    }

    /// Produces the row above that the newest row of layer `index` completes, if it does: for the window of
    /// the next layer, or, where that is the code's, to be pooled.
    #[inline(never)]
    fn produce(&mut self, index: usize) -> Option<bool> {
        let Self { kernels, network, windows, rows, scratch, code, pooling } = self;
        let (layer, filters) = network.layer(index)?;
        let (window, above) = windows.get_mut(index..)?.split_first_mut()?;
        if !window.completes_row(&layer) {
            return None;
        }
        let fields = ReceptiveFields { height: 1, ..layer.receptive_fields() };
        match (network.network().layer(index.saturating_add(1)), above.first_mut()) {
            (Some(above), Some(next)) => {
                next.shift(&above, rows);
                let (lower, upper) = next.split(&above, rows);
                kernels.convolve(&fields, &filters, window.rows_mut(&layer, lower), scratch, upper);
                Some(false)
            }
            _ => {
                let output = layer.output();
                let row = part_mut(code, 0, output.width.saturating_mul(output.channels));
                kernels.convolve(&fields, &filters, window.rows_mut(&layer, rows), scratch, row);
                pooling.pool.threshold.apply_int8(output.channels, row);
                Some(true)
            }
        }
    }
}

/// Max-pooling as the code's rows are received.
#[derive(Debug)]
struct Pooling<'a, K> {
    kernels: K,
    pool: Pool,
    sqrt_features: bool,
    /// A row that is pooled across alone, then the open rows; pooled row `y` is number `y` modulo their
    /// number.
    open: &'a mut [i16],
    /// Rows of the code received.
    received: usize,
    /// Pooled rows emitted.
    emitted: usize,
}

impl<K: Int8Kernels> Pooling<'_, K> {
    fn restart(&mut self) {
        self.open.fill(0);
        self.received = 0;
        self.emitted = 0;
    }

    /// Receives the next row of a code of this shape, and emits the pooled rows that it completes.
    fn row(&mut self, maps: Shape, code: &mut [i16], sink: &mut impl FnMut(usize, &[i16])) {
        if pooled_rows(&self.pool) == 0 {
            if self.sqrt_features {
                sqrt_all(code);
            }
            sink(self.received, code);
            self.received = self.received.saturating_add(1);
            return;
        }
        let Pool { kernel, stride, .. } = self.pool;
        let output = self.pool.output(maps);
        let (len, row_len) = (output.width.saturating_mul(output.channels), row_len(output));
        let (across, open) = self.open.split_at_mut_checked(row_len).unwrap_or_default();
        let across = part_mut(across, 0, len);
        pool_across(self.kernels, self.pool, maps.channels, code, across);

        let y = self.received;
        self.received = self.received.saturating_add(1);
        let slots = pooled_rows(&self.pool).saturating_sub(1);
        let mut pooled = self.emitted;
        while pooled < output.height && pooled.saturating_mul(stride.height) <= y {
            let slot = pooled.checked_rem(slots).unwrap_or(0).saturating_mul(row_len);
            let row = part_mut(open, slot, len);
            self.kernels.max(across, row);
            let last = pooled.saturating_mul(stride.height).saturating_add(kernel.height);
            if self.received == last.min(maps.height) {
                if self.sqrt_features {
                    sqrt_all(row);
                }
                sink(pooled, row);
                row.fill(0);
                self.emitted = self.emitted.saturating_add(1);
            }
            pooled = pooled.saturating_add(1);
        }
    }
}

/// Replaces activations by their square roots.
fn sqrt_all(row: &mut [i16]) {
    row.iter_mut().for_each(|feature| *feature = sqrt(*feature));
}

/// The maxima of a row of maps in the windows' columns.
fn pool_across<K: Int8Kernels>(kernels: K, pool: Pool, channels: usize, maps: &[i16], pooled: &mut [i16]) {
    pooled.fill(0);
    let step = pool.stride.width.saturating_mul(channels);
    for (x, window) in runs_mut(pooled, channels).enumerate() {
        let columns = maps.get(x.saturating_mul(step)..).unwrap_or_default();
        for position in runs(columns, channels).take(pool.kernel.width) {
            kernels.max(position, window);
        }
    }
}
