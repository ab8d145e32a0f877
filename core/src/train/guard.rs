//! What keeps a glitch of a sensor from ruining a training: clipping, and images that are left out.
//!
//! - *Inputs*: every number of an image is clamped to a range before anything sees it: compete, the
//!   residual and the gradient get the clamped image. What is infinite is clamped too; what is not a number
//!   stays so, and makes the image bad.
//! - *Bad images*: an image is bad if one of its numbers is not a number, or infinite and not clamped, or
//!   beyond the limit. A bad image refuses the step, or is skipped: it then has no winners, no loss and no
//!   part in any gradient. The batch's size stays what it was in all else: the k of lifetime sparsity, and
//!   the divisor of gradient and loss. So the places of survivors do not depend on what a sensor does.
//! - *Gradient*: where its norm ([`Norm`]) is larger than what is allowed, all of it is multiplied by the
//!   same factor. Weight decay is added afterwards.
//!
//! All of it is off in [`Guard::NONE`], which costs nothing and changes no bit. All trainers do the same, to
//! the bit.
//!
//! [`Norm`]: crate::Norm

use crate::error::{Error, Result};
use crate::limits::{GRADIENT_LIMIT, flush, flushed};

/// The largest norm that gradients are clipped to: an element of a clipped gradient is then sane however it
/// was rounded.
const LARGEST_NORM: f32 = 1e17;

/// What becomes of a bad image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BadImages {
    /// The step is refused with [`Error::BadImage`].
    Refuse,
    /// The step is that of a batch in which this image has no winners and no loss. Only a batch of bad images
    /// alone is refused.
    Skip,
}

/// How training is protected from samples that are not what a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Guard {
    /// The smallest and the largest number that training sees: others are clamped to them.
    pub inputs: Option<(f32, f32)>,
    /// The largest absolute value, before clamping, that an image may have without being bad; more than 0.
    pub limit: Option<f32>,
    /// What becomes of bad images.
    pub bad_images: BadImages,
    /// The largest Euclidean norm of the gradient of all parameters, weight decay not counted; more than 0,
    /// at most 1e17, which leaves room below what a step is refused for.
    pub gradient_norm: Option<f32>,
}

impl Guard {
    /// No protection: a step on a bad image is refused.
    pub const NONE: Self =
        Self { inputs: None, limit: None, bad_images: BadImages::Refuse, gradient_norm: None };

    /// What a sensor in the field needs: inputs are clamped to the range that they have in good times, and
    /// images with a NaN are skipped.
    ///
    /// With inputs in their range, no gradient is larger than training has to bear anyway. Add
    /// [`Guard::with_gradient_norm`] where the range is wide or not known.
    pub const fn within(low: f32, high: f32) -> Self {
        Self { inputs: Some((low, high)), bad_images: BadImages::Skip, ..Self::NONE }
    }

    /// The same with gradients of at most this norm.
    #[must_use]
    pub const fn with_gradient_norm(self, largest: f32) -> Self {
        Self { gradient_norm: Some(largest), ..self }
    }

    /// The same with images being bad that have a number beyond `limit`.
    #[must_use]
    pub const fn with_limit(self, limit: f32) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Whether bad images are skipped.
    pub const fn skips(&self) -> bool {
        matches!(self.bad_images, BadImages::Skip)
    }

    /// `Ok` when the range, the limit and the norm can be.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names which cannot.
    pub const fn check(&self) -> Result<()> {
        match self.inputs {
            Some((low, high)) if !(low.is_finite() && high.is_finite() && low < high) => {
                return Err(Error::Invalid(
                    "inputs are clipped to two finite numbers, the first less than the second",
                ));
            }
            _ => {}
        }
        match self.limit {
            Some(limit) if !(limit > 0.0 && limit.is_finite()) => {
                return Err(Error::Invalid("the limit of inputs is finite and more than 0"));
            }
            _ => {}
        }
        match self.gradient_norm {
            Some(norm) if !(norm > 0.0 && norm <= LARGEST_NORM) => {
                Err(Error::Invalid("the gradient is clipped to a norm of more than 0 and at most 1e17"))
            }
            _ => Ok(()),
        }
    }

    /// The index of the first number that makes an image bad.
    // Not inlined, as what follows: loops are worth a call, and there are many of them.
    #[inline(never)]
    pub fn first_bad(&self, image: &[f32]) -> Option<usize> {
        let most = self.largest_good();
        let is_bad = |number: &f32| number.to_bits() << 1 > most;
        // All of them first, without a branch for each: hardly ever is one bad.
        let any = image.iter().fold(false, |any, number| any | is_bad(number));
        if any { image.iter().position(is_bad) } else { None }
    }

    /// The bits, without the sign, of the largest number of a good image. Without their sign, numbers are
    /// ordered as their bits are, and what is not a number comes last.
    pub(crate) const fn largest_good(&self) -> u32 {
        let most = match self.limit {
            Some(limit) => limit,
            None if self.inputs.is_some() => f32::INFINITY,
            None => f32::MAX,
        };
        most.to_bits() << 1
    }

    /// Whether image `image` of a batch takes part in the step. A bad image does not when it is skipped.
    ///
    /// # Errors
    ///
    /// [`Error::BadImage`] for a bad image that is not skipped.
    #[inline(never)]
    pub fn admits(&self, image: usize, numbers: &[f32]) -> Result<bool> {
        match self.first_bad(numbers) {
            None => Ok(true),
            Some(_) if self.skips() => Ok(false),
            Some(index) => Err(self.bad_image(image, index)),
        }
    }

    /// How many images of a batch are skipped when `good` take part in the step.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when none does.
    pub const fn expect_good(&self, batch: usize, good: usize) -> Result<usize> {
        match batch.checked_sub(good) {
            Some(skipped) if good > 0 => Ok(skipped),
            _ => Err(Error::Invalid("every image of the batch is bad and skipped: give one that is good")),
        }
    }

    /// The error of a bad image.
    pub const fn bad_image(&self, image: usize, index: usize) -> Error {
        let what = match self.limit {
            None => "is not a finite number",
            Some(_) => "is not a number within the limit",
        };
        Error::BadImage { image, index, what }
    }

    /// The number that training sees; a subnormal one is 0.
    pub fn clamp(&self, number: f32) -> f32 {
        // Not `f32::clamp`, which links a panic.
        let number = flushed(number);
        match self.inputs {
            Some((low, _)) if number < low => low,
            Some((_, high)) if number > high => high,
            _ => number,
        }
    }

    /// Clamps numbers in place.
    #[inline(never)]
    pub fn clamp_all(&self, numbers: &mut [f32]) {
        match self.inputs {
            Some(_) => numbers.iter_mut().for_each(|number| *number = self.clamp(*number)),
            None => flush(numbers),
        }
    }

    /// How large an element of the gradient may be: up to all that `f32` has where it is made smaller.
    pub const fn gradient_limit(&self) -> f32 {
        if self.gradient_norm.is_some() { f32::MAX } else { GRADIENT_LIMIT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_depends_on_clamping_and_the_limit() {
        let clamped = Guard::within(-1.0, 2.0);
        let limited = clamped.with_limit(50.0);
        for (number, none, clamp, limit) in [
            (1.0, true, true, true),
            (-50.0, true, true, true),
            (50.1, true, true, false),
            (1e38, true, true, false),
            (f32::NEG_INFINITY, false, true, false),
            (f32::NAN, false, false, false),
            (-f32::NAN, false, false, false),
        ] {
            let image = [0.5, number, 0.25];
            let found = [Guard::NONE, clamped, limited].map(|guard| guard.first_bad(&image));
            assert_eq!(found.map(|bad| bad.is_none()), [none, clamp, limit], "{number}");
            assert!(found.iter().flatten().all(|index| *index == 1));
            assert_eq!(clamped.admits(3, &image), Ok(clamp));
            let refusing = Guard { bad_images: BadImages::Refuse, ..limited };
            assert_eq!(refusing.admits(3, &image).is_ok(), limit);
        }
        let sentence = std::format!("{}", Guard::NONE.admits(3, &[0.0, f32::NAN]).unwrap_err());
        assert!(
            sentence.starts_with("element 1 of image 3 of the batch is not a finite number; "),
            "{sentence}"
        );
    }

    extern crate std;

    #[test]
    fn clamping_leaves_the_range_and_nan() {
        let guard = Guard::within(-1.0, 2.0);
        let mut numbers = [-1.0, 2.0, 0.5, -1.5, 2.5, f32::INFINITY, f32::NEG_INFINITY];
        guard.clamp_all(&mut numbers);
        assert_eq!(numbers, [-1.0, 2.0, 0.5, -1.0, 2.0, 2.0, -1.0]);
        assert!(guard.clamp(f32::NAN).is_nan());
        let mut same = [1e30, f32::INFINITY];
        Guard::NONE.clamp_all(&mut same);
        assert_eq!(same, [1e30, f32::INFINITY]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Guard::NONE.check().is_ok());
        assert!(Guard::within(-1.0, 1.0).with_gradient_norm(1.0).with_limit(1e6).check().is_ok());
        for wrong in [
            Guard::within(1.0, 1.0),
            Guard::within(f32::NAN, 1.0),
            Guard::within(0.0, f32::INFINITY),
            Guard::NONE.with_gradient_norm(0.0),
            Guard::NONE.with_gradient_norm(f32::NAN),
            Guard::NONE.with_gradient_norm(1e19),
            Guard::NONE.with_limit(-1.0),
            Guard::NONE.with_limit(f32::INFINITY),
        ] {
            assert!(matches!(wrong.check(), Err(Error::Invalid(_))), "{wrong:?}");
        }
    }
}
