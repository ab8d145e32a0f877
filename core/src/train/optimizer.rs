//! SGD with momentum and Adam, with weight decay and learning-rate schedules.

use crate::error::{Error, Result, expect_len};
use crate::kernels::{AdamUpdate, Kernels, SgdUpdate};
use crate::limits::expect_sane;
use crate::math;
use crate::memory::part_mut;
use crate::network::Network;

/// How gradients become updates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method {
    /// Stochastic gradient descent with classical momentum.
    Sgd {
        /// At least 0, less than 1.
        momentum: f32,
    },
    /// Adam (Kingma and Ba 2015), bias-corrected.
    Adam {
        /// Decay of the first moment; 0.9 is usual.
        beta1: f32,
        /// Decay of the second moment; 0.999 is usual.
        beta2: f32,
        /// Keeps the division finite; 1e-8 is usual.
        epsilon: f32,
    },
}

impl Method {
    /// Adam with its usual constants.
    pub const ADAM: Self = Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// Vectors of the parameters' length that it keeps between steps.
    pub const fn moments(&self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// How the learning rate changes over training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// From the rate at the start straight to 0 after the last step.
    Linear,
    /// Multiplied once by `factor`, from the share `at` of all steps on.
    Step {
        /// Between 0 and 1.
        at: f32,
        /// More than 0.
        factor: f32,
    },
    /// Linearly up to the rate at the start, and linearly down towards 0 at the end.
    Ramps {
        /// The share of all steps in which it rises.
        rise: f32,
        /// The share of all steps in which it falls; together at most 1.
        fall: f32,
    },
}

/// An optimiser: a method, a learning rate and its schedule, weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Optimizer {
    /// How gradients become updates.
    pub method: Method,
    /// The learning rate at the start.
    pub rate: f32,
    /// How it changes.
    pub schedule: Schedule,
    /// Added to the gradient of filters and atoms: `decay * weight`.
    pub decay: f32,
}

/// At least 0 and less than 1.
const fn is_share(value: f32) -> bool {
    value >= 0.0 && value < 1.0
}

impl Optimizer {
    /// SGD with momentum 0.9, the same rate throughout, and no weight decay.
    pub const fn sgd(rate: f32) -> Self {
        Self { method: Method::Sgd { momentum: 0.9 }, rate, schedule: Schedule::Constant, decay: 0.0 }
    }

    /// Adam with its usual constants, the same rate throughout, and no weight decay.
    pub const fn adam(rate: f32) -> Self {
        Self { method: Method::ADAM, rate, schedule: Schedule::Constant, decay: 0.0 }
    }

    /// `Ok` when all constants make sense.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the constant.
    pub const fn check(&self) -> Result<()> {
        if !(self.rate > 0.0 && self.rate <= 1e6) {
            return Err(Error::Invalid("a learning rate is more than 0 and at most a million"));
        }
        if !(self.decay >= 0.0 && self.decay <= 1e6 && self.decay * self.rate <= 1.0) {
            return Err(Error::Invalid(
                "weight decay is 0 to a million, and times the learning rate at most 1",
            ));
        }
        match self.method {
            Method::Sgd { momentum } if !is_share(momentum) => {
                return Err(Error::Invalid("momentum is at least 0 and less than 1"));
            }
            Method::Adam { beta1, beta2, epsilon }
                if !(is_share(beta1) && is_share(beta2) && epsilon > 0.0) =>
            {
                return Err(Error::Invalid(
                    "Adam's betas are at least 0 and less than 1, its epsilon more than 0",
                ));
            }
            _ => {}
        }
        match self.schedule {
            Schedule::Step { at, factor } if !(at >= 0.0 && at <= 1.0 && factor > 0.0 && factor <= 1.0) => {
                Err(Error::Invalid("a step schedule's `at` lies between 0 and 1, its factor between 0 and 1"))
            }
            Schedule::Ramps { rise, fall } if !(rise >= 0.0 && fall >= 0.0 && rise + fall <= 1.0) => {
                Err(Error::Invalid("the ramps of a schedule are shares of all steps, together at most 1"))
            }
            _ => Ok(()),
        }
    }

    /// The learning rate of step `step` (from 0) of `steps`.
    pub fn rate_at(&self, step: u64, steps: u64) -> f32 {
        // Exact for fewer than 2^24 steps; beyond that the schedule is a little coarse, no more.
        let share = step as f32 / steps.max(1) as f32;
        match self.schedule {
            Schedule::Constant => self.rate,
            Schedule::Linear => self.rate * (1.0 - share).max(0.0),
            Schedule::Step { at, factor } if share >= at => self.rate * factor,
            Schedule::Step { .. } => self.rate,
            Schedule::Ramps { rise, fall } => {
                // The first step is not of rate 0, nor is the last.
                let next = step.saturating_add(1) as f32 / steps.max(1) as f32;
                let up = if next < rise { next / rise } else { 1.0 };
                let left = (1.0 - share).max(0.0);
                let down = if left < fall { left / fall } else { 1.0 };
                self.rate * if up < down { up } else { down }
            }
        }
    }

    /// The numbers of step `step` (from 0) of `steps`, for [`Update::apply`].
    pub fn update(&self, step: u64, steps: u64) -> Update {
        let rate = self.rate_at(step, steps);
        let kind = match self.method {
            Method::Sgd { momentum } => Kind::Sgd(SgdUpdate { rate, momentum, decay: self.decay }),
            Method::Adam { beta1, beta2, epsilon } => {
                let count = step as f32 + 1.0;
                Kind::Adam(AdamUpdate {
                    rate: rate / math::one_minus_power(beta1, count),
                    root: 1.0 / math::sqrt(math::one_minus_power(beta2, count)),
                    beta1,
                    beta2,
                    epsilon,
                    decay: self.decay,
                })
            }
        };
        Update { kind }
    }

    /// One step on the whole parameter vector.
    ///
    /// `moments` has [`Method::moments`] vectors of the parameters' length, one after the other, all 0 before
    /// the first step.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], or [`Error::Diverged`] when a gradient element is not finite or absurdly large; no
    /// parameter is changed then.
    #[allow(clippy::too_many_arguments, reason = "the operands of a step")]
    pub fn step<K: Kernels>(
        &self,
        kernels: K,
        network: &Network,
        step: u64,
        steps: u64,
        gradient: &[f32],
        moments: &mut [f32],
        parameters: &mut [f32],
    ) -> Result<()> {
        let len = network.parameters_len();
        expect_len("gradients", len, gradient.len())?;
        expect_len("parameters", len, parameters.len())?;
        expect_len("moments", len * self.method.moments(), moments.len())?;
        expect_sane(0, gradient)?;
        let update = self.update(step, steps);
        let (first, second) = moments.split_at_mut_checked(len).unwrap_or((&mut [], &mut []));
        for region in network.each_region() {
            let (start, len) = (region.range.start, region.range.len());
            update.apply(
                kernels,
                region.role.decays(),
                gradient.get(region.range.clone()).unwrap_or(&[]),
                part_mut(first, start, len),
                part_mut(second, start, len),
                part_mut(parameters, start, len),
            );
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sgd(SgdUpdate),
    Adam(AdamUpdate),
}

/// The numbers of one step, applied to any runs of the parameter vector in any order.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    kind: Kind,
}

impl Update {
    /// Updates a run of parameters; `second` is not used (and may be empty) with SGD.
    pub fn apply<K: Kernels>(
        &self,
        kernels: K,
        decays: bool,
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        parameters: &mut [f32],
    ) {
        match self.kind {
            Kind::Sgd(update) => {
                let decay = if decays { update.decay } else { 0.0 };
                kernels.sgd(&SgdUpdate { decay, ..update }, gradient, first, parameters);
            }
            Kind::Adam(update) => {
                let decay = if decays { update.decay } else { 0.0 };
                kernels.adam(&AdamUpdate { decay, ..update }, gradient, first, second, parameters);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_end_where_they_say() {
        let optimizer = Optimizer { method: Method::ADAM, rate: 2.0, schedule: Schedule::Linear, decay: 0.0 };
        assert_eq!(optimizer.rate_at(0, 10), 2.0);
        assert_eq!(optimizer.rate_at(5, 10), 1.0);
        assert_eq!(optimizer.rate_at(10, 10), 0.0);
        let stepped = Optimizer { schedule: Schedule::Step { at: 0.7, factor: 0.1 }, ..optimizer };
        assert_eq!(stepped.rate_at(69, 100), 2.0);
        assert_eq!(stepped.rate_at(70, 100), 0.2);
        let ramps = Optimizer { schedule: Schedule::Ramps { rise: 0.125, fall: 0.25 }, ..optimizer };
        let rates = [0, 3, 7, 8, 48, 56, 63, 64, u64::MAX].map(|step| ramps.rate_at(step, 64));
        assert_eq!(rates, [0.25, 1.0, 2.0, 2.0, 2.0, 1.0, 0.125, 0.0, 0.0]);
        let none = Optimizer { schedule: Schedule::Ramps { rise: 0.0, fall: 0.0 }, ..optimizer };
        assert_eq!([0, 99].map(|step| none.rate_at(step, 100)), [2.0, 2.0]);
    }

    #[test]
    fn senseless_constants_are_refused() {
        let good = Optimizer { method: Method::ADAM, rate: 1e-3, schedule: Schedule::Constant, decay: 0.0 };
        assert!(good.check().is_ok());
        assert!(Optimizer { rate: -1e-3, ..good }.check().is_err());
        assert!(Optimizer { rate: f32::NAN, ..good }.check().is_err());
        assert!(Optimizer { decay: -0.1, ..good }.check().is_err());
        assert!(Optimizer { method: Method::Sgd { momentum: 1.0 }, ..good }.check().is_err());
        assert!(Optimizer { schedule: Schedule::Step { at: 2.0, factor: 0.1 }, ..good }.check().is_err());
        for (rise, fall) in [(-0.1, 0.5), (0.6, 0.5), (f32::NAN, 0.1), (0.1, f32::NAN)] {
            assert!(Optimizer { schedule: Schedule::Ramps { rise, fall }, ..good }.check().is_err());
        }
    }
}
