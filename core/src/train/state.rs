//! What all trainers share: the state of a network in training, its checks, and the methods that read and
//! change it.

use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::limits::{bounded_loss, expect_within};
use crate::logging::logged;
use crate::memory::{part, part_mut};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::select::Selection;
use crate::train::config::{Scratch, TrainingConfig, TrainingLen};
use crate::train::norm::{Norm, clip};
use crate::train::timing::Stopwatch;

/// A network in training, and the memory lent for it.
#[derive(Debug)]
pub(crate) struct State<'m> {
    pub(crate) network: Network,
    pub(crate) config: TrainingConfig,
    pub(crate) parameters: &'m mut [f32],
    pub(crate) moments: &'m mut [f32],
    pub(crate) scratch: Scratch<'m>,
    /// Steps done.
    pub(crate) step: u64,
    /// Bad images of the last batch.
    pub(crate) skipped: usize,
    pub(crate) stopwatch: Stopwatch,
}

impl<'m> State<'m> {
    // Inlined: a state is large, and would be moved up the stack.
    /// Checks the memory against the trainer's lengths, and the parameters' numbers. The caller has checked
    /// `config`.
    #[inline(always)]
    pub(crate) fn new(
        (network, config, step): (Network, TrainingConfig, u64),
        len: TrainingLen,
        parameters: &'m mut [f32],
        moments: &'m mut [f32],
        scratch: Scratch<'m>,
    ) -> Result<Self> {
        logged!(expect_len("moments", len.moments, moments.len()))?;
        logged!(expect_len("scratch floats", len.floats, scratch.floats.len()))?;
        logged!(expect_len("scratch indices", len.indices, scratch.indices.len()))?;
        logged!(expect_len("scratch cuts", len.cuts, scratch.cuts.len()))?;
        logged!(Parameters::from_outside(network, parameters))?;
        Ok(Self {
            network,
            config,
            parameters,
            moments,
            scratch,
            step,
            skipped: 0,
            stopwatch: Stopwatch::default(),
        })
    }

    /// Changes which winners survive. `len` says what memory the trainer then needs.
    pub(crate) fn set_selection(
        &mut self,
        selection: Selection,
        len: fn(&Network, &TrainingConfig) -> TrainingLen,
    ) -> Result<()> {
        let sparsity = logged!(self.config.sparsity.with_selection(&self.network, selection))?;
        let config = TrainingConfig { sparsity, ..self.config };
        let len = len(&self.network, &config);
        if len.floats > self.scratch.floats.len() || len.indices > self.scratch.indices.len() {
            return logged!(Err(Error::Invalid(
                "the memory was lent for a sparser code: begin with the densest"
            )));
        }
        self.config = config;
        Ok(())
    }

    /// The gradient, which trainers that store one put first into the scratch memory.
    pub(crate) fn gradient(&self) -> &[f32] {
        part(self.scratch.floats, 0, self.network.parameters_len())
    }

    /// Changes the parameters by that gradient, unless it is out of all bounds.
    pub(crate) fn apply_gradient<K: Kernels>(&mut self, kernels: K) -> Result<()> {
        let Self { network, config, parameters, moments, scratch, step, .. } = self;
        let gradient = part_mut(scratch.floats, 0, network.parameters_len());
        if let Some(largest) = config.guard.gradient_norm {
            expect_within(config.guard.gradient_limit(), 0, gradient)?;
            clip(Norm::of_gradient(network, gradient).factor(largest), gradient);
        }
        config.optimizer.step(kernels, network, *step, config.steps, gradient, moments, parameters)?;
        config.dictionary.scale_atoms(network, parameters);
        Ok(())
    }

    /// Counts a step that is done, and returns its loss, bounded.
    pub(crate) fn finish_step(&mut self, loss: f32) -> f32 {
        let loss = bounded_loss(loss);
        // A restored state may say any number.
        self.step = self.step.saturating_add(1);
        #[cfg(feature = "defmt")]
        self.stopwatch.log(self.step, loss);
        loss
    }
}

/// The public methods that every trainer has. It must have a `state`, and a function `len`: the memory that
/// it needs with kernels that need none of their own.
macro_rules! state_methods {
    () => {
        /// Measures steps with this clock from now on: see [`last_timing`](Self::last_timing).
        pub const fn set_clock(&mut self, clock: $crate::train::timing::Clock) {
            self.state.stopwatch = $crate::train::timing::Stopwatch::new(clock);
        }

        /// Where the time of the last step went; all 0 without a clock.
        pub fn last_timing(&self) -> $crate::train::timing::Timing {
            self.state.stopwatch.timing()
        }

        /// The parameters as they are now.
        pub fn parameters(&self) -> &[f32] {
            self.state.parameters
        }

        /// Steps done.
        pub fn steps_done(&self) -> u64 {
            self.state.step
        }

        /// How many images of the last step's batch were bad and skipped: see
        /// [`Guard`](crate::Guard::bad_images).
        pub fn last_skipped(&self) -> usize {
            self.state.skipped
        }

        /// Changes which winners survive from the next step on.
        ///
        /// # Errors
        ///
        /// As for [`Sparsity::with_selection`](crate::Sparsity::with_selection). A
        /// [`UnitTrainer`](crate::UnitTrainer) also returns [`Error::Invalid`](crate::Error::Invalid) for a
        /// denser code than its memory was lent for.
        pub fn set_selection(&mut self, selection: $crate::select::Selection) -> $crate::error::Result<()> {
            self.state.set_selection(selection, Self::len)
        }
    };
}
pub(crate) use state_methods;
