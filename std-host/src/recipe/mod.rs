//! Recipes: a TOML file that says everything about an experiment.
//!
//! Every key is in [`reference()`], which is made from the types, as is the [`schema()`]
//! for editors.
//!
//! The paper's experiments are compiled in ([`all`]); a file of one's own is loaded by its path ([`load`]); a
//! program makes one with [`Recipe::builder`].
//!
//! A stacked autoencoder is a recipe with another one `below`. That one is trained first and on its own. Its
//! features (the dense code, pooled as its `[features]` say) are what this one learns from. A stack has up to
//! 16 layers, of either kind.

mod apply_to;
mod below;
mod builder;
mod built_in;
mod check;
mod check_dictionary;
mod data;
mod dictionary;
mod differences;
mod features;
mod identity;
pub(crate) mod memory;
mod network;
mod parse;
mod preprocess;
mod reference;
mod resolved;
mod schema;
mod settings;
mod signs;
mod spanned;
mod sparsity;
mod svm;
mod tables;
mod training;

pub use apply_to::ApplyTo;
pub use builder::RecipeBuilder;
pub use built_in::{names, text};
pub use data::Data;
pub use dictionary::{DeadUnitsRecipe, DictionaryRecipe};
pub use features::{Features, PoolRecipe, ThresholdRecipe};
pub use network::{Architecture, InitialRecipe, LayerRecipe};
pub(crate) use parse::load_file;
pub use parse::{all, load, parse, read};
pub use preprocess::{Per, PreprocessRecipe};
pub use reference::reference;
pub use resolved::Resolved;
pub use schema::schema;
pub(crate) use settings::{settings, settings_under};
pub use signs::Signs;
pub use sparsity::SparsityRecipe;
pub use svm::{SvmRecipe, SvmScale};
pub use tables::Recipe;
pub use training::{BadSamplesRecipe, CorruptionRecipe, OptimizerRecipe, ScheduleRecipe, TrainingRecipe};
