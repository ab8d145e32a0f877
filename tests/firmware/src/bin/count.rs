//! Counts instructions of loops whose number is known: the counter that all counts of the other programs rest
//! on.

#![no_std]
#![no_main]

use cortex_m::asm::delay;
use cortex_m_rt::entry;
use wta_core::Error;
use wta_firmware::clock::{PER_TICK, instructions};
use wta_firmware::{report, run};

/// No more than so many bytes are on the stack.
const STACK: usize = 1024;

/// Instructions after which SysTick begins anew.
const PERIOD: u64 = PER_TICK << 24;

/// Instructions between two readings with next to nothing between them.
const NEAR: u64 = 300;

#[entry]
fn main() -> ! {
    run(STACK, || {
        // The first reading comes right after the start. `delay` takes two instructions for each cycle that
        // it is asked for.
        for cycles in [200_000, PERIOD as u32 / 2 - 100_000, 700_000_000] {
            let start = instructions();
            delay(cycles);
            let counted = instructions() - start;
            report::number("counted", counted);
            report::number("off", counted.abs_diff(2 * u64::from(cycles)));
        }
        // Readings close to each other while the counter begins anew.
        delay((PERIOD - instructions() % PERIOD) as u32 / 2 - 5_000);
        let (first, mut last) = (instructions(), instructions());
        while last / PERIOD == first / PERIOD || last % PERIOD < 10_000 {
            let next = instructions();
            if next.wrapping_sub(last) > NEAR {
                return Err(Error::Invalid("the counter jumped"));
            }
            last = next;
        }
        Ok(())
    })
}
