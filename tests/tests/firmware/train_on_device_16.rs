//! A convolutional network of 16 maps is trained on the board, row by row; the host trains it with whole
//! maps.

use crate::whole_maps::assert_trains;

#[path = "../../firmware/src/workload/train_on_device.rs"]
#[allow(dead_code, reason = "the host has memory of its own")]
mod workload;

const MAPS: usize = 16;
const BATCH: usize = 100;
const STEPS: u64 = 8;

#[test]
fn a_microcontroller_trains_a_convolutional_network_of_16_maps_in_192_kb() {
    let initialise = |parameters: &mut [f32]| workload::initialise(parameters).unwrap();
    assert_trains("train_on_device_16", 192 * 1024, workload::NETWORK, workload::TRAINING, initialise);
}
