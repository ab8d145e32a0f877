//! Learns a motor's normal vibration on a Cortex-M4F, and tells faults of its bearing: real recordings in
//! flash stand for the accelerometer.
//!
//! The workload is the part to read; docs/detector.md says how it works.

#![no_std]
#![no_main]

#[path = "../workload/detect_bearing.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::Bearing;
use wta_firmware::{clock, report, run};

/// `fixtures/bearing`, int16.
static NORMAL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/normal"));
static INNER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/inner_7"));
static BALL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ball_7"));
static OUTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/outer_7"));

/// No more than so many bytes are on the stack.
const STACK: usize = 3584;

#[entry]
fn main() -> ! {
    static mut MEMORY: Bearing = Bearing::new();

    run(STACK, || {
        let mut detector = MEMORY.detector()?;
        workload::learn(&mut detector, NORMAL)?;
        report::floats("threshold", &[detector.threshold().unwrap_or(0.0)]);
        let recordings =
            [("normal", workload::not_seen(NORMAL)), ("inner", INNER), ("ball", BALL), ("outer", OUTER)];
        let mut line = [0.0; 8];
        for (name, recording) in recordings {
            workload::settle(&mut detector, NORMAL)?;
            let mut count = 0;
            // What the report takes is not the detector's.
            let (started, mut reporting) = (clock::instructions(), 0);
            let watched = workload::watch(&mut detector, recording, |score| {
                let before = clock::instructions();
                if let Some(place) = line.get_mut(count) {
                    *place = score;
                }
                count += 1;
                if count == line.len() {
                    report::floats(name, &line);
                    count = 0;
                }
                reporting += clock::instructions() - before;
            })?;
            let instructions = clock::instructions() - started - reporting;
            report::floats(name, line.get(..count).unwrap_or(&[]));
            report::number("windows", u64::from(watched.windows));
            report::number("above", u64::from(watched.above));
            report::number("alarms", u64::from(watched.alarms));
            report::number("first", u64::from(watched.first));
            report::number("instructions", instructions / (recording.len() as u64 / 2).max(1));
        }
        Ok(())
    })
}
