//! Trains a convolutional network of 16 maps on digits, in batches of 100: in less than 192 KB of RAM, all
//! counted.
//!
//! The workload is the part to read.

#![no_std]
#![no_main]

#[path = "../workload/train_on_device.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::Memory;
use wta_firmware::{clock, report, run};

const MAPS: usize = 16;
const BATCH: usize = 100;
const STEPS: u64 = 8;

static IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/train_images"));

/// No more than so many bytes are on the stack.
const STACK: usize = 3584;

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    run(STACK, || {
        let started = clock::instructions();
        let weights = workload::train(IMAGES, MEMORY, |loss| report::floats("loss", &[loss]))?;
        report::number("instructions", (clock::instructions() - started) / STEPS);
        report::floats("weights", weights);
        Ok(())
    })
}
