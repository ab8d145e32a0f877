//! What a training step of a small fully-connected network takes on a Cortex-M4F: instructions, by phases,
//! and RAM.
//!
//! A twentieth of the activations survives. `step_fc_dense` lets all of them.

#![no_std]
#![no_main]

#[path = "../workload/step_fc.rs"]
mod workload;

use cortex_m_rt::entry;
use wta_firmware::{clock, report, run};

/// No more than so many bytes are on the stack.
const STACK: usize = 2048;

#[entry]
fn main() -> ! {
    static mut MEMORY: workload::Sparse = workload::Sparse::new();

    run(STACK, || {
        let mut trainer = MEMORY.trainer(workload::SPARSE, 0.0)?;
        let start = clock::instructions();
        for _ in 0..workload::STEPS {
            trainer.step(workload::images())?;
        }
        let instructions = clock::instructions() - start;
        report::number("instructions", instructions / u64::from(workload::STEPS));

        trainer.set_clock(|| clock::instructions() as u32);
        trainer.step(workload::images())?;
        let timing = trainer.last_timing();
        report::number("compete", u64::from(timing.compete));
        report::number("select", u64::from(timing.select));
        report::number("learn", u64::from(timing.learn));
        report::number("update", u64::from(timing.update));
        report::floats("weights", trainer.parameters());
        Ok(())
    })
}
