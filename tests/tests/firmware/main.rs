//! The programs of tests/firmware on an emulated Cortex-M4F: they must find the host's numbers, bit for bit, within
//! the memory that is recorded for them, and link without a panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

mod board;
mod memory;
mod no_panic;
mod train_fc;
