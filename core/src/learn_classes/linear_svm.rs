//! A linear support vector machine by stochastic subgradient descent, one class against the rest: Pegasos
//! (Shalev-Shwartz and others 2011) with a first rate that is bounded, and averaged weights.
//!
//! For each class it goes down `l / 2 (|w|^2 + b^2) + mean of the loss of (y (w . x + b))`, where `y` is 1
//! for samples of the class and -1 for others. With [`Margin::Squared`] that is what `wta eval` minimises,
//! with `l = 1 / (2 C n)` for n samples.
//!
//! **The scale of the features** does not matter. `wta eval` divides them by their average norm; here, where
//! they come one by one, a step is divided by the running harmonic mean of their squared norms. That is the
//! same step, in weights for the features as they are. A sample of a larger norm than that gets a step by its
//! own norm, and the bias a bounded one. So no glitch of a sensor, however large, undoes what was learnt.
//!
//! **A class that comes up late** begins with the first rate: each class counts its own steps.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::learn_classes::sample::{LONGEST_MEMORY, NEVER, TOO_MANY, expect_sample};
use crate::memory::{copy, part_mut, split_off};
use crate::svm::Svm;

/// A squared norm of less counts as 0, so that no step is infinite.
const LEAST_SQUARE: f32 = 1e-30;
/// A sample counts no more in the running mean than so many times the mean before: nearly dark pictures and
/// silence have tiny norms.
const MOST_OF_ONE: f32 = 16.0;
/// A score that lacks more counts no more, so that no step is infinite.
const MOST_LACKING: f32 = 1e6;
/// A bias counts what a score lacks up to here, which is what scores between -1 and 1 lack. The features of a
/// glitch are large, and so is what it lacks; the bias would answer for it in every later sample.
const MOST_FOR_BIAS: f32 = 2.0;

/// What a score costs that is short of its margin: `m = 1 - y (w . x + b)`, if that is above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Margin {
    /// `m`: the hinge loss.
    Hinge,
    /// `m^2 / 2`: what `wta eval` trains with.
    Squared,
}

/// How the learning rate of a class changes with its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SvmSchedule {
    /// Not at all: old samples are forgotten as new ones come.
    Constant,
    /// `rate / (1 + rate * regularisation * t)` in step t, from 0: it converges. From 65,536 steps on,
    /// the rate falls no further.
    Inverse,
}

/// How a linear support vector machine is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SvmSettings {
    /// The learning rate of a class's first step: above 0, at most 1.
    pub rate: f32,
    /// The factor of the weights' squares: 0 to 1. `1 / (2 C n)` is C for n samples.
    pub regularisation: f32,
    /// What is minimised.
    pub margin: Margin,
    /// How the learning rate changes.
    pub schedule: SvmSchedule,
    /// Whether the classifier is an average over the steps, of which the last count most (Shamir and Zhang
    /// 2013). It takes memory for a second set of weights, and fewer errors come of it.
    pub averaged: bool,
}

impl SvmSettings {
    /// What does well on a few hundred to a few thousand samples.
    pub const DEFAULT: Self = Self {
        rate: 0.25,
        regularisation: 1e-4,
        margin: Margin::Squared,
        schedule: SvmSchedule::Inverse,
        averaged: true,
    };

    /// `Ok` when all numbers make sense.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the number.
    pub fn check(&self) -> Result<()> {
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            return Err(Error::Invalid("a classifier's learning rate is more than 0 and at most 1"));
        }
        if !(0.0..=1.0).contains(&self.regularisation) {
            return Err(Error::Invalid("a classifier's regularisation is 0 to 1"));
        }
        Ok(())
    }

    /// The learning rate of a class after so many steps.
    fn rate_after(&self, steps: u32) -> f32 {
        match self.schedule {
            SvmSchedule::Constant => self.rate,
            SvmSchedule::Inverse => self.rate / (1.0 + self.rate * self.regularisation * steps as f32),
        }
    }
}

/// Lengths of the memory of [`SvmTrainer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SvmTrainingLen {
    /// `f32`: weights and biases, once more if they are averaged, and the features' scale.
    pub floats: usize,
    /// `u32`: the steps of each class, and the samples.
    pub counts: usize,
}

/// The memory that [`SvmTrainer`] needs for so many features and at most so many classes.
pub const fn svm_training_len(features: usize, classes: usize, settings: &SvmSettings) -> SvmTrainingLen {
    let sets = if settings.averaged { 2 } else { 1 };
    let set = features.saturating_add(1).saturating_mul(classes);
    SvmTrainingLen { floats: set.saturating_mul(sets).saturating_add(1), counts: classes.saturating_add(1) }
}

/// A linear support vector machine in training.
///
/// ```
/// use wta_core::learn_classes::{SvmSettings, SvmTrainer, SvmTrainingLen, svm_training_len};
///
/// const SETTINGS: SvmSettings = SvmSettings::DEFAULT;
/// const LEN: SvmTrainingLen = svm_training_len(2, 3, &SETTINGS);
/// let (mut floats, mut counts) = ([0.0; LEN.floats], [0; LEN.counts]);
/// let mut classes = SvmTrainer::new(2, 3, SETTINGS, &mut floats, &mut counts)?;
/// for _ in 0..20 {
///     classes.update(&[5.0, 1.0], 0)?;
///     classes.update(&[1.0, 5.0], 2)?;
/// }
/// assert_eq!(classes.classify(&[4.0, 2.0])?, Some(0));
/// assert_eq!(classes.svm()?.classify(&[4.0, 2.0])?, 0);
/// # Ok::<(), wta_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SvmTrainer<'m> {
    features: usize,
    settings: SvmSettings,
    current: Linear<'m>,
    /// Empty without averaging.
    average: Linear<'m>,
    /// The running mean of 1 over the samples' squared norms.
    inverse: &'m mut [f32],
    /// The steps of each class.
    steps: &'m mut [u32],
    /// Samples so far that were not all zeros.
    samples: &'m mut [u32],
}

/// Weights, class by class, and biases.
#[derive(Debug)]
struct Linear<'m> {
    weights: &'m mut [f32],
    biases: &'m mut [f32],
}

impl<'m> Linear<'m> {
    fn split(rest: &mut &'m mut [f32], features: usize, classes: usize) -> Self {
        Self { weights: split_off(rest, features.saturating_mul(classes)), biases: split_off(rest, classes) }
    }

    /// The weights and the bias of a class.
    fn class(&mut self, class: usize, features: usize) -> Option<(&mut [f32], &mut f32)> {
        let weights = part_mut(self.weights, class.wrapping_mul(features), features);
        Some((weights, self.biases.get_mut(class)?))
    }
}

impl<'m> SvmTrainer<'m> {
    /// Begins without a class.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no feature, no class or settings that make no sense; [`Error::Length`] unless
    /// the memory has the lengths of [`svm_training_len`].
    pub fn new(
        features: usize,
        classes: usize,
        settings: SvmSettings,
        floats: &'m mut [f32],
        counts: &'m mut [u32],
    ) -> Result<Self> {
        floats.fill(0.0);
        counts.fill(0);
        Self::resume(features, classes, settings, floats, counts)
    }

    /// Goes on with what the memory holds, with the same settings or others, as long as both average or
    /// neither does.
    ///
    /// # Errors
    ///
    /// As for [`SvmTrainer::new`]; [`Error::NotFinite`] for a number that cannot be.
    pub fn resume(
        features: usize,
        classes: usize,
        settings: SvmSettings,
        floats: &'m mut [f32],
        counts: &'m mut [u32],
    ) -> Result<Self> {
        settings.check()?;
        if features == 0 || classes == 0 {
            return Err(Error::Invalid("a classifier needs at least one class and one feature"));
        }
        let len = svm_training_len(features, classes, &settings);
        expect_len("classifier's numbers", len.floats, floats.len())?;
        expect_len("classifier's counts", len.counts, counts.len())?;
        expect_finite("classifier's numbers", floats)?;
        let mut rest = floats;
        let current = Linear::split(&mut rest, features, classes);
        let average = Linear::split(&mut rest, features, if settings.averaged { classes } else { 0 });
        let mut samples = counts;
        let steps = split_off(&mut samples, classes);
        Ok(Self { features, settings, current, average, inverse: rest, steps, samples })
    }

    /// The number of features.
    pub const fn features(&self) -> usize {
        self.features
    }

    /// Classes that there may be, known or not.
    pub const fn classes(&self) -> usize {
        self.steps.len()
    }

    /// Steps that a class has been trained for, up to 65,536; 0 for a class that is not known.
    pub fn steps(&self, class: usize) -> u32 {
        self.steps.get(class).copied().unwrap_or(0)
    }

    /// Learns that the sample is of this class, and not of the other known ones.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of features, [`Error::NotFinite`] if a feature is not finite or
    /// the sample's squared norm is too large for an `f32`, [`Error::Invalid`] for a class that there is no
    /// memory for. Nothing is learnt then.
    pub fn update(&mut self, features: &[f32], class: usize) -> Result<()> {
        expect_sample(self.features, self.steps.len(), features, class)?;
        let mut own = 0.0;
        for feature in features {
            own += feature * feature;
        }
        expect_finite("sample's squared norm", &[own])?;
        let (Some(samples), Some(inverse)) = (self.samples.first_mut(), self.inverse.first_mut()) else {
            return Err(Error::Invalid(TOO_MANY));
        };
        // A sample of zeros teaches the biases alone.
        let by_norm = if own > LEAST_SQUARE {
            let count = samples.saturating_add(1).min(LONGEST_MEMORY);
            let (own, share) = (1.0 / own, 1.0 / count as f32);
            let bounded = if *samples == 0 { own } else { own.min(*inverse * MOST_OF_ONE) };
            (*samples, *inverse) = (count, *inverse + (bounded - *inverse) * share);
            inverse.min(own)
        } else {
            0.0
        };
        if let Some(steps) = self.steps.get_mut(class) {
            // Known from now on.
            *steps = (*steps).max(1);
        }
        for (index, steps) in self.steps.iter_mut().enumerate().filter(|(_, steps)| **steps > 0) {
            let Some((weights, bias)) = self.current.class(index, self.features) else { continue };
            let mut score = 0.0;
            for (weight, feature) in weights.iter().zip(features) {
                score += weight * feature;
            }
            score += *bias;
            let sign = if index == class { 1.0 } else { -1.0 };
            let lacking = 1.0 - sign * score;
            // A score that is not finite moves nothing: weights stay numbers whatever comes.
            let slope = match self.settings.margin {
                _ if !(lacking > 0.0 && lacking < f32::INFINITY) => 0.0,
                Margin::Hinge => 1.0,
                Margin::Squared => lacking.min(MOST_LACKING),
            };
            let done = steps.saturating_sub(1);
            let rate = self.settings.rate_after(done);
            let keep = 1.0 - rate * self.settings.regularisation;
            let (step, bias_step) = (sign * rate * slope * by_norm, sign * rate * slope.min(MOST_FOR_BIAS));
            *bias = *bias * keep + bias_step;
            // Of all steps so far, the last ones count most.
            let part_of_average = 4.0 / (done as f32 + 4.0);
            if let Some((averages, average_bias)) = self.average.class(index, self.features) {
                for ((weight, average), feature) in weights.iter_mut().zip(averages).zip(features) {
                    *weight = *weight * keep + step * feature;
                    *average += (*weight - *average) * part_of_average;
                }
                *average_bias += (*bias - *average_bias) * part_of_average;
            } else {
                for (weight, feature) in weights.iter_mut().zip(features) {
                    *weight = *weight * keep + step * feature;
                }
            }
            *steps = steps.saturating_add(1).min(LONGEST_MEMORY);
        }
        Ok(())
    }

    /// Forgets a class, which may then be learnt anew.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a class that there is no memory for.
    pub fn forget(&mut self, class: usize) -> Result<()> {
        *self.steps.get_mut(class).ok_or(Error::Invalid(TOO_MANY))? = 0;
        for set in [&mut self.current, &mut self.average] {
            if let Some((weights, bias)) = set.class(class, self.features) {
                weights.fill(0.0);
                *bias = 0.0;
            }
        }
        Ok(())
    }

    /// The classifier as it is now: what [`Svm::scores`] takes, and a `model.wta`. A class that is not known
    /// has the score 0 in it; see [`SvmTrainer::write_svm`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] if a weight is not finite.
    pub fn svm(&self) -> Result<Svm<'_>> {
        let set = if self.settings.averaged { &self.average } else { &self.current };
        Svm::new(self.features, set.weights, set.biases)
    }

    /// The decision value of each class, in order; `None` for classes that are not known.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of features; [`Error::NotFinite`] if a feature is not finite.
    pub fn scores(&self, features: &[f32]) -> Result<impl Iterator<Item = Option<f32>>> {
        let set = if self.settings.averaged { &self.average } else { &self.current };
        let scores = Svm::known(self.features, set.weights, set.biases)?.scores(features)?;
        Ok(scores.zip(self.steps.iter()).map(|(score, steps)| (*steps > 0).then_some(score)))
    }

    /// The known class with the largest decision value; ties go to the lowest class. `None` while no class is
    /// known.
    ///
    /// # Errors
    ///
    /// As for [`SvmTrainer::scores`].
    pub fn classify(&self, features: &[f32]) -> Result<Option<usize>> {
        let mut best: Option<(usize, f32)> = None;
        for (class, score) in self.scores(features)?.enumerate() {
            if let Some(score) = score.filter(|score| best.is_none_or(|(_, best)| *score > best)) {
                best = Some((class, score));
            }
        }
        Ok(best.map(|(class, _)| class))
    }

    /// The classifier for use without this trainer: a class that is not known gets the smallest number there
    /// is as its bias, so it never wins.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `weights` has classes x features numbers and `biases` one for each class.
    pub fn write_svm(&self, weights: &mut [f32], biases: &mut [f32]) -> Result<()> {
        let set = if self.settings.averaged { &self.average } else { &self.current };
        expect_len("classifier's weights", set.weights.len(), weights.len())?;
        expect_len("classifier's biases", set.biases.len(), biases.len())?;
        copy(set.weights, weights);
        for ((to, bias), steps) in biases.iter_mut().zip(set.biases.iter()).zip(self.steps.iter()) {
            *to = if *steps > 0 { *bias } else { NEVER };
        }
        Ok(())
    }
}
