//! What a detector tells.

/// What happened at a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// Each channel's mean and deviation are known and frozen: learning begins.
    Conditioned,
    /// The network is trained: calibrating begins.
    Learnt {
        /// What the network leaves of a number of a window, squared, in the last batch. 1 is a network that
        /// has learnt nothing, where windows are standardised.
        loss: f32,
    },
    /// The threshold is known: watching begins.
    Calibrated {
        /// Windows with a higher score count for an alarm.
        threshold: f32,
    },
    /// Enough of the last windows are above the threshold.
    Alarm {
        /// The score of the last one.
        score: f32,
    },
    /// The alarm has ended.
    Cleared {
        /// The score of the last window.
        score: f32,
    },
    /// Windows are quiet: the machine stands still, or the sensor is dead. Nothing is judged until
    /// [`Event::Resumed`].
    Quiet,
    /// Windows are not quiet any more.
    Resumed,
}

/// A line of a log, without [`core::fmt`].
#[cfg(feature = "defmt")]
impl defmt::Format for Event {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Conditioned => defmt::write!(f, "conditioned: each channel's mean and deviation are known"),
            Self::Learnt { loss } => defmt::write!(f, "learnt: loss {=f32}", loss),
            Self::Calibrated { threshold } => defmt::write!(f, "calibrated: threshold {=f32}", threshold),
            Self::Alarm { score } => defmt::write!(f, "alarm: score {=f32}", score),
            Self::Cleared { score } => defmt::write!(f, "cleared: score {=f32}", score),
            Self::Quiet => defmt::write!(f, "quiet: the machine stands still, or the sensor is dead"),
            Self::Resumed => defmt::write!(f, "resumed: windows are not quiet any more"),
        }
    }
}

/// What a detector is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    /// Finding each channel's mean and deviation.
    Conditioning,
    /// Training the network.
    Learning,
    /// Finding the threshold.
    Calibrating,
    /// Comparing windows with it.
    Watching,
}

impl Phase {
    /// As a number, in the order of the phases.
    pub const fn number(self) -> u32 {
        match self {
            Self::Conditioning => 0,
            Self::Learning => 1,
            Self::Calibrating => 2,
            Self::Watching => 3,
        }
    }

    /// The phase of a number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Conditioning),
            1 => Some(Self::Learning),
            2 => Some(Self::Calibrating),
            3 => Some(Self::Watching),
            _ => None,
        }
    }
}
