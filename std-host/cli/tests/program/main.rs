//! The program as a user runs it: good runs and bad input, killed and interrupted, on a full disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod codes;
mod data_sets;
mod detect;
mod dictionaries;
mod exit_codes;
mod export;
mod fetch;
mod files_and_signals;
mod generate;
mod import;
mod inspect;
mod large_images;
mod limits;
mod log;
mod old_runs;
mod onnx;
mod own_data;
mod paper;
mod plan;
mod preprocess;
#[cfg(unix)]
mod printed;
mod proof;
mod rbm;
mod recipes;
mod report;
#[cfg(unix)]
mod sensor_to_board;
mod stacking;
mod support;
mod svm;
mod train_and_eval;
#[cfg(unix)]
mod watch;
