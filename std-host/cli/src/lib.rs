//! The programs of the project as functions: [`wta()`], and [`wta_mpi`], which is the same for the
//! processes of a job. Each reads the arguments of its process, prints, and returns the exit code; a
//! program's `main` does no more than call it. So what brings MPI along is a package of its own, and this
//! one needs none.
//!
//! What the programs do is in the library [`wta`](https://docs.rs/wta).

mod bar;
mod bug;
mod command;
mod context;
mod error;
mod exit;
mod fetch;
mod load;
mod log;
mod memory;
mod output;
mod paper;
mod print;
mod program;
mod recipe;
mod screen;
mod settings;
mod signals;
mod together;
mod volume;
mod watch;

pub use program::wta;
pub use together::{Job, wta_mpi};
