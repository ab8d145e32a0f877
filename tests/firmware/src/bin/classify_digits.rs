//! Classifies handwritten digits with a network that was trained on a desktop and lies in flash as
//! `model.wta`.
//!
//! The workload is the part to read. `fixtures/models/README.md` says how the model was made; the digits are
//! 200 of the bundled ones, which the network has not seen.

#![no_std]
#![no_main]

#[path = "../workload/classify_digits.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::Memory;
use wta_firmware::{clock, report, run};

static IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/test_images"));
static LABELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/test_labels"));

/// No more than so many bytes are on the stack.
const STACK: usize = 2560;

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    run(STACK, || {
        let started = clock::instructions();
        let mut labels = LABELS.iter();
        let mut errors = 0;
        workload::classify(IMAGES, MEMORY, |class, scores| {
            report::number("class", class as u64);
            report::floats("scores", scores);
            errors += u64::from(labels.next().is_none_or(|label| usize::from(*label) != class));
        })?;
        report::number("errors", errors);
        report::number("instructions", (clock::instructions() - started) / LABELS.len() as u64);
        Ok(())
    })
}
