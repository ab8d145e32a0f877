//! Classifies handwritten digits as `classify_digits` does, in 8 bits with the DSP instructions of a
//! Cortex-M4.
//!
//! The workload is the part to read. `fixtures/models/README.md` says how the model was made.

#![no_std]
#![no_main]

#[path = "../workload/classify_int8.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::{NETWORK, POOL};
use wta_core::int8::{Aligned, Int8Extractor};
use wta_firmware::{clock, report, run};
use wta_simd::Dsp;

static IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/test_images"));
static LABELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/test_labels"));

/// No more than so many bytes are on the stack.
const STACK: usize = 4608;

/// Numbers that the extractor needs.
const ROWS: usize = Int8Extractor::<Dsp>::memory_len(&NETWORK, &POOL);

#[entry]
fn main() -> ! {
    static mut ROW_MEMORY: Aligned<[i16; ROWS]> = Aligned([0; ROWS]);

    run(STACK, || {
        let started = clock::instructions();
        let mut labels = LABELS.iter();
        let mut errors = 0;
        workload::classify(Dsp, IMAGES, &mut ROW_MEMORY.0, |scores| {
            let class = workload::largest(&scores);
            report::number("class", class as u64);
            report::floats("scores", &scores);
            errors += u64::from(labels.next().is_none_or(|label| usize::from(*label) != class));
        })?;
        report::number("errors", errors);
        report::number("instructions", (clock::instructions() - started) / LABELS.len() as u64);
        Ok(())
    })
}
