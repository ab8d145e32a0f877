//! A detector's state in flash, with its checksum repaired: it is taken or not, and the detector goes on.

use std::sync::OnceLock;

use wta_core::detect::{Detector, Memory, MemorySlots, Phase, Settings, detector_len, state_bytes};
use wta_core::{Cut, Random};

use super::rules::sentence;

/// Samples that a detector takes after its state was restored.
const SAMPLES: usize = 200;

fn all_settings() -> [Settings; 3] {
    let small = |settings: Settings| settings.conditioning(64, 4.0).learning(10, 4).calibration(40, 0.05);
    [
        small(Settings::fully_connected(8, 1, 3).unwrap()),
        small(Settings::fully_connected(8, 1, 3).unwrap()).hop(3).unscaled().adapting(1e-3).quiet(0.0),
        small(Settings::convolutional(12, 1, 2, 5).unwrap()).hop(12).adapting(1e-3),
    ]
}

struct Owned {
    floats: Vec<f32>,
    indices: Vec<u32>,
    cuts: Vec<Cut>,
}

impl Owned {
    fn new(settings: &Settings) -> Self {
        let len = detector_len(settings);
        Self {
            floats: vec![0.0; len.floats],
            indices: vec![0; len.indices],
            cuts: vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts],
        }
    }

    fn detector<'a>(&'a mut self, settings: &'a Settings) -> Detector<'a> {
        let memory = Memory { floats: &mut self.floats, indices: &mut self.indices, cuts: &mut self.cuts };
        Detector::new(settings, memory).unwrap()
    }
}

/// The first byte chooses the settings, the second one what is repaired; then come the slots, one after the
/// other.
pub fn run(bytes: &[u8]) -> bool {
    let [which, repaired, content @ ..] = bytes else { return false };
    let settings = &all_settings()[usize::from(*which) % 3];
    let len = state_bytes(settings);
    let mut flash = content.to_vec();
    flash.resize(2 * len, 0xff);
    let (first, second) = flash.split_at_mut(len);
    for (slot, bit) in [(&mut *first, 1), (&mut *second, 2)] {
        if repaired & bit != 0 {
            repair(slot);
        }
    }
    let mut owned = Owned::new(settings);
    let mut detector = owned.detector(settings);
    let new = (detector.phase(), detector.progress(), detector.parameters().to_vec());
    let mut slots = MemorySlots { slots: [first, second] };
    let restored = detector.restore(&mut slots).unwrap();
    if !restored {
        assert!((detector.phase(), detector.progress(), detector.parameters().to_vec()) == new);
    }
    let mut random = Random::new(1);
    for _ in 0..SAMPLES {
        // A state with a whole checksum may still be one that no detector writes, with numbers that are none.
        if let Err(error) = detector.push(random.normal()) {
            sentence(&error);
        }
    }
    detector.save(&mut slots).unwrap();
    let (phase, parameters) = (detector.phase(), bits(detector.parameters()));
    let mut other = Owned::new(settings);
    let mut again = other.detector(settings);
    assert!(again.restore(&mut slots).unwrap(), "what was saved is there");
    assert_eq!((again.phase(), bits(again.parameters())), (phase, parameters));
    restored
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Puts the checksum where the length that the state says it has ends.
fn repair(slot: &mut [u8]) {
    let len = u32::from_le_bytes([slot[16], slot[17], slot[18], slot[19]]) as usize;
    if (24..=slot.len()).contains(&len) {
        let mut hasher = flate2::Crc::new();
        hasher.update(&slot[..len - 4]);
        slot[len - 4..len].copy_from_slice(&hasher.sum().to_le_bytes());
    }
}

/// States of each phase, by the detector itself.
pub fn seeds() -> Vec<Vec<u8>> {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let make = || {
        let mut seeds = Vec::new();
        for (which, settings) in all_settings().iter().enumerate() {
            let mut owned = Owned::new(settings);
            let mut detector = owned.detector(settings);
            let mut flash = vec![0xff; 2 * state_bytes(settings)];
            let mut random = Random::new(2);
            let mut time = 0.0f32;
            while detector.phase() != Phase::Watching {
                let before = detector.phase();
                time += 1.0;
                detector.push((0.4 * time).sin() + 0.1 * random.normal()).unwrap();
                if detector.phase() != before {
                    let (first, second) = flash.split_at_mut(state_bytes(settings));
                    detector.save(&mut MemorySlots { slots: [first, second] }).unwrap();
                    seeds.push([&[which as u8, 3][..], &flash].concat());
                }
            }
        }
        seeds
    };
    SEEDS.get_or_init(make).clone()
}
