//! Does not link: the optimiser cannot know that the index is within the array. See `src/no_panic.rs`.

#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use wta_firmware::{report, run};

#[entry]
fn main() -> ! {
    run(1024, || {
        report::number("element", black_box([1, 2, 3])[black_box(1)]);
        Ok(())
    })
}
