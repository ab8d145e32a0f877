//! Winner-take-all autoencoders: learn sparse features from unlabelled images, signals or vectors, and
//! classify with them.
//!
//! ```
//! use wta::{Recipe, data};
//!
//! # fn main() -> wta::Result<()> {
//! let digits = data::digits()?; // or data::read("mine.npy")?, or Dataset::from_floats(shape, numbers)?
//! let recipe = Recipe::builder("strokes")
//!     .convolutional([(8, 5), (8, 5)], 11) // 8conv5-8conv5-8deconv11
//!     .divide_by(255.0)
//!     .lifetime(0.2)
//!     .pool("5/3".parse()?)
//!     .epochs(1)
//!     .build()?; // or recipe::load("mnist-conv16")?, or the path of a TOML file
//! let trained = recipe.train(&digits.train, &())?;
//! let features = trained.encode(&digits.test)?;
//! let classifier = trained.classifier(&digits.train, &())?;
//! println!("{} features, {:.1}% wrong", features.shape.len(), 100.0 * classifier.error_rate(&digits.test)?);
//! println!("classes: {:?}", &classifier.predict(&digits.test)?[..10]);
//! let file = std::env::temp_dir().join("model.wta");
//! classifier.export()?.save(&file)?; // for firmware: wta_core::Model::parse
//! # Ok(())
//! # }
//! ```
//!
//! Everything happens in memory and on all threads. The same seed, data and recipe give the same bits,
//! whatever the number of threads.
//!
//! | to | see |
//! | --- | --- |
//! | load data | [`data`] |
//! | describe a network and its training | [`recipe`], [`Recipe::builder`] |
//! | watch or stop long work | [`Observer`] |
//! | train into a folder, with checkpoints, and resume | [`train::train_into`], [`run`] |
//! | run a training loop of one's own | [`train::BatchTrainer`] |
//! | encode block by block | [`encode`] |
//! | choose C, few labels, several draws | [`evaluate`], [`svm`] |
//! | train a linear SVM on files of labelled examples, LIBSVM's among them | [`linear`] |
//! | get a first recipe for data | [`init`] |
//! | try many settings | [`search`] |
//! | write firmware's files, in 8 bits too | [`export`] |
//! | see what a file is, and what is wrong with it | [`inspect`] |
//! | see what was learnt | [`picture`], [`report`] |
//! | learn what is normal in a signal, and tell what is not | [`detect`] |
//! | know what a training takes before it runs | [`plan`](mod@plan) |
//! | measure | [`profile`] |

mod aside;
pub mod data;
mod decoders;
pub mod detect;
mod draw;
pub mod encode;
pub mod error;
pub mod evaluate;
pub mod export;
mod extent;
pub mod files;
pub mod import;
pub mod init;
pub mod inspect;
pub mod int8;
mod layout;
pub mod linear;
pub mod memory;
mod numbers;
pub mod observer;
pub mod picture;
pub mod plan;
pub mod preprocess;
mod problem;
pub mod profile;
pub mod ranks;
pub mod recipe;
pub mod report;
mod rounds;
pub mod run;
pub mod search;
pub mod svm;
pub mod train;

pub use data::{Dataset, Split};
pub use encode::Features;
pub use error::{Error, Result};
pub use evaluate::Classifier;
pub use extent::Extent;
pub use observer::{EpochMetrics, Observer};
pub use recipe::Recipe;
pub use rounds::in_rounds;
pub use run::Trained;
pub use wta_core::{Shape, Size};
pub use wta_simd::Isa;
