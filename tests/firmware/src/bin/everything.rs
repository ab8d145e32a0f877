//! Everything that the core does on a board, once, each with its depth of the stack. That this program links
//! at an optimisation level shows that the level links no panic; what it reports is the table of stacks in
//! README.md.
//!
//! The workload is the part to read.

#![no_std]
#![no_main]

#[path = "../workload/everything.rs"]
mod workload;

/// A model with preprocessing, in 8 bits and in `f32`.
mod motions {
    include!(concat!(env!("OUT_DIR"), "/motions.rs"));
}

use cortex_m_rt::entry;
use workload::Memory;
use wta_firmware::{report, run, stack};

/// No more than so many bytes are on the stack.
const STACK: usize = 1536;

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    run(STACK, || {
        for (name, call) in workload::CALLS {
            let (found, depth) = stack::of(|| call(MEMORY, motions::MODEL));
            found?;
            report::number(name, depth as u64);
        }
        Ok(())
    })
}
