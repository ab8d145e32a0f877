//! Trains a winner-take-all autoencoder on a Cortex-M4F: no heap, no operating system, and all memory in one
//! `static` whose size is known when it is linked.
//!
//! [`workload`] is the part to read: the network as a constant, its memory, the training loop. This file is what
//! a board needs around it. Here the board is QEMU's `mps2-an386`: `cargo run --release` in this folder runs it.
//! The weights are printed over semihosting, bit by bit, so that a test can compare them with a desktop's.

#![no_std]
#![no_main]

mod workload;

use core::panic::PanicInfo;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, heprintln, hprint, hprintln};
use workload::Memory;

/// Numbers in a line of output.
const LINE: usize = 8;

#[entry]
fn main() -> ! {
    // `#[entry]` makes this a `&'static mut Memory`: main runs once.
    static mut MEMORY: Memory = Memory::new();

    let weights = match workload::train(MEMORY) {
        Ok(weights) => weights,
        Err(error) => panic!("{error}"),
    };
    for line in weights.chunks(LINE) {
        hprint!("weights");
        line.iter().for_each(|weight| hprint!(" {:08x}", weight.to_bits()));
        hprintln!();
    }
    hprintln!("done");
    exit(debug::EXIT_SUCCESS)
}

/// Where a panic ends: reported to whoever debugs the board, or runs QEMU.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    heprintln!("{}", info);
    exit(debug::EXIT_FAILURE)
}

/// Ends QEMU with this status; a board under a debugger stops.
fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::wfi();
    }
}
