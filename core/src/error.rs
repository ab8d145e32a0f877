//! What the core refuses.

use core::fmt;

/// The result of everything in the core that can fail.
pub type Result<T> = core::result::Result<T, Error>;

/// Why a description, a buffer or a number was refused. The core never panics on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A description that cannot be: the text says which part, and what it may be.
    Invalid(&'static str),
    /// A buffer of the wrong length.
    Length {
        /// Which buffer.
        what: &'static str,
        /// Elements it must have.
        expected: usize,
        /// Elements it has.
        found: usize,
    },
    /// A number that is not finite (infinite or not a number).
    NotFinite {
        /// Where: `image`, `weights`, ...
        what: &'static str,
        /// The index of the first element that is not finite.
        index: usize,
    },
    /// A number of an image of the batch that cannot be trained on; nothing has been changed.
    BadImage {
        /// The image's place in the batch, from 0.
        image: usize,
        /// The index of the first such number in the image.
        index: usize,
        /// What is wrong with it: `is not a finite number`, ...
        what: &'static str,
    },
    /// A training step whose gradient is too large or not finite; the weights are as before the step.
    Diverged {
        /// The index of the first such gradient element in the flat parameter vector.
        index: usize,
    },
    /// Bytes that are no whole and undamaged `model.wta`: the text says why.
    Model(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) | Self::Model(what) => f.write_str(what),
            Self::Length { what, expected, found } => {
                write!(f, "the {what} must have {expected} elements, but {found} were given")
            }
            Self::NotFinite { what, index } => {
                write!(f, "element {index} of the {what} is not a finite number")
            }
            Self::BadImage { image, index, what } => {
                write!(f, "element {index} of image {image} of the batch {what}; ")?;
                f.write_str("leave this image out, or let training skip bad images")
            }
            Self::Diverged { index } => {
                write!(f, "training diverged: the gradient of parameter {index} ")?;
                f.write_str("is not finite or absurdly large; lower the learning rate, or clip the gradient")
            }
        }
    }
}

impl core::error::Error for Error {}

/// The sentence of [`Display`](fmt::Display), word for word, without [`core::fmt`].
#[cfg(feature = "defmt")]
impl defmt::Format for Error {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Invalid(what) | Self::Model(what) => defmt::write!(f, "{=str}", what),
            Self::Length { what, expected, found } => defmt::write!(
                f,
                "the {=str} must have {=usize} elements, but {=usize} were given",
                what,
                expected,
                found
            ),
            Self::NotFinite { what, index } => {
                defmt::write!(f, "element {=usize} of the {=str} is not a finite number", index, what)
            }
            Self::BadImage { image, index, what } => defmt::write!(
                f,
                "element {=usize} of image {=usize} of the batch {=str}; \
                 leave this image out, or let training skip bad images",
                index,
                image,
                what
            ),
            Self::Diverged { index } => defmt::write!(
                f,
                "training diverged: the gradient of parameter {=usize} is not finite or absurdly large; \
                 lower the learning rate, or clip the gradient",
                index
            ),
        }
    }
}

impl Error {
    /// The rule that a constant description breaks: what [`constant!`](crate::constant) tells the compiler.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Invalid(rule) | Self::Model(rule) => rule,
            Self::Length { what, .. } | Self::NotFinite { what, .. } | Self::BadImage { what, .. } => what,
            Self::Diverged { .. } => "training diverged",
        }
    }

    /// Makes the error of a whole of that of one of its parts. `whole` says where an index of the part lies
    /// in the whole; only [`Error::NotFinite`] is changed.
    #[must_use]
    pub fn map_index(self, whole: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::NotFinite { what, index } => Self::NotFinite { what, index: whole(index) },
            other => other,
        }
    }
}

/// `Ok` when `found` elements are what `what` must have.
pub(crate) const fn expect_len(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// `Ok` when every element is finite, else an error that names the first one that is not. Not inlined: the
/// loop is worth a call, and there are many of them.
#[inline(never)]
pub fn expect_finite(what: &'static str, values: &[f32]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::NotFinite { what, index }),
    }
}
