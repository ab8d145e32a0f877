//! What a detector is told, as a constant.

use crate::crc::Crc;
use crate::detect::learner::{LearnFn, learn_in_rows, learn_in_units};
use crate::error::{Error, Result};
use crate::network::{Conv, Network};
use crate::select::{Selection, Sparsity};
use crate::shape::{Shape, Size};
use crate::train::{Dictionary, Guard, Optimizer, Schedule, TrainingConfig};

/// The largest saturation: a sample times it stays far from what cannot be squared.
const MOST_SATURATION: f32 = 1e6;

/// What is done to a window before the network sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scaling {
    /// Nothing: how loud a window is counts.
    None,
    /// Each channel's mean and deviation over the window are taken out: only its shape counts.
    Standardised,
}

/// When windows above the threshold become an alarm, and when the alarm ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Votes {
    /// So many of the last windows above the threshold raise an alarm.
    pub needed: u32,
    /// How many the last windows are, at most 32.
    pub of: u32,
    /// The alarm ends when at most so many of them are above it; fewer than `needed`.
    pub release: u32,
}

/// The settings of a [`Detector`](crate::detect::Detector): build them as a constant, with
/// [`fully_connected`](Self::fully_connected) or [`convolutional`](Self::convolutional) and the methods that
/// change one thing each.
///
/// ```
/// use wta_core::detect::Settings;
///
/// const SETTINGS: Settings = match Settings::fully_connected(128, 1, 24) {
///     Ok(settings) => settings.hop(32).votes(3, 4, 0).calibration(500, 0.01),
///     Err(_) => panic!("not a detector"),
/// };
/// assert_eq!((SETTINGS.window(), SETTINGS.channels), (128, 1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The network, which sees one window at a time: the samples in their order, the channels of one sample
    /// side by side.
    pub network: Network,
    /// How it is trained. Its number of steps ends the learning.
    pub training: TrainingConfig,
    /// Of the network's initial weights.
    pub seed: u64,
    /// Numbers in a sample.
    pub channels: usize,
    /// Samples from the start of one window to that of the next: half a window, so that two overlap by half.
    pub hop: usize,
    /// What is done to a window.
    pub scaling: Scaling,
    /// Samples at the start from which each channel's mean and deviation are learnt.
    pub conditioning: u32,
    /// A sample is kept within so many deviations from the mean, so that a glitch cannot ruin the training.
    pub saturation: f32,
    /// Windows in which no channel's deviation exceeds this share of the learnt one are passed over: the
    /// machine stands still, or the sensor is dead.
    pub quiet: f32,
    /// Windows that are scored to find the threshold.
    pub calibration: u32,
    /// The share of normal windows that may be above the threshold.
    pub false_alarms: f32,
    /// How windows become an alarm.
    pub votes: Votes,
    /// The learning rate after the learning, in batches of windows below the threshold; 0 for a network that
    /// stays as it is.
    pub adapting: f32,
    /// The trainer; a constant, so that a program links the one it uses.
    pub(super) learn: LearnFn,
}

impl Settings {
    /// A detector by a fully-connected autoencoder with tied weights: `units` for windows of `window` samples
    /// of `channels` numbers.
    ///
    /// It learns from 8 windows' worth of samples for its scales and 1,000 steps of 16 windows, calibrates
    /// with 400 windows at 1% false alarms, and raises an alarm at 3 windows of 4. All of that can be
    /// changed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for sizes of 0 and networks that cannot be.
    pub const fn fully_connected(window: usize, channels: usize, units: usize) -> Result<Self> {
        if let Err(error) = expect_some(window, channels, units) {
            return Err(error);
        }
        let Some(inputs) = window.checked_mul(channels) else {
            return Err(Error::Invalid("a window has more numbers than can be addressed"));
        };
        let network = match Network::fully_connected(inputs, &[units]) {
            Ok(network) => network,
            Err(error) => return Err(error),
        };
        let network = match network.tied() {
            Ok(network) => network,
            Err(error) => return Err(error),
        };
        let training = training(Sparsity::lifetime(0.25), 0.16 / inputs as f32, inputs);
        Ok(Self::of(network, channels, training, learn_in_units))
    }

    /// A detector by a convolutional autoencoder of one layer: `maps` feature maps whose filters and atoms
    /// span `kernel` samples. Of each map, a window has one winner. It needs less memory for parameters than
    /// a fully-connected one and more instructions.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for sizes of 0, for a window of one sample, which has nowhere to slide to, and for
    /// a kernel that is longer than the window.
    pub const fn convolutional(window: usize, channels: usize, maps: usize, kernel: usize) -> Result<Self> {
        if let Err(error) = expect_some(window, channels, maps) {
            return Err(error);
        }
        if window < 2 {
            return Err(Error::Invalid(
                "a convolutional detector's window has at least two samples: take a fully-connected one",
            ));
        }
        if kernel == 0 || kernel > window {
            return Err(Error::Invalid("a detector's filters span at least one sample and at most a window"));
        }
        let size = Size::new(kernel, 1);
        let input = Shape::new(channels, window, 1);
        let network = match Network::convolutional(input, &[Conv::new(maps, size)], size) {
            Ok(network) => network,
            Err(error) => return Err(error),
        };
        let training = training(
            Sparsity::SPATIAL,
            0.16 / kernel.saturating_mul(channels) as f32,
            window.saturating_mul(channels),
        );
        Ok(Self::of(network, channels, training, learn_in_rows))
    }

    /// A detector by any network that a device can train: a fully-connected one of one layer, whose inputs
    /// are the `window x channels` numbers of a window; or a convolutional one whose images have `channels`
    /// channels, a row for each sample of the window, and one column.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for other networks.
    pub const fn new(network: Network, channels: usize, training: TrainingConfig) -> Result<Self> {
        let input = network.input();
        let learn: LearnFn = if network.is_fully_connected() {
            if channels == 0 || !input.channels.is_multiple_of(channels) {
                return Err(Error::Invalid("a window has a whole number of samples of at least one channel"));
            }
            if network.depth() != 1 {
                return Err(Error::Invalid("a detector's fully-connected network has one layer"));
            }
            learn_in_units
        } else {
            if channels != input.channels || input.width != 1 {
                return Err(Error::Invalid(
                    "a detector's images have its channels, a row for each sample, and one column",
                ));
            }
            learn_in_rows
        };
        Ok(Self::of(network, channels, training, learn))
    }

    /// With the settings that serve where nothing else is said. The trainer is named where it is known, so
    /// that a program that makes settings as it runs links that one alone.
    const fn of(network: Network, channels: usize, training: TrainingConfig, learn: LearnFn) -> Self {
        let window = match network.input().len().checked_div(channels) {
            Some(window) => window,
            None => 0,
        };
        Self {
            network,
            training,
            seed: 1,
            channels,
            hop: if window > 1 { window / 2 } else { 1 },
            scaling: Scaling::Standardised,
            conditioning: if window < 1 << 24 { 8 * window as u32 } else { u32::MAX },
            saturation: 8.0,
            quiet: 0.02,
            calibration: 400,
            false_alarms: 0.01,
            votes: Votes { needed: 3, of: 4, release: 0 },
            adapting: 0.0,
            learn,
        }
    }

    /// With so many samples from the start of one window to that of the next; more than a window leaves gaps.
    #[must_use]
    pub const fn hop(self, samples: usize) -> Self {
        Self { hop: samples, ..self }
    }

    /// With another seed of the initial weights.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Learning for so many steps of so many windows.
    #[must_use]
    pub const fn learning(self, steps: u64, batch: usize) -> Self {
        Self { training: TrainingConfig { steps, batch, ..self.training }, ..self }
    }

    /// With windows as they are: a machine that is louder than it was gives an alarm, too.
    #[must_use]
    pub const fn unscaled(self) -> Self {
        Self { scaling: Scaling::None, ..self }
    }

    /// Conditioning by so many samples, kept within so many deviations.
    #[must_use]
    pub const fn conditioning(self, samples: u32, saturation: f32) -> Self {
        Self { conditioning: samples, saturation, ..self }
    }

    /// With so many windows for the threshold, above which so large a share of normal windows may be.
    #[must_use]
    pub const fn calibration(self, windows: u32, false_alarms: f32) -> Self {
        Self { calibration: windows, false_alarms, ..self }
    }

    /// With an alarm at `needed` of the last `of` windows, which ends when at most `release` of them are
    /// above the threshold.
    #[must_use]
    pub const fn votes(self, needed: u32, of: u32, release: u32) -> Self {
        Self { votes: Votes { needed, of, release }, ..self }
    }

    /// Passing over windows that are not louder than so large a share of the learnt deviation; 0 scores them
    /// all.
    #[must_use]
    pub const fn quiet(self, share: f32) -> Self {
        Self { quiet: share, ..self }
    }

    /// Going on to learn at this rate from windows below the threshold, which itself stays. A tenth of the
    /// learning's rate or less is slow enough that a fault which grows is not learnt before it is told.
    #[must_use]
    pub const fn adapting(self, rate: f32) -> Self {
        Self { adapting: rate, ..self }
    }

    /// Samples in a window.
    pub const fn window(&self) -> usize {
        match self.network.input().len().checked_div(self.channels) {
            Some(window) => window,
            None => 0,
        }
    }

    /// The windows above the threshold that calibration allows: the threshold is the score of the lowest of
    /// them. 0 when there are too few windows for so small a share.
    pub const fn tail_len(&self) -> usize {
        // Of n + 1 scores in random order, the last is among the k largest with probability k / (n + 1).
        let allowed = self.false_alarms * (self.calibration as f32 + 1.0);
        if allowed >= 1.0 { allowed as usize } else { 0 }
    }

    /// `Ok` when a detector can work so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the setting.
    pub const fn check(&self) -> Result<()> {
        if let Err(error) = self.training.check(&self.network) {
            return Err(error);
        }
        // A window's numbers and residuals, and a value, a delta and a place for each survivor.
        let of_a_window = self
            .network
            .input()
            .len()
            .saturating_mul(2)
            .saturating_add(self.network.code().channels.saturating_mul(3));
        match self.training.batch.checked_mul(of_a_window) {
            Some(numbers) if numbers <= isize::MAX as usize / 16 => {}
            _ => return Err(Error::Invalid("a step of so many windows is too large to address")),
        }
        if !self.training.corruption.is_none() {
            return Err(Error::Invalid("a detector hides nothing from its network: set no corruption"));
        }
        let grid = self.training.sparsity.grid;
        if grid.height != 1 || grid.width != 1 {
            return Err(Error::Invalid("a detector has one winner of each map and window: a grid of 1 x 1"));
        }
        if self.window() < 2 && matches!(self.scaling, Scaling::Standardised) {
            return Err(Error::Invalid(
                "of a window of one sample nothing is left without its mean: leave it unscaled",
            ));
        }
        let Votes { needed, of, release } = self.votes;
        if self.hop == 0 {
            return Err(Error::Invalid("the next window begins at least one sample later"));
        }
        if self.conditioning < 2 || (self.conditioning as usize) < self.window() {
            return Err(Error::Invalid("conditioning takes at least a window of samples"));
        }
        if !(self.saturation >= 1.0 && self.saturation <= MOST_SATURATION) {
            return Err(Error::Invalid("samples saturate at 1 to a million deviations"));
        }
        if !(self.quiet >= 0.0 && self.quiet < 1.0) {
            return Err(Error::Invalid(
                "what is quiet is a share of the learnt deviation, at least 0 and less than 1",
            ));
        }
        if !(self.false_alarms > 0.0 && self.false_alarms < 1.0) {
            return Err(Error::Invalid("the share of false alarms is more than 0 and less than 1"));
        }
        if self.tail_len() == 0 || self.tail_len() > self.calibration as usize {
            return Err(Error::Invalid(
                "calibration needs more windows: at least 1 over the share of false alarms",
            ));
        }
        if needed == 0 || needed > of || of > 32 || release >= needed {
            return Err(Error::Invalid(
                "an alarm takes k of n windows (1 <= k <= n <= 32) and ends at fewer than k",
            ));
        }
        if !(self.adapting >= 0.0 && self.adapting.is_finite()) {
            return Err(Error::Invalid("the rate of adapting is 0 or more"));
        }
        if self.training.steps == 0 || self.training.steps > u32::MAX as u64 {
            return Err(Error::Invalid("learning takes at least one step, and at most 4,294,967,295"));
        }
        if self.adapting > 0.0 { self.adapting_training().check(&self.network) } else { Ok(()) }
    }

    /// How it is trained while it watches.
    pub(super) const fn adapting_training(&self) -> TrainingConfig {
        let mut training = self.training;
        training.optimizer.rate = self.adapting;
        training.optimizer.schedule = Schedule::Constant;
        training
    }

    /// The same settings, when a detector can work so.
    ///
    /// # Errors
    ///
    /// As for [`Settings::check`].
    pub const fn checked(self) -> Result<Self> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// Winners that a window is scored with, as [`Novelty`](crate::Novelty) takes them.
    pub(super) const fn keep(&self) -> usize {
        match self.training.sparsity.selection {
            Selection::PerSample { count } => count,
            Selection::All | Selection::Lifetime { .. } | Selection::Batch { .. } => 0,
        }
    }

    /// Tells settings whose states can be exchanged.
    pub(super) fn fingerprint(&self) -> u32 {
        let Self { network, training, votes, .. } = self;
        let mut crc = Crc::default();
        let mut number = |number: u64| crc.add(&number.to_le_bytes());
        let size = |size: Size| (size.height as u64) << 32 | size.width as u64;
        let input = network.input();
        [input.channels, input.height, input.width, network.depth(), self.channels, self.hop]
            .into_iter()
            .for_each(|length| number(length as u64));
        network.layers().for_each(|layer| {
            number(layer.conv.maps as u64);
            number(size(layer.conv.kernel));
            number(size(layer.conv.stride));
        });
        number(size(network.decoder().conv.kernel));
        number(u64::from(network.is_tied()));
        number(training.optimizer.method.moments() as u64);
        match training.sparsity.selection {
            Selection::All => number(0),
            Selection::Lifetime { rate } => number(1 << 32 | u64::from(rate.to_bits())),
            Selection::PerSample { count } => number(2 << 32 | count as u64),
            Selection::Batch { count } => number(3 << 32 | count as u64),
        }
        // States of before there was anything to tell keep their fingerprint.
        if training.dictionary != Dictionary::FREE {
            number(4 << 32 | u64::from(training.dictionary.bits()));
        }
        number(training.batch as u64);
        number(training.steps);
        number(u64::from(self.scaling == Scaling::Standardised));
        number(u64::from(self.conditioning) << 32 | u64::from(self.calibration));
        number(u64::from(votes.needed) << 32 | u64::from(votes.of));
        number(u64::from(votes.release) << 32 | u64::from(self.adapting > 0.0));
        [self.saturation, self.quiet, self.false_alarms]
            .into_iter()
            .for_each(|value| number(u64::from(value.to_bits())));
        crc.end()
    }
}

/// `Ok` unless there is nothing of something.
const fn expect_some(window: usize, channels: usize, units: usize) -> Result<()> {
    if window == 0 || channels == 0 {
        return Err(Error::Invalid("a detector's window has at least one sample of at least one channel"));
    }
    if units == 0 {
        return Err(Error::Invalid("a detector's network has at least one unit or feature map"));
    }
    Ok(())
}

/// The training that serves where nothing else is said.
const fn training(sparsity: Sparsity, rate: f32, inputs: usize) -> TrainingConfig {
    let optimizer = Optimizer { schedule: Schedule::Linear, ..Optimizer::sgd(rate) };
    // A gradient that is as long as this is one of the first steps', or of weights that begin to diverge.
    let guard = Guard::NONE.with_gradient_norm(inputs as f32);
    TrainingConfig::new(sparsity, optimizer, 16, 1000).with_guard(guard)
}
