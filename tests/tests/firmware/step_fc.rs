//! What a training step of a 64-32-64 autoencoder takes on the board: instructions and RAM.
//!
//! AIfES (dense, gcc -O3 -ffast-math) takes 3,694,240 instructions and 59,424 bytes for the same.

use std::time::Duration;

use crate::board::{Report, assert_same_bits, board};

#[path = "../../firmware/src/workload/step_fc.rs"]
mod workload;

const PHASES: [&str; 4] = ["compete", "select", "learn", "update"];

#[test]
fn a_sparse_step_is_within_its_limits() {
    let Some(board) = board() else { return };
    let report = board.run("step_fc", Duration::from_secs(120));
    let mut memory = Box::new(workload::Sparse::new());
    let expected = trained(memory.trainer(workload::SPARSE, 0.0).unwrap());
    assert_same_bits("weights", &report.floats("weights"), &expected);

    let instructions = report.number("instructions");
    assert!(instructions <= 312_940, "{instructions}");
    assert!(report.ram() <= 41_976, "{} bytes of RAM, stack included", report.ram());
    assert_phases_add_up(&report, &[instructions]);
}

#[test]
fn a_step_in_which_all_active_units_survive_is_within_its_limits() {
    let Some(board) = board() else { return };
    let report = board.run("step_fc_dense", Duration::from_secs(120));
    let mut memory = Box::new(workload::Dense::new());
    let mut expected = trained(memory.trainer(workload::DENSE, 0.0).unwrap());
    let always = trained(memory.trainer(workload::SLOW, workload::ALWAYS).unwrap());
    assert!(workload::all_active(&always), "the worst case has every unit active to the end");
    expected.extend(always);
    assert_same_bits("weights", &report.floats("weights"), &expected);

    let [active, all] = report.numbers("instructions")[..] else { panic!("not two counts") };
    assert!(active <= 1_800_000 && all <= 1_800_000, "{active}, {all}");
    assert_phases_add_up(&report, &[active, all]);
}

/// The weights after the steps that the programs take.
fn trained(mut trainer: wta_core::UnitTrainer<'_, wta_core::Scalar>) -> Vec<f32> {
    for _ in 0..=workload::STEPS {
        trainer.step(workload::images()).unwrap();
    }
    trainer.parameters().to_vec()
}

/// The phases of the step that was timed are about a whole step.
#[track_caller]
fn assert_phases_add_up(report: &Report, steps: &[u64]) {
    for (index, step) in steps.iter().enumerate() {
        let sum: u64 = PHASES.iter().map(|phase| report.numbers(phase)[index]).sum();
        assert!(sum.abs_diff(*step) * 20 < *step, "{sum} instructions in phases, {step} in a step");
    }
}
