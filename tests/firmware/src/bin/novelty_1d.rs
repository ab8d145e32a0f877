//! Learns a machine's vibration on a Cortex-M4F, and tells faults that it has never seen: anomaly detection
//! with nothing but normal data.

#![no_std]
#![no_main]

#[path = "../workload/novelty_1d.rs"]
mod workload;

use cortex_m_rt::entry;
use workload::Memory;
use wta_firmware::{report, run};

/// No more than so many bytes are on the stack.
const STACK: usize = 3584;

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    run(STACK, || {
        let found = workload::learn_and_watch(MEMORY)?;
        report::floats("losses", &found.losses);
        report::floats("threshold", &[found.threshold]);
        for (name, alarms) in ["normal", "harmonic", "impulses"].into_iter().zip(found.alarms) {
            report::number(name, u64::from(alarms));
        }
        report::floats("weights", found.parameters);
        Ok(())
    })
}
