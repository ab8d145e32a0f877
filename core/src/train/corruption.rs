//! Denoising and dropout: what training hides from the network on purpose.
//!
//! - *Input*: a share of the image's numbers is set to 0 before encoding (masking noise), while the loss
//!   compares with the clean image: the denoising autoencoder.
//! - *Hidden*: a share of the code's units is dropped after the selection. The others are scaled by
//!   `1 / (1 - share)`, so the weights serve as they are when nothing is dropped any more. The selection
//!   itself, over the batch too, sees the code as it is: exactly k are selected, and of these some are
//!   dropped. Dropping before the selection would let a weaker unit win in place of each dropped one.
//!
//! What is hidden is a function of the seed, the step and the image's place in the batch. So neither the
//! number of threads nor an interruption changes it. Encoding after training is never corrupted.

use crate::error::{Error, Result};
use crate::field::PaddedLayout;
use crate::random::Random;

/// What training hides, and the seed by which it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Corruption {
    /// The chance of a number of the image to be set to 0 before encoding: at least 0, less than 1.
    pub input: f32,
    /// The chance of a selected unit of the code to be dropped: at least 0, less than 1.
    pub hidden: f32,
    /// For the draws.
    pub seed: u64,
}

impl Corruption {
    /// Nothing is hidden.
    pub const NONE: Self = Self { input: 0.0, hidden: 0.0, seed: 0 };

    /// Whether nothing is hidden.
    pub const fn is_none(&self) -> bool {
        self.input == 0.0 && self.hidden == 0.0
    }

    /// `Ok` when both shares can be.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the share.
    pub const fn check(&self) -> Result<()> {
        if !(self.input >= 0.0 && self.input < 1.0) {
            return Err(Error::Invalid(
                "the share of the input that is dropped is at least 0 and less than 1",
            ));
        }
        if !(self.hidden >= 0.0 && self.hidden < 1.0) {
            return Err(Error::Invalid(
                "the share of the hidden units that is dropped is at least 0 and less than 1",
            ));
        }
        Ok(())
    }

    /// Hides numbers of image `image` of the batch of step `step` (from 0): `padded` is the first layer's
    /// input.
    ///
    /// Each number has its draw, in the order row, column, channel.
    pub fn corrupt_input(&self, step: u64, image: usize, layout: &PaddedLayout, padded: &mut [f32]) {
        if self.input > 0.0 {
            let mut random = self.draws(step, image, 0);
            for number in layout.rows_mut(padded).flatten() {
                if random.uniform() < self.input {
                    *number = 0.0;
                }
            }
        }
    }

    /// Drops units of one image's code after the selection, and scales the others. `values` are the image's
    /// winners, windows x maps; each has its draw, in this order, whether it was selected or not.
    pub fn drop_hidden(&self, step: u64, image: usize, values: &mut [f32]) {
        if self.hidden > 0.0 {
            let (mut random, scale) = (self.draws(step, image, 1), self.hidden_scale());
            for value in values {
                *value = if random.uniform() < self.hidden { 0.0 } else { scale * *value };
            }
        }
    }

    /// The same for the deltas that come back to one image's code: those of dropped units are 0 already.
    pub fn scale_deltas(&self, deltas: &mut [f32]) {
        if self.hidden > 0.0 {
            let scale = self.hidden_scale();
            deltas.iter_mut().for_each(|delta| *delta *= scale);
        }
    }

    fn hidden_scale(&self) -> f32 {
        1.0 / (1.0 - self.hidden)
    }

    /// The draws for the input (`part` 0) or the code (1) of one image: a stream of their own.
    const fn draws(&self, step: u64, image: usize, part: u64) -> Random {
        let seed = Random::stream(self.seed, step).next_u64();
        Random::stream(seed, 2 * image as u64 + part)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::shape::{Shape, Size};
    use std::vec::Vec;

    const HALF: Corruption = Corruption { input: 0.25, hidden: 0.5, seed: 3 };

    fn dropped(corruption: &Corruption, step: u64, image: usize) -> Vec<f32> {
        let mut values = std::vec![1.0; 1_000];
        corruption.drop_hidden(step, image, &mut values);
        values
    }

    #[test]
    fn the_asked_share_is_hidden_and_the_border_is_not_counted() {
        let layout = PaddedLayout::new(Shape::new(3, 40, 50), Size::new(5, 3));
        let mut image = std::vec![0.0; layout.len()];
        layout.fill(&[1.0; 6_000], &mut image);
        HALF.corrupt_input(0, 0, &layout, &mut image);
        let hidden = 6_000 - image.iter().filter(|number| **number == 1.0).count();
        assert!((1_400..1_600).contains(&hidden), "{hidden} of 6000 at a chance of 1 in 4");
        assert!(layout.rows(&image).flatten().filter(|number| **number == 0.0).count() == hidden);

        let values = dropped(&HALF, 0, 0);
        let kept = values.iter().filter(|value| **value == 2.0).count();
        assert!((450..550).contains(&kept), "{kept} of 1000 at a chance of 1 in 2");
        assert!(values.iter().all(|value| *value == 0.0 || *value == 2.0));
        let mut deltas = [0.0, 3.0];
        HALF.scale_deltas(&mut deltas);
        assert_eq!(deltas, [0.0, 6.0]);
    }

    #[test]
    fn draws_depend_on_the_seed_the_step_and_the_image_alone() {
        assert_eq!(dropped(&HALF, 7, 4), dropped(&HALF, 7, 4));
        let others = [
            dropped(&HALF, 7, 5),
            dropped(&HALF, 8, 4),
            dropped(&HALF, 4, 7),
            dropped(&Corruption { seed: 4, ..HALF }, 7, 4),
        ];
        for other in others {
            let same = other.iter().zip(dropped(&HALF, 7, 4)).filter(|(a, b)| **a == *b).count();
            assert!((400..600).contains(&same), "{same} of 1000 draws agree; chance makes it one half");
        }
    }

    #[test]
    fn nothing_is_hidden_unless_asked_for_and_what_cannot_be_is_refused() {
        assert!(Corruption::NONE.is_none() && dropped(&Corruption::NONE, 0, 0).iter().all(|v| *v == 1.0));
        for (share, fine) in [(0.0, true), (0.999, true), (1.0, false), (-0.1, false), (f32::NAN, false)] {
            assert_eq!(Corruption { input: share, ..Corruption::NONE }.check().is_ok(), fine, "{share}");
            assert_eq!(Corruption { hidden: share, ..Corruption::NONE }.check().is_ok(), fine, "{share}");
        }
    }
}
