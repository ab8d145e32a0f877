//! The programs of tests/firmware on an emulated Cortex-M4F: they must find the host's numbers, bit for bit,
//! within the memory that is recorded for them, and link without a panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

#[path = "../../firmware/bearing.rs"]
mod bearing;
mod board;
mod c;
mod classify_digits;
mod classify_int8;
mod classify_motions;
mod conv_int8;
mod cores;
mod costs;
mod count;
mod detect_bearing;
#[path = "../../firmware/digits.rs"]
mod digits;
mod learn_digits;
mod levels;
#[path = "../../firmware/motions.rs"]
mod motions;
mod no_panic;
mod novelty_1d;
mod step_fc;
mod tiny;
mod train_and_encode;
mod train_fc;
mod train_on_device;
#[allow(clippy::duplicate_mod, reason = "the same workload with other constants around it")]
mod train_on_device_16;
mod whole_maps;

/// The repository's fixtures, from the package's folder.
const FIXTURES: &str = "../fixtures";
