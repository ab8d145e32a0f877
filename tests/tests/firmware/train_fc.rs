//! A fully-connected network is trained on the board.

use std::time::Duration;

use crate::board::{assert_same_bits, board};

#[path = "../../firmware/src/workload/train_fc.rs"]
mod workload;

#[test]
fn a_microcontroller_trains_to_the_hosts_weights() {
    let Some(board) = board() else { return };
    let report = board.run("train_fc", Duration::from_secs(120));
    let mut memory = Box::new(workload::Memory::new());
    let expected = workload::train(&mut memory).unwrap();
    assert_same_bits("weights", &report.floats("weights"), expected);
}
