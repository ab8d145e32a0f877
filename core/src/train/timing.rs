//! Where a training step's time goes, by a clock that the caller has.
//!
//! A microcontroller has no common clock: a Cortex-M4 counts cycles in `DWT.CYCCNT`, a Cortex-M0 has SysTick,
//! RISC-V `mcycle`. So a clock is a function, and its unit the caller's. Without one, nothing is measured and
//! nothing is called. With the `defmt` feature, trainers log every step's loss at `info` and, where
//! they have a clock, its [`Timing`] at `debug`.

/// A counter that runs freely: it counts up and wraps round at 2^32.
pub type Clock = fn() -> u32;

/// Ticks that the phases of one step took; all 0 without a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timing {
    /// Encoding the batch and finding the winners.
    pub compete: u32,
    /// Deciding which of them survive.
    pub select: u32,
    /// Residuals, deltas and, where it is stored, the gradient.
    pub learn: u32,
    /// Changing the weights; also the gradient of trainers that store none.
    pub update: u32,
}

impl Timing {
    /// All phases together.
    pub const fn total(&self) -> u32 {
        let first = self.compete.wrapping_add(self.select);
        first.wrapping_add(self.learn).wrapping_add(self.update)
    }
}

/// Adds what a clock says to a step's phases.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopwatch {
    clock: Option<Clock>,
    last: u32,
    timing: Timing,
}

impl Stopwatch {
    /// With this clock.
    pub(crate) const fn new(clock: Clock) -> Self {
        Self { clock: Some(clock), last: 0, timing: Timing { compete: 0, select: 0, learn: 0, update: 0 } }
    }

    /// A step begins.
    pub(crate) fn start(&mut self) {
        self.timing = Timing::default();
        if let Some(clock) = self.clock {
            self.last = clock();
        }
    }

    /// What has passed since the last lap (or the start) belongs to this phase.
    pub(crate) fn lap(&mut self, phase: impl FnOnce(&mut Timing) -> &mut u32) {
        if let Some(clock) = self.clock {
            let now = clock();
            let ticks = phase(&mut self.timing);
            *ticks = ticks.wrapping_add(now.wrapping_sub(self.last));
            self.last = now;
        }
    }

    /// The phases of the last step.
    pub(crate) const fn timing(&self) -> Timing {
        self.timing
    }

    /// Logs a finished step; `step` counts from 1.
    #[cfg(feature = "defmt")]
    pub(crate) fn log(&self, step: u64, loss: f32) {
        let Timing { compete, select, learn, update } = self.timing;
        defmt::info!("step {=u64}: loss {=f32}", step, loss);
        if self.clock.is_some() {
            defmt::debug!(
                "ticks: compete {=u32}, select {=u32}, learn {=u32}, update {=u32}",
                compete,
                select,
                learn,
                update
            );
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::cell::Cell;
    use std::thread_local;

    thread_local! {
        static NOW: Cell<u32> = const { Cell::new(u32::MAX - 9) };
    }

    /// Each look at this clock is ten ticks after the last one.
    fn clock() -> u32 {
        NOW.replace(NOW.get().wrapping_add(10))
    }

    #[test]
    fn laps_add_up_across_the_end_of_the_counter_and_a_start_forgets_them() {
        let mut stopwatch = Stopwatch::new(clock);
        stopwatch.start();
        stopwatch.lap(|timing| &mut timing.compete);
        stopwatch.lap(|timing| &mut timing.select);
        stopwatch.lap(|timing| &mut timing.compete);
        let expected = Timing { compete: 20, select: 10, learn: 0, update: 0 };
        assert_eq!((stopwatch.timing(), expected.total()), (expected, 30));
        stopwatch.start();
        stopwatch.lap(|timing| &mut timing.update);
        assert_eq!(stopwatch.timing(), Timing { update: 10, ..Timing::default() });
    }

    #[test]
    fn without_a_clock_nothing_is_measured() {
        let mut stopwatch = Stopwatch::default();
        stopwatch.start();
        stopwatch.lap(|timing| &mut timing.learn);
        assert_eq!(stopwatch.timing(), Timing::default());
    }
}
