//! What is watched, and how it is learnt.

use wta_core::detect::Settings;

/// Samples a second of each axis. The detector does not care, but what it has learnt is of this rate.
pub const RATE: u32 = 1344;

/// Numbers in a sample: three axes.
pub const CHANNELS: usize = 3;

wta_core::detector! {
    /// All memory of the detector: three axes in windows of 64 samples (48 ms), by 16 units. Each window's
    /// loudness is taken out: what counts is its shape.
    ///
    /// It learns for 500 x 16 windows, of which one begins every 32 samples: 190 s. The threshold takes
    /// another 400 windows, 10 s, and is for 1% false alarms of single windows; an alarm takes 3 of 4.
    pub struct Machine = Settings::fully_connected(64, CHANNELS, 16)
        .learning(500, 16)
        .calibration(400, 0.01)
        .votes(3, 4, 0);
}
