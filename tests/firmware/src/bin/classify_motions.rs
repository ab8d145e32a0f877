//! Tells four motions of a wrist apart by a smart watch's accelerometer and gyroscope, in 8 bits with the DSP
//! instructions of a Cortex-M4.
//!
//! The workload is the part to read; `docs/sensor-to-board.md` is the way from recordings to here.

#![no_std]
#![no_main]

#[path = "../workload/classify_motions.rs"]
mod workload;

/// What `wta export --rust` wrote: `fixtures/models/motions.rs`, or the file that WTA_MOTIONS names.
mod model {
    include!(concat!(env!("OUT_DIR"), "/motions.rs"));
}

use cortex_m_rt::entry;
use model::{INT8_DSP_PIPELINE_LEN, MODEL};
use wta_firmware::{clock, report, run};
use wta_simd::Dsp;

/// The test windows of `fixtures/motions`.
static WINDOWS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/motions"));

/// No more than so many bytes are on the stack.
const STACK: usize = 4608;

#[entry]
fn main() -> ! {
    static mut MEMORY: [u32; INT8_DSP_PIPELINE_LEN] = [0; INT8_DSP_PIPELINE_LEN];

    run(STACK, || {
        let (started, mut count) = (clock::instructions(), 0);
        workload::classify(Dsp, MODEL, WINDOWS, MEMORY, |class, name, scores| {
            report::text("motion", name);
            report::number("class", class as u64);
            report::floats("scores", &scores);
            count += 1;
        })?;
        report::number("instructions", (clock::instructions() - started) / count.max(1));
        Ok(())
    })
}
