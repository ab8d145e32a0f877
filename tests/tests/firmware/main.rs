//! The programs of tests/firmware on an emulated Cortex-M4F: they must find the host's numbers, bit for bit, within
//! the memory that is recorded for them, and link without a panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

mod board;
mod costs;
mod no_panic;
mod step_fc;
mod tiny;
mod train_fc;
