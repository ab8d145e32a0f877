//! The steps as they lie in a section of a `model.wta`, in 32-bit words:
//!
//! ```text
//! steps, 1 to 8 | channels, height, width of a sample | then for each step: kind, n, and n numbers in f32
//! ```

use crate::error::{Error, Result, expect_finite};
use crate::memory::part;
use crate::shape::{Shape, Size};

/// The most steps.
pub const MAX_STEPS: usize = 8;
/// The most numbers of a sample that is whitened: the matrix then takes 4 MiB of flash.
pub const MAX_WHITENED: usize = 1024;
/// The most numbers of a sample.
const MAX_SAMPLE: usize = 1 << 26;
/// The most rows or columns of a filter.
pub const MAX_FILTER: usize = 1023;

/// Kind of a step: a mean is subtracted from all numbers, which are then multiplied by a factor.
pub const UNIFORM: u32 = 1;
/// Kind of a step: the same with a mean for each channel, and then a factor for each.
pub const CHANNELS: u32 = 2;
/// Kind of a step: the same with a mean for each number of the sample, and then a factor for each.
pub const NUMBERS: u32 = 3;
/// Kind of a step: each sample to zero mean and unit deviation. Its number is added to the variance.
pub const CONTRAST: u32 = 4;
/// Kind of a step: means, one for each number, are subtracted; then a matrix, row by row, is multiplied.
pub const WHITENING: u32 = 5;
/// Kind of a step: each channel relative to its surroundings. Its numbers are the window's weights from the
/// centre outwards.
pub const LOCAL_CONTRAST: u32 = 6;
/// Kind of a step: whitening by convolution. Its numbers are the filters' rows and columns, both odd, a mean
/// for each channel, and a filter for each: rows, columns, channels. The sample is mirrored at its border.
pub const FILTER: u32 = 7;

/// A step in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step<'a> {
    /// `(x - mean) * factor`.
    Uniform(f32, f32),
    /// The same by channel.
    Channels(&'a [f32], &'a [f32]),
    /// The same by number.
    Numbers(&'a [f32], &'a [f32]),
    Contrast(f32),
    /// Means and matrix.
    Whitening(&'a [f32], &'a [f32]),
    LocalContrast(&'a [f32]),
    /// The numbers of [`Filter::of`].
    Filter(&'a [f32]),
}

impl Step<'_> {
    /// Whether the step needs a whole sample in memory.
    pub(super) const fn holds(&self) -> bool {
        matches!(self, Self::Whitening(..) | Self::LocalContrast(_) | Self::Filter(_))
    }

    /// Numbers of memory that the step needs: a whole sample, for a filter with its border.
    pub(super) fn held_len(&self, sample: Shape) -> usize {
        match self {
            Self::Filter(numbers) => bordered(sample, filter_size(numbers).unwrap_or(Size::ONE)).len(),
            Self::Whitening(..) | Self::LocalContrast(_) => sample.len(),
            Self::Uniform(..) | Self::Channels(..) | Self::Numbers(..) | Self::Contrast(_) => 0,
        }
    }
}

/// A sample with its border, for filters of this size.
pub(super) const fn bordered(sample: Shape, kernel: Size) -> Shape {
    let (more, wider) = (kernel.height.saturating_sub(1), kernel.width.saturating_sub(1));
    Shape::new(sample.channels, sample.height.saturating_add(more), sample.width.saturating_add(wider))
}

/// Whitening by convolution.
#[derive(Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) kernel: Size,
    /// One for each channel.
    pub(super) means: &'a [f32],
    /// For each channel, rows, columns and channels.
    pub(super) filters: &'a [f32],
}

impl<'a> Filter<'a> {
    /// The parts of the numbers of a [`FILTER`].
    pub(super) fn of(numbers: &'a [f32], channels: usize) -> Self {
        let kernel = filter_size(numbers).unwrap_or(Size::ONE);
        let rest = numbers.get(2..).unwrap_or_default();
        let (means, filters) = rest.split_at_checked(channels).unwrap_or_default();
        Self { kernel, means, filters }
    }
}

/// The filters' size, if these numbers are those of a [`FILTER`].
#[inline(never)]
fn filter_size(numbers: &[f32]) -> Option<Size> {
    let (&[height, width], _) = numbers.split_first_chunk()?;
    let side = |number: f32| {
        let side = number as usize;
        (side as f32 == number && side <= MAX_FILTER && !side.is_multiple_of(2)).then_some(side)
    };
    Some(Size::new(side(height)?, side(width)?))
}

/// The steps between a sample and a network, with the numbers that they learnt, in place.
#[derive(Clone, Copy, Debug)]
pub struct Preprocessing<'a> {
    shape: Shape,
    planar: bool,
    count: usize,
    words: &'a [u32],
}

impl<'a> Preprocessing<'a> {
    /// No steps, for samples of this shape.
    pub const fn none(shape: Shape) -> Self {
        Self { shape, planar: false, count: 0, words: &[] }
    }

    /// The steps in the words of a section. With `planar`, samples come channel after channel.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for what is no list of steps, [`Error::NotFinite`] for a number that is not finite.
    pub fn new(words: &'a [u32], planar: bool) -> Result<Self> {
        let steps = Self::known(words, planar);
        if steps.count == 0 || steps.count > MAX_STEPS {
            return Err(WRONG);
        }
        if steps.shape.len_within(MAX_SAMPLE).is_none_or(|len| len == 0) {
            return Err(WRONG);
        }
        let mut rest = steps.words;
        for _ in 0..steps.count {
            steps.check(next(&mut rest))?;
        }
        if rest.is_empty() { Ok(steps) } else { Err(WRONG) }
    }

    /// The same for words that have been checked.
    pub(crate) fn known(words: &'a [u32], planar: bool) -> Self {
        let number = |index: usize| words.get(index).map_or(0, |word| *word as usize);
        let shape = Shape::new(number(1), number(2), number(3));
        Self { shape, planar, count: number(0), words: words.get(4..).unwrap_or_default() }
    }

    fn check(&self, step: Option<(u32, &[f32])>) -> Result<()> {
        let Some((kind, numbers)) = step else { return Err(WRONG) };
        expect_finite("preprocessing", numbers)?;
        let len = self.shape.len();
        let expected = match kind {
            UNIFORM => 2,
            CHANNELS => 2 * self.shape.channels,
            NUMBERS => 2 * len,
            CONTRAST => 1,
            WHITENING if len > MAX_WHITENED => {
                return Err(Error::Model("this model.wta whitens samples of more than 1024 numbers"));
            }
            WHITENING => len + len * len,
            LOCAL_CONTRAST => numbers.len().clamp(1, 501),
            FILTER => {
                let (Some(size), channels) = (filter_size(numbers), self.shape.channels) else {
                    return Err(WRONG);
                };
                if bordered(self.shape, size).len_within(MAX_SAMPLE).is_none() {
                    return Err(WRONG);
                }
                let filter = Shape::new(channels, size.height, size.width).len();
                filter.saturating_mul(channels).saturating_add(channels).saturating_add(2)
            }
            _ => return Err(WRONG),
        };
        if numbers.len() != expected {
            return Err(WRONG);
        }
        let positive =
            |least: f32| numbers.iter().all(|number| *number >= 0.0) && numbers.first() >= Some(&least);
        match kind {
            CONTRAST | LOCAL_CONTRAST
                if !positive(if kind == CONTRAST { 0.0 } else { f32::MIN_POSITIVE }) =>
            {
                Err(Error::Model("a preprocessing step of this model.wta has a negative number"))
            }
            _ => Ok(()),
        }
    }

    /// The shape of a sample as the steps were learnt: channels last, unless the samples are planar.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// How many steps there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no steps.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Numbers of memory that [`Preprocessed`](crate::Preprocessed) needs: a sample for each step that holds
    /// one, which whitening, filters (with its border) and local contrast do, and the others do not.
    pub fn memory_len(&self) -> usize {
        self.steps().map(|step| step.held_len(self.shape)).fold(0, usize::saturating_add)
    }

    /// The steps in their order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'a>> + use<'a> {
        let (mut rest, len) = (self.words, self.shape.len());
        let halves = |numbers: &'a [f32]| numbers.split_at_checked(numbers.len() / 2).unwrap_or_default();
        (0..self.count).filter_map(move |_| {
            let (kind, numbers) = next(&mut rest)?;
            let first = numbers.first().copied().unwrap_or(0.0);
            Some(match kind {
                UNIFORM => Step::Uniform(first, numbers.last().copied().unwrap_or(1.0)),
                CHANNELS => {
                    let (means, factors) = halves(numbers);
                    Step::Channels(means, factors)
                }
                NUMBERS => {
                    let (means, factors) = halves(numbers);
                    Step::Numbers(means, factors)
                }
                WHITENING => {
                    let (means, matrix) = numbers.split_at_checked(len).unwrap_or_default();
                    Step::Whitening(means, matrix)
                }
                LOCAL_CONTRAST => Step::LocalContrast(numbers),
                FILTER => Step::Filter(numbers),
                _ => Step::Contrast(first),
            })
        })
    }

    /// Where the number lies in a sample with its channels last that is number `place` of the sample as it
    /// comes.
    pub(super) const fn order(&self, place: usize) -> usize {
        if !self.planar {
            return place;
        }
        let positions = self.shape.positions();
        match (place.checked_div(positions), place.checked_rem(positions)) {
            (Some(channel), Some(position)) => position * self.shape.channels + channel,
            _ => place,
        }
    }

    /// The inverse of [`Preprocessing::order`].
    pub(super) const fn place(&self, order: usize) -> usize {
        if !self.planar {
            return order;
        }
        let channels = self.shape.channels;
        match (order.checked_div(channels), order.checked_rem(channels)) {
            (Some(position), Some(channel)) => channel * self.shape.positions() + position,
            _ => order,
        }
    }
}

const WRONG: Error =
    Error::Model("the preprocessing of this model.wta is not 1 to 8 steps of known kinds and right lengths");

/// Takes a step's kind and numbers off the words.
fn next<'a>(rest: &mut &'a [u32]) -> Option<(u32, &'a [f32])> {
    let (&[kind, len], behind) = rest.split_first_chunk()?;
    let len = usize::try_from(len).ok().filter(|len| *len <= behind.len())?;
    *rest = behind.get(len..)?;
    Some((kind, bytemuck::try_cast_slice(part(behind, 0, len)).unwrap_or_default()))
}
