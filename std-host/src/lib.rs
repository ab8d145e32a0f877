//! The host library behind the `wta` program: data sets, recipes, training on all cores, evaluation, pictures.
//!
//! Data flows one way: [`data`] -> [`samples`] -> [`trainer`] (with [`batch`], one step) -> [`run`] folder; from
//! there to [`features`] -> [`evaluate`], and to [`gallery`].

pub mod atomic;
pub mod batch;
pub mod checkpoint;
pub mod data;
pub mod error;
pub mod features;
pub mod model;
pub mod progress;
pub mod recipe;
pub mod run;
pub mod samples;
pub mod trainer;
