//! From an image's rows to features and classes, row by row.
//!
//! A pooled row is open as long as rows of the code fall into its windows. After the last of them it is
//! handed over: to the caller, or to the sums of a linear classifier. Features and scores are those of
//! [`Pool::run`] and [`Svm::scores`] on the whole code, to the bit.

use crate::error::{Result, expect_len};
use crate::kernels::Kernels;
use crate::logging::logged;
use crate::math::inference;
use crate::memory::{part_mut, split_off};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::pool::{Pool, PoolKind};
use crate::runs::{runs, runs_mut};
use crate::shape::{Shape, div_ceil};
use crate::stream::forward::{Forward, forward_len};
use crate::stream::rows::Rows;
use crate::svm::{Svm, largest};

/// Numbers that [`Extractor`] needs with kernels that prepare nothing (the scalar ones): the encoder's
/// windows, a row of the code, and the pooled rows that are open at the same time. In bytes: four times as
/// many.
///
/// ```
/// use wta_core::{Conv, Network, Pool, Shape, Size, extractor_len};
///
/// const NET: Network = match Network::convolutional(
///     Shape::new(1, 28, 28),
///     &[Conv::new(16, Size::square(5))],
///     Size::square(11),
/// ) {
///     Ok(network) => network,
///     Err(_) => panic!("not a network"),
/// };
/// const LEN: usize = extractor_len(&NET, &Pool::square(5, 3));
/// // Five rows of 32 pixels, one of 28 x 16 activations, two of 10 x 16 features: 4 KB.
/// // The maps would take 50 KB.
/// assert_eq!(LEN, 5 * 32 + 28 * 16 + 2 * 10 * 16);
/// static MEMORY: [f32; LEN] = [0.0; LEN];
/// assert_eq!(size_of_val(&MEMORY), 3712);
/// ```
pub const fn extractor_len(network: &Network, pool: &Pool) -> usize {
    let code = network.code();
    let open = open_rows(pool).saturating_mul(row_len(pool.output(code)));
    forward_len(network).saturating_add(row_len(code)).saturating_add(open)
}

/// Pooled rows that are open at the same time.
const fn open_rows(pool: &Pool) -> usize {
    div_ceil(pool.kernel.height, pool.stride.height)
}

/// Numbers in a row of maps.
const fn row_len(maps: Shape) -> usize {
    maps.width.saturating_mul(maps.channels)
}

/// Features of images that arrive row by row.
#[derive(Debug)]
pub struct Extractor<'a, K> {
    forward: Forward<'a, K>,
    pool: Pool,
    sqrt_features: bool,
    code: &'a mut [f32],
    /// Pooled row `y` is number `y % open rows` of these.
    open: &'a mut [f32],
}

impl<'a, K: Kernels> Extractor<'a, K> {
    /// Prepares everything; with `sqrt_features`, features are pooled square roots ([`inference::sqrt`]) of
    /// the activations. To be done again whenever the parameters have changed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for a pooling that does not fit the maps,
    /// [`Error::Length`](crate::Error::Length) unless `memory` has
    /// [`extractor_len`] numbers and, for other than scalar kernels, [`Forward::prepared_len`].
    pub fn new(
        kernels: K,
        parameters: Parameters<'a>,
        pool: Pool,
        sqrt_features: bool,
        memory: &'a mut [f32],
    ) -> Result<Self> {
        let forward = Forward::blank(kernels, parameters);
        // Prepared in its place: what is returned lies on the stack twice.
        let mut extractor = Ok(Self { forward, pool, sqrt_features, code: &mut [], open: &mut [] });
        if let Ok(place) = &mut extractor
            && let Err(error) = place.prepare(memory)
        {
            extractor = Err(error);
        }
        logged!(extractor)
    }

    #[inline(never)]
    fn prepare(&mut self, memory: &'a mut [f32]) -> Result<()> {
        let network = self.forward.network();
        let code = network.code();
        self.pool.check(code)?;
        let prepared = Forward::prepared_len(self.forward.kernels(), network);
        expect_len("memory of the features", extractor_len(network, &self.pool) + prepared, memory.len())?;
        let forward_len = forward_len(network) + prepared;
        let mut rest = memory;
        self.forward.prepare(split_off(&mut rest, forward_len))?;
        self.code = split_off(&mut rest, row_len(code));
        self.open = rest;
        Ok(())
    }

    /// The shape of an image's features.
    pub fn shape(&self) -> Shape {
        self.pool.output(self.forward.network().code())
    }

    /// Hands each row of an image's features to `sink` as soon as it is known: its number, and `width x maps`
    /// features, position by position with the maps side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for an image of another size,
    /// [`Error::NotFinite`](crate::Error::NotFinite) if a pixel is not finite, or what `sink` returns.
    pub fn for_each_row(
        &mut self,
        mut image: impl Rows,
        mut sink: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let kernels = self.forward.kernels();
        let (maps, pooled) = (self.forward.network().code(), self.shape());
        let (pool, len, open_rows) = (self.pool, row_len(pooled), open_rows(&self.pool));
        // The square root of the largest is the largest square root, and takes fewer of them.
        let sqrt_last = self.sqrt_features && pool.kind == PoolKind::Max;
        logged!(self.forward.restart(&image))?;
        // The pooled rows first..end are open.
        let (mut first, mut end) = (0, 0);
        for y in 0..maps.height {
            logged!(self.forward.next_row(&mut image, self.code))?;
            pool.threshold.apply(maps.channels, self.code);
            if self.sqrt_features && !sqrt_last {
                self.code.iter_mut().for_each(|activation| *activation = inference::sqrt(*activation));
            }
            while end < pooled.height && end * pool.stride.height <= y {
                pool.kind.start(part_mut(self.open, slot(end, open_rows) * len, len));
                end += 1;
            }
            for window_y in first..end {
                let row = part_mut(self.open, slot(window_y, open_rows) * len, len);
                for (window_x, window) in runs_mut(row, maps.channels).enumerate() {
                    let positions = runs(self.code, maps.channels);
                    for position in positions.skip(window_x * pool.stride.width).take(pool.kernel.width) {
                        pool.kind.add(kernels, position, window);
                    }
                }
            }
            let last = y + 1 == maps.height;
            while first < end && (last || y + 1 >= first * pool.stride.height + pool.kernel.height) {
                let row = part_mut(self.open, slot(first, open_rows) * len, len);
                for (window_x, window) in runs_mut(row, maps.channels).enumerate() {
                    pool.kind.finish(pool.positions(maps, first, window_x), window);
                }
                if sqrt_last {
                    row.iter_mut().for_each(|feature| *feature = inference::sqrt(*feature));
                }
                sink(first, row)?;
                first += 1;
            }
        }
        Ok(())
    }

    /// All features of an image.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for an image of another size, or unless `features` has the
    /// numbers of [`Extractor::shape`]; [`Error::NotFinite`](crate::Error::NotFinite) if a pixel is not
    /// finite.
    pub fn features(&mut self, image: impl Rows, features: &mut [f32]) -> Result<()> {
        logged!(expect_len("features", self.shape().len(), features.len()))?;
        self.for_each_row(image, |y, row| {
            let to = part_mut(features, y * row.len(), row.len());
            to.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            Ok(())
        })
    }
}

/// Where a pooled row lies among those that are open.
const fn slot(y: usize, open_rows: usize) -> usize {
    match y.checked_rem(open_rows) {
        Some(slot) => slot,
        None => 0,
    }
}

/// Classes of images that arrive row by row.
///
/// Beside the [`Extractor`]'s memory it needs one number for each class.
#[derive(Debug)]
pub struct Classifier<'a, K> {
    extractor: Extractor<'a, K>,
    svm: Svm<'a>,
    scores: &'a mut [f32],
}

impl<'a, K: Kernels> Classifier<'a, K> {
    /// A classifier of these features; `scores` has a number for each class.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) when the support vector machine was trained on another number
    /// of features, or `scores` has another length.
    pub fn new(extractor: Extractor<'a, K>, svm: Svm<'a>, scores: &'a mut [f32]) -> Result<Self> {
        logged!(expect_len("features", svm.features(), extractor.shape().len()))?;
        logged!(expect_len("scores", svm.classes(), scores.len()))?;
        Ok(Self { extractor, svm, scores })
    }

    /// The decision value of each class, in order; see [`Svm::scores`].
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for an image of another size,
    /// [`Error::NotFinite`](crate::Error::NotFinite) if a pixel or a feature is not finite.
    pub fn scores(&mut self, image: impl Rows) -> Result<&[f32]> {
        let Self { extractor, svm, scores } = self;
        scores.fill(0.0);
        extractor.for_each_row(image, |y, row| svm.add_products(y * row.len(), row, scores))?;
        svm.add_bias(scores);
        Ok(scores)
    }

    /// The class with the largest decision value; ties go to the lowest class.
    ///
    /// # Errors
    ///
    /// As for [`Classifier::scores`].
    pub fn classify(&mut self, image: impl Rows) -> Result<usize> {
        Ok(largest(self.scores(image)?.iter().copied()))
    }
}
