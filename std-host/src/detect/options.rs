//! How a detector is set up on a host: the settings of the core's, those that follow from the recordings
//! included.

use wta_core::detect::Settings;

use crate::error::{Error, Result};

/// A detector's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// A fully-connected autoencoder of so many units.
    Units(usize),
    /// A convolutional one.
    Maps {
        /// Feature maps.
        maps: usize,
        /// Samples that a filter and an atom span.
        kernel: usize,
    },
}

/// A detector, and how the recordings it learns from are divided. [`Default`] is what
/// [`Settings::fully_connected`] has, with 16 units for windows of 128 samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Samples in a window.
    pub window: usize,
    /// Samples from one window to the next; half a window if `None`.
    pub hop: Option<usize>,
    /// The network.
    pub architecture: Architecture,
    /// Steps of learning.
    pub steps: u64,
    /// Windows in a step.
    pub batch: usize,
    /// Whether loudness counts: windows are not standardised.
    pub loudness: bool,
    /// The share of normal windows that may be above the threshold.
    pub false_alarms: f32,
    /// Windows that give the threshold; if `None`, as many as the recordings have, 400 at most.
    pub calibration: Option<u32>,
    /// So many of the last windows above the threshold raise an alarm.
    pub needed: u32,
    /// How many the last windows are.
    pub of: u32,
    /// The alarm ends when at most so many of them are above it.
    pub release: u32,
    /// Windows quieter than this share of the learnt deviation are passed over.
    pub quiet: f32,
    /// Samples are kept within so many deviations.
    pub saturation: f32,
    /// The rate of learning while watching; 0 for none.
    pub adapting: f32,
    /// Of the initial weights.
    pub seed: u64,
    /// The share at the beginning of each recording that is learnt from.
    pub learn_share: f64,
    /// The share behind it that gives the threshold. The rest is watched as normal.
    pub calibrate_share: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            window: 128,
            hop: None,
            architecture: Architecture::Units(16),
            steps: 1000,
            batch: 16,
            loudness: false,
            false_alarms: 0.01,
            calibration: None,
            needed: 3,
            of: 4,
            release: 0,
            quiet: 0.02,
            saturation: 8.0,
            adapting: 0.0,
            seed: 1,
            learn_share: 0.5,
            calibrate_share: 0.25,
        }
    }
}

impl Options {
    /// The core's settings for recordings of so many channels, of which `windows` are there to give the
    /// threshold.
    pub(super) fn settings(&self, channels: usize, windows: usize) -> Result<Settings> {
        let settings = match self.architecture {
            Architecture::Units(units) => Settings::fully_connected(self.window, channels, units),
            Architecture::Maps { maps, kernel } => {
                Settings::convolutional(self.window, channels, maps, kernel)
            }
        }?;
        let calibration = match self.calibration {
            Some(calibration) => calibration,
            None => windows.min(400) as u32,
        };
        let mut settings = settings
            .hop(self.hop())
            .learning(self.steps, self.batch)
            .seed(self.seed)
            .conditioning(settings.conditioning, self.saturation)
            .calibration(calibration, self.false_alarms)
            .votes(self.needed, self.of, self.release)
            .quiet(self.quiet)
            .adapting(self.adapting);
        if self.loudness {
            settings = settings.unscaled();
        }
        let may_happen = self.false_alarms > 0.0 && self.false_alarms < 1.0;
        if self.calibration.is_none() && may_happen && settings.tail_len() == 0 {
            return Err(Error::Invalid(format!(
                "the normal recordings have {windows} windows for the threshold, but {}% of false alarms \
                 takes {} at least; record more, or allow more false alarms",
                100.0 * self.false_alarms,
                (1.0 / self.false_alarms).ceil()
            )));
        }
        settings.check()?;
        Ok(settings)
    }

    /// Samples from one window to the next.
    pub fn hop(&self) -> usize {
        self.hop.unwrap_or((self.window / 2).max(1))
    }

    /// The settings in Rust, for firmware.
    pub(super) fn rust(&self, settings: &Settings) -> String {
        let Self { window, steps, batch, saturation, false_alarms, needed, of, release, .. } = *self;
        let channels = settings.channels;
        let mut text = match self.architecture {
            Architecture::Units(units) => {
                format!("Settings::fully_connected({window}, {channels}, {units})")
            }
            Architecture::Maps { maps, kernel } => {
                format!("Settings::convolutional({window}, {channels}, {maps}, {kernel})")
            }
        };
        text += &format!(
            ".hop({}).learning({steps}, {batch}).conditioning({}, {saturation:?}).calibration({}, {false_alarms:?})\
             .votes({needed}, {of}, {release})",
            settings.hop, settings.conditioning, settings.calibration
        );
        let rest = [
            (self.loudness, ".unscaled()".to_owned()),
            (true, format!(".quiet({:?})", self.quiet)),
            (self.adapting > 0.0, format!(".adapting({:?})", self.adapting)),
            (self.seed != 1, format!(".seed({})", self.seed)),
        ];
        rest.into_iter().filter(|(said, _)| *said).for_each(|(_, more)| text += &more);
        text
    }

    /// `Ok` when the shares make sense.
    pub(super) fn check(&self) -> Result<()> {
        let Self { learn_share, calibrate_share, .. } = *self;
        let good = learn_share > 0.0 && calibrate_share > 0.0 && learn_share + calibrate_share <= 1.0;
        if good {
            return Ok(());
        }
        Err(Error::Invalid(
            "the shares of the normal recordings to learn from and to find the threshold with are more than 0, and \
             1 together at most"
                .to_owned(),
        ))
    }
}
