//! A device learns a machine's vibration and tells faults from it.

use std::time::Duration;

use crate::board::{assert_same_bits, board};

#[path = "../../firmware/src/workload/novelty_1d.rs"]
mod workload;

#[test]
fn a_microcontroller_tells_faults_from_the_vibration_that_it_has_learned() {
    let Some(board) = board() else { return };
    let report = board.run("novelty_1d", Duration::from_secs(300));
    let mut memory = Box::new(workload::Memory::new());
    let found = workload::learn_and_watch(&mut memory).unwrap();
    assert_same_bits("weights", &report.floats("weights"), found.parameters);
    assert_same_bits("losses", &report.floats("losses"), &found.losses);
    assert_same_bits("threshold", &report.floats("threshold"), &[found.threshold]);
    let alarms = ["normal", "harmonic", "impulses"].map(|name| report.number(name) as u32);
    assert_eq!(alarms, found.alarms);
    separates(&found);
}

/// The score separates on the host as well, which needs no emulator.
#[test]
fn faults_are_detected_at_few_false_alarms() {
    let mut memory = Box::new(workload::Memory::new());
    separates(&workload::learn_and_watch(&mut memory).unwrap());
}

#[track_caller]
fn separates(found: &workload::Found<'_>) {
    let [normal, harmonic, impulses] =
        found.alarms.map(|alarms| f64::from(alarms) / workload::WINDOWS as f64);
    let said =
        format!("alarms: {normal} of normal windows, {harmonic} with a harmonic, {impulses} with impulses");
    // Twice the false alarms that were asked for: 10 of 200 have a standard deviation of 3.
    assert!(normal <= 2.0 * f64::from(workload::FALSE_ALARMS), "{said}");
    // Found: all of 200 with a harmonic, 183 with impulses.
    assert!(harmonic >= 0.95 && impulses >= 0.85, "{said}");
    assert!(found.losses[1] < 0.2 * found.losses[0], "{:?}", found.losses);
}
