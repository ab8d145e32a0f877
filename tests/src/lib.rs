//! What the integration tests share: where compilers for other targets and emulators are found, what happens
//! where there are none, and programs run with a time limit.
//!
//! [`Cross`] finds a compiler, [`emulator`] an emulator; both answer with [`Availability`], and [`require`]
//! turns "missing" into a skipped test that people see, or into a failure where `.ci/run` promised that all
//! is there.

pub mod assembly;
mod availability;
mod cross;
pub mod emulator;
pub mod floors;
mod process;

pub use availability::{Availability, announce, require};
pub use cross::Cross;
pub use process::{Finished, run, run_within};
