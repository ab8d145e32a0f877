//! What a training step of a small fully-connected network takes on a Cortex-M4F if every active unit
//! survives: as training is elsewhere. Then the same with every unit active in every image, the worst case.

#![no_std]
#![no_main]

#[path = "../workload/step_fc.rs"]
mod workload;

use cortex_m_rt::entry;
use wta_core::{Result, TrainingConfig};
use wta_firmware::{clock, report, run};

/// No more than so many bytes are on the stack.
const STACK: usize = 2048;

#[entry]
fn main() -> ! {
    static mut MEMORY: workload::Dense = workload::Dense::new();

    run(STACK, || {
        measure(MEMORY, workload::DENSE, 0.0)?;
        measure(MEMORY, workload::SLOW, workload::ALWAYS)
    })
}

/// `bias` is every unit's at the start.
fn measure(memory: &mut workload::Dense, training: TrainingConfig, bias: f32) -> Result<()> {
    let mut trainer = memory.trainer(training, bias)?;
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
}
