//! The processes of an MPI job as [`Ranks`](wta::ranks::Ranks), by which [`wta`] trains on several machines
//! with the bits of one process. The program `wta-mpi` is made of this and of [`wta_cli::wta_mpi`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use wta::preprocess::Samples;
//! use wta::ranks::Ranks;
//! use wta::train::{Options, train_into};
//! use wta::{data, recipe, run::Run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ranks: Arc<dyn Ranks> = Arc::new(wta_mpi::MpiRanks::start()?);
//! let (recipe, digits) = (recipe::load("digits-demo")?, data::digits()?);
//! let samples = Samples::new(&recipe, &digits.train)?;
//! let options = Options { ranks: Some(&ranks), ..Options::default() };
//! let (trained, outcome) = train_into(&Run::new("runs/digits"), false, &recipe, &samples, options, &())?;
//! # Ok(())
//! # }
//! ```
//!
//! It needs an MPI of the system (Open MPI of Debian: `libopenmpi-dev openmpi-bin`) and, to be built,
//! `libclang-dev`.

mod mail;
mod ranks;

pub use ranks::MpiRanks;
