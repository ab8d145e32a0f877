//! What a detector found in recordings.

use std::path::PathBuf;

use serde::Serialize;

use super::roc::RocPoint;

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// `alarm`, `cleared`, `quiet` or `resumed`.
    pub event: &'static str,
    /// The number of the sample with which it happened, from 0.
    pub sample: usize,
    /// The same in seconds, if the recording says how many samples a second has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The score of the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// A window that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Its first sample, from 0.
    pub start: usize,
    /// Its score.
    pub score: f32,
}

/// What was found in a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Watched {
    /// The file.
    pub file: PathBuf,
    /// Whether this is the part of a normal recording that was not learnt.
    pub normal: bool,
    /// Samples a second, if the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// The windows that were judged.
    pub windows: usize,
    /// Windows that were passed over: quiet ones.
    pub skipped: u32,
    /// How many are above the threshold.
    pub above: usize,
    /// The share above the threshold; of normal windows, the false alarms.
    pub share: f64,
    /// Windows up to the first alarm, that one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows_to_alarm: Option<usize>,
    /// The events.
    pub events: Vec<Told>,
    /// The area under the ROC curve against the normal windows that were not learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// The ROC curve.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<RocPoint>,
    /// Each window's score.
    pub scores: Vec<Judged>,
}

/// What a detector learnt and found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The settings in Rust, for firmware.
    pub settings: String,
    /// Bytes of RAM that the detector takes on a device, without the stack.
    pub ram_bytes: usize,
    /// Bytes of each of the two slots of flash.
    pub state_bytes: usize,
    /// Samples of each channel that were learnt from, those that were repeated counted once.
    pub learnt_samples: usize,
    /// How often the recordings were gone through to learn.
    pub passes: usize,
    /// What the network leaves of a number of a window, squared, in the last step.
    pub loss: f32,
    /// Windows that gave the threshold.
    pub calibration: u32,
    /// The threshold is the score of the so-manieth largest of them.
    pub rank: usize,
    /// The threshold.
    pub threshold: f32,
    /// What was found in each recording, first in the rest of the normal ones.
    pub recordings: Vec<Watched>,
}

impl Report {
    /// The share of the normal windows, which were not learnt, that are above the threshold.
    pub fn false_alarms(&self) -> Option<f64> {
        let normal = || self.recordings.iter().filter(|watched| watched.normal);
        let windows: usize = normal().map(|watched| watched.windows).sum();
        let above: usize = normal().map(|watched| watched.above).sum();
        (windows > 0).then(|| above as f64 / windows as f64)
    }
}
