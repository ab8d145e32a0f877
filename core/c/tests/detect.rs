//! The detector in C's calls is that of Rust, to the bit; it survives a restart by its flash; misuse is
//! answered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::ffi::c_void;
use std::ptr;

use wta_c::wta_status::*;
use wta_c::*;
use wta_core::detect::{Detector, Event, Memory, Phase, Settings, detector_len};
use wta_core::{Cut, Random};

/// A shaft's vibration of two channels, with a fault from some sample on.
fn samples(count: usize, fault_from: usize) -> Vec<i16> {
    let mut random = Random::new(2);
    (0..count)
        .flat_map(|t| {
            let ringing = if t >= fault_from { 2000.0 * (1.9 * t as f32).sin() } else { 0.0 };
            let noise = 50.0 * random.normal();
            let turn = 1000.0 * (0.3 * t as f32).sin();
            [(turn + ringing + noise) as i16, (0.5 * turn - 20.0 + noise) as i16]
        })
        .collect()
}

fn settings(kernel: usize) -> wta_detector_settings {
    let mut settings = wta_detector_settings::default();
    // SAFETY: the structs, memory and samples are of this test, and as long as it says.
    assert_eq!(unsafe { wta_detector_defaults(&mut settings, 32, 2, 6) }, WTA_OK);
    wta_detector_settings { steps: 150, batch: 8, calibration: 100, false_alarms: 0.05, kernel, ..settings }
}

/// Flash in memory, whose writes can be made to fail.
struct Flash {
    slots: [Vec<u8>; 2],
    fails: bool,
}

impl Flash {
    fn new(bytes: usize) -> Self {
        Self { slots: [vec![0xff; bytes], vec![0xff; bytes]], fails: false }
    }

    fn functions(&mut self) -> wta_slots {
        unsafe extern "C" fn read(
            context: *mut c_void,
            slot: usize,
            at: usize,
            to: *mut u8,
            len: usize,
        ) -> i32 {
            // SAFETY: as above.
            let flash = unsafe { &*context.cast::<Flash>() };
            // SAFETY: as above.
            unsafe { ptr::copy_nonoverlapping(flash.slots[slot][at..at + len].as_ptr(), to, len) };
            0
        }
        unsafe extern "C" fn erase(context: *mut c_void, slot: usize) -> i32 {
            // SAFETY: as above.
            let flash = unsafe { &mut *context.cast::<Flash>() };
            flash.slots[slot].fill(0xff);
            0
        }
        unsafe extern "C" fn write(context: *mut c_void, slot: usize, at: usize, block: *const u8) -> i32 {
            // SAFETY: as above.
            let flash = unsafe { &mut *context.cast::<Flash>() };
            if flash.fails {
                return -5;
            }
            let to = &mut flash.slots[slot][at..at + WTA_FLASH_BLOCK];
            // SAFETY: as above.
            unsafe { ptr::copy_nonoverlapping(block, to.as_mut_ptr(), to.len()) };
            0
        }
        let context = ptr::from_mut(self).cast();
        wta_slots { context, read: Some(read), erase: Some(erase), write: Some(write) }
    }
}

/// A detector in C's hands.
struct InC {
    detector: wta_detector,
    memory: Vec<u32>,
}

impl InC {
    fn new(settings: &wta_detector_settings) -> Self {
        // SAFETY: as above.
        let bytes = unsafe { wta_detector_bytes(settings) };
        assert!(bytes > 0);
        let mut c = Self {
            detector: wta_detector { words: [0; WTA_DETECTOR_WORDS] },
            memory: vec![0xdead_beef; bytes.div_ceil(4)],
        };
        let init = if settings.kernel == 0 { wta_detector_init } else { wta_detector_init_convolutional };
        let memory = c.memory.as_mut_ptr().cast();
        // SAFETY: as above.
        assert_eq!(unsafe { init(&mut c.detector, settings, memory, bytes) }, WTA_OK);
        c
    }

    /// All events of these samples, with the sample of each.
    fn push(&mut self, samples: &[i16]) -> Vec<(usize, wta_event)> {
        let (mut found, mut done, mut taken) = (Vec::new(), 0, 0);
        while done < samples.len() / 2 {
            let mut event = wta_event::default();
            // As much as a queue may have.
            let count = (samples.len() / 2 - done).min(37);
            // SAFETY: as above.
            let pushed = unsafe {
                wta_detector_push_i16(
                    &mut self.detector,
                    samples[2 * done..].as_ptr(),
                    count,
                    &mut taken,
                    &mut event,
                )
            };
            assert_eq!(pushed, WTA_OK);
            assert!(taken > 0);
            done += taken;
            if event.event != WTA_EVENT_NONE {
                found.push((done, event));
            }
        }
        found
    }

    fn info(&self) -> wta_detector_info {
        let mut info = wta_detector_info::default();
        // SAFETY: as above.
        assert_eq!(unsafe { wta_detector_get_info(&self.detector, &mut info) }, WTA_OK);
        info
    }
}

#[test]
fn events_and_scores_are_those_of_rust() {
    for kernel in [0, 7] {
        let c = settings(kernel);
        let rust = if kernel == 0 {
            Settings::fully_connected(32, 2, 6)
        } else {
            Settings::convolutional(32, 2, 6, kernel)
        };
        let rust = rust.unwrap().learning(150, 8).calibration(100, 0.05);
        let len = detector_len(&rust);
        let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
        let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
        let memory = Memory { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let mut rust = Detector::new(&rust, memory).unwrap();
        let mut in_c = InC::new(&c);
        let samples = samples(25_000, 24_000);
        let told = in_c.push(&samples);
        let mut expected = Vec::new();
        for (index, sample) in samples.chunks(2).enumerate() {
            match rust.push(sample).unwrap() {
                None => {}
                Some(Event::Conditioned) => expected.push((index + 1, WTA_EVENT_CONDITIONED, 0.0)),
                Some(Event::Learnt { loss }) => expected.push((index + 1, WTA_EVENT_LEARNT, loss)),
                Some(Event::Calibrated { threshold }) => {
                    expected.push((index + 1, WTA_EVENT_CALIBRATED, threshold));
                }
                Some(Event::Alarm { score }) => expected.push((index + 1, WTA_EVENT_ALARM, score)),
                Some(Event::Cleared { score }) => expected.push((index + 1, WTA_EVENT_CLEARED, score)),
                Some(Event::Quiet | Event::Resumed) => panic!("nothing is quiet"),
            }
        }
        let told: Vec<_> = told.into_iter().map(|(at, event)| (at, event.event, event.value)).collect();
        assert_eq!(told, expected);
        assert!(told.len() >= 4, "{told:?}");
        let info = in_c.info();
        assert_eq!((info.phase, rust.phase()), (WTA_PHASE_WATCHING, Phase::Watching));
        assert_eq!((info.done, info.end), rust.progress());
        assert_eq!((Some(info.score), Some(info.threshold)), (rust.last_score(), rust.threshold()));
        assert!(info.alarmed);
    }
}

#[test]
fn a_state_goes_through_flash() {
    let settings = settings(0);
    // SAFETY: as above.
    let bytes = unsafe { wta_detector_state_bytes(&settings) };
    assert_eq!(bytes % WTA_FLASH_BLOCK, 0);
    let mut flash = Flash::new(bytes);
    let slots = flash.functions();
    let mut found = true;
    let mut fresh = InC::new(&settings);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_restore(&mut fresh.detector, &slots, &mut found) }, WTA_OK);
    assert!(!found);

    let mut first = InC::new(&settings);
    let samples = samples(25_000, 24_000);
    first.push(&samples[..2 * 23_000]);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_save(&mut first.detector, &slots) }, WTA_OK);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_gap(&mut first.detector) }, WTA_OK);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_restore(&mut fresh.detector, &slots, &mut found) }, WTA_OK);
    assert!(found && fresh.info().phase == WTA_PHASE_WATCHING);
    assert_eq!(fresh.push(&samples[2 * 23_000..]), first.push(&samples[2 * 23_000..]));

    // A save that fails leaves the state before.
    flash.fails = true;
    let slots = flash.functions();
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_save(&mut first.detector, &slots) }, WTA_ERROR_FLASH);
    let mut third = InC::new(&settings);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_restore(&mut third.detector, &slots, &mut found) }, WTA_OK);
    assert!(found);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_restart(&mut third.detector) }, WTA_OK);
    assert_eq!(third.info().phase, WTA_PHASE_CONDITIONING);
    let nothing = wta_slots { read: None, ..slots };
    // SAFETY: as above.
    assert_eq!(unsafe { wta_detector_restore(&mut third.detector, &nothing, &mut found) }, WTA_ERROR_NULL);
}

#[test]
fn misuse_is_answered() {
    let good = settings(0);
    // SAFETY: as above.
    let bytes = unsafe { wta_detector_bytes(&good) };
    let mut memory = vec![0_u32; bytes];
    let mut detector = wta_detector { words: [0; WTA_DETECTOR_WORDS] };
    let (mut taken, mut event) = (9, wta_event::default());
    let sample = [1_i16, 2];
    // SAFETY: as above.
    let mut push = |detector: &mut wta_detector, samples: *const i16, count: usize| unsafe {
        wta_detector_push_i16(detector, samples, count, &mut taken, &mut event)
    };
    assert_eq!(push(&mut detector, sample.as_ptr(), 1), WTA_ERROR_UNINITIALISED);
    // SAFETY: as above.
    let mut init = |settings: &wta_detector_settings, bytes: usize| unsafe {
        wta_detector_init(&mut detector, settings, memory.as_mut_ptr().cast(), bytes)
    };
    assert_eq!(init(&good, bytes - 4), WTA_ERROR_LENGTH);
    for wrong in [
        wta_detector_settings { window: 0, ..good },
        wta_detector_settings { channels: 0, ..good },
        wta_detector_settings { units: 0, ..good },
        wta_detector_settings { kernel: 5, ..good },
        wta_detector_settings { hop: 0, ..good },
        wta_detector_settings { batch: 0, ..good },
        wta_detector_settings { batch: usize::MAX / 3, ..good },
        wta_detector_settings { window: usize::MAX, ..good },
        wta_detector_settings { steps: 0, ..good },
        wta_detector_settings { calibration: 3, ..good },
        wta_detector_settings { false_alarms: f32::NAN, ..good },
        wta_detector_settings { of: 0, ..good },
        wta_detector_settings { saturation: 0.0, ..good },
        wta_detector_settings { rate: 1e9, ..good },
    ] {
        assert_eq!(init(&wrong, bytes), WTA_ERROR_INVALID, "{wrong:?}");
        // What needs the other function has its bytes.
        if wrong.kernel == 0 {
            // SAFETY: as above.
            assert_eq!(unsafe { wta_detector_bytes(&wrong) }, 0, "{wrong:?}");
        }
    }
    assert_eq!(init(&good, bytes), WTA_OK);
    assert_eq!(push(&mut detector, ptr::null(), 1), WTA_ERROR_NULL);
    assert_eq!(push(&mut detector, ptr::null(), 0), WTA_OK);
    assert_eq!(push(&mut detector, sample.as_ptr(), usize::MAX), WTA_ERROR_LENGTH);
    assert_eq!(push(&mut detector, sample.as_ptr(), 1), WTA_OK);
    // SAFETY: as above.
    let null = unsafe { wta_detector_defaults(ptr::null_mut(), 32, 1, 4) };
    assert_eq!(null, WTA_ERROR_NULL);
}
