//! Trains a winner-take-all autoencoder on a Cortex-M4F: no heap, no operating system, and all memory in one
//! `static` whose size is known when it is linked.
//!
//! The workload is the part to read: the network as a constant, its memory, the training loop. This file is
//! what a board needs around it. Here the board is QEMU's `mps2-an386`: `cargo run --release --bin train_fc`
//! in this folder runs it. The weights are printed, bit by bit, so that a test can compare them with a
//! desktop's.

#![no_std]
#![no_main]

#[path = "../workload/train_fc.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::Memory;
use wta_firmware::{report, run};

/// No more than so many bytes are on the stack.
const STACK: usize = 3584;

#[entry]
fn main() -> ! {
    // `#[entry]` makes this a `&'static mut Memory`: main runs once.
    static mut MEMORY: Memory = Memory::new();

    run(STACK, || {
        report::floats("weights", workload::train(MEMORY)?);
        Ok(())
    })
}
