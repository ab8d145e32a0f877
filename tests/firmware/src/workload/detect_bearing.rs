//! A detector learns a motor's normal vibration and tells the faults of a bearing that it has never met: real
//! recordings, shared with the test that computes the same on the host.
//!
//! Each window's mean and deviation are taken out, so that loudness does not help. Of the normal recording,
//! the first half is learnt, again and again as if it were longer; the third quarter gives the threshold; the
//! last is watched, and then the faults are.

use wta_core::detect::{Detector, Event, Phase, Settings};
use wta_core::{Error, Result};

wta_core::detector! {
    /// An accelerometer on a bearing's housing, 12,000 samples a second.
    pub(crate) struct Bearing = Settings::fully_connected(128, 1, 16)
        .learning(500, 16)
        .calibration(200, 0.01)
        .votes(3, 4, 0);
}

/// What was found in a recording.
pub(crate) struct Watched {
    /// Windows that were judged.
    pub(crate) windows: u32,
    /// Of these, how many are above the threshold.
    pub(crate) above: u32,
    /// Alarms that began.
    pub(crate) alarms: u32,
    /// Windows up to the first alarm, that one included; 0 without one.
    pub(crate) first: u32,
}

/// Goes on until the detector watches.
pub(crate) fn learn(detector: &mut Detector<'_>, normal: &[u8]) -> Result<()> {
    let (learnt, rest) = normal.split_at_checked(normal.len() / 4 * 2).unwrap_or_default();
    let (calibrating, _) = rest.split_at_checked(normal.len() / 8 * 2).unwrap_or_default();
    for part in [learnt, calibrating] {
        let ends = if part.as_ptr() == learnt.as_ptr() { Phase::Calibrating } else { Phase::Watching };
        // A recording that is shorter than the settings want is heard again.
        for _ in 0..1000 {
            for sample in samples(part) {
                detector.push(sample)?;
                if detector.phase() == ends {
                    break;
                }
            }
            detector.gap();
            if detector.phase() == ends {
                break;
            }
        }
    }
    if detector.phase() == Phase::Watching {
        Ok(())
    } else {
        Err(Error::Invalid("the recording is too short to learn from"))
    }
}

/// The normal samples that were neither learnt nor used for the threshold.
pub(crate) fn not_seen(normal: &[u8]) -> &[u8] {
    normal.get(normal.len() / 4 * 2 + normal.len() / 8 * 2..).unwrap_or_default()
}

/// Hears normal vibration until there is no alarm, as after a repair.
pub(crate) fn settle(detector: &mut Detector<'_>, normal: &[u8]) -> Result<()> {
    for sample in samples(not_seen(normal)) {
        if !detector.is_alarmed() {
            break;
        }
        detector.push(sample)?;
    }
    detector.gap();
    Ok(())
}

/// Watches a recording; hands over each window's score.
pub(crate) fn watch(
    detector: &mut Detector<'_>,
    recording: &[u8],
    mut score: impl FnMut(f32),
) -> Result<Watched> {
    let threshold = detector.threshold().unwrap_or(f32::INFINITY);
    let (begun, mut watched) = (detector.progress().0, Watched { windows: 0, above: 0, alarms: 0, first: 0 });
    for sample in samples(recording) {
        let event = detector.push(sample)?;
        let windows = detector.progress().0 - begun;
        if windows != watched.windows {
            watched.windows = windows;
            let found = detector.last_score().unwrap_or(0.0);
            watched.above += u32::from(found > threshold);
            score(found);
        }
        if let Some(Event::Alarm { .. }) = event {
            watched.alarms += 1;
            if watched.first == 0 {
                watched.first = windows;
            }
        }
    }
    detector.gap();
    Ok(watched)
}

/// The samples of a recording.
fn samples(bytes: &[u8]) -> impl Iterator<Item = i16> + '_ {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair))
}
