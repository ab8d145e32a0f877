//! The host library behind the `wta` program: data sets, recipes, training on all cores, evaluation, pictures.
//!
//! Data flows one way: [`data`] -> [`samples`] (with [`preprocess`]) -> [`trainer`] (one step: [`batch`]) -> [`run`] folder; from there
//! to [`features`] (in a stack through [`junction`]s, and back to the trainer as [`layer_input`]) -> [`evaluate`] (with
//! [`svm`]), and to [`gallery`] -> [`picture`]. [`search`] and [`paper`] train and evaluate many recipes. [`profile`]
//! says where the time of a step goes, by the trainer's [`stopwatch`]. [`export`] makes firmware's `model.wta` of a run.

pub mod aligned;
pub mod atomic;
pub mod batch;
pub mod checkpoint;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod features;
pub mod gallery;
pub mod initial;
pub mod junction;
pub mod layer_input;
pub mod model;
pub mod paper;
pub mod per_thread;
pub mod picture;
pub mod preprocess;
pub mod profile;
pub mod progress;
pub mod quantize;
pub mod recipe;
pub mod run;
pub mod samples;
pub mod search;
pub mod stopwatch;
pub mod svm;
pub mod trainer;
