//! x
pub mod batch;
pub mod data;
pub mod error;
pub mod recipe;
pub mod samples;
