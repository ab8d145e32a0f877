//! Recorded vibration of a bearing, as an accelerometer that sits askew on its housing would feel it.

use wta_core::detect::Phase;
use wta_monitor::{CHANNELS, FlashSlots, Monitor};

use crate::ram_flash::RamFlash;

type Watching<'m, 'f> = Monitor<'m, &'f mut RamFlash>;

/// `fixtures/bearing`, int16.
static NORMAL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/normal"));

/// The recordings of faults.
pub(crate) static FAULTS: [(&str, &[u8]); 3] = [
    ("inner", include_bytes!(concat!(env!("OUT_DIR"), "/inner_7"))),
    ("ball", include_bytes!(concat!(env!("OUT_DIR"), "/ball_7"))),
    ("outer", include_bytes!(concat!(env!("OUT_DIR"), "/outer_7"))),
];

const _: () = assert!(FlashSlots::<&mut RamFlash>::BYTES <= 64 * 1024, "more than the boards leave");

/// Plays what is normal until the monitor watches: half of it is learnt, a quarter gives the threshold.
pub(crate) fn learn(monitor: &mut Watching<'_, '_>) {
    let (half, rest) = NORMAL.split_at_checked(NORMAL.len() / 4 * 2).unwrap_or_default();
    let (quarter, _) = rest.split_at_checked(NORMAL.len() / 8 * 2).unwrap_or_default();
    for _ in 0..100 {
        let part = if monitor.phase().number() < Phase::Calibrating.number() { half } else { quarter };
        for sample in samples(part) {
            let before = monitor.phase();
            monitor.push(sample);
            if monitor.phase() != before && matches!(monitor.phase(), Phase::Calibrating | Phase::Watching) {
                break;
            }
        }
        monitor.gap();
        if monitor.phase() == Phase::Watching {
            return;
        }
    }
}

/// The last quarter, which was neither learnt nor used for the threshold.
pub(crate) fn not_seen() -> &'static [u8] {
    NORMAL.get(NORMAL.len() / 8 * 6..).unwrap_or_default()
}

/// Plays a recording.
pub(crate) fn play(monitor: &mut Watching<'_, '_>, recording: &[u8]) {
    for sample in samples(recording) {
        monitor.push(sample);
    }
    monitor.gap();
}

/// The vibration has one direction, and each axis has its share of it; the last one carries the weight.
fn samples(bytes: &[u8]) -> impl Iterator<Item = [i16; CHANNELS]> {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().map(|pair| {
        let sample = i16::from_le_bytes(*pair);
        [sample, sample / 2, (sample / 4).saturating_add(4096)]
    })
}
