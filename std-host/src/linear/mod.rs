//! The linear SVM as a tool of its own: labelled [`Examples`] of a file, a [`Linear`] classifier with names
//! of its classes, and predictions while a file is read.
//!
//! ```
//! use wta::data::ExampleFile;
//! use wta::linear::{Examples, Linear, Tally};
//! use wta::svm::{self, Options, Stop};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("wta-linear-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let path = folder.join("train.svm");
//! std::fs::write(&path, "+1 1:0.5 3:2\n-1 2:1\n+1 1:1 3:1\n-1 2:0.5 3:-1\n")?;
//! let file = ExampleFile::labelled(&path);
//! let Examples { rows, labels, classes, columns } = Examples::read(&file, &())?;
//! let options = Options { stop: Stop::Gradient(0.1), intercept: 0.0, ..Options::default() };
//! let (model, report) = svm::fit(&rows, &labels, classes.len(), 1.0, &options, &())?;
//! let linear = Linear::new(model, classes)?.with_columns(columns)?;
//! linear.save_liblinear(&folder.join("model"))?; // or save, as safetensors
//!
//! let mut tally = Tally::default();
//! let predictor = Linear::load(&folder.join("model"))?.predictor()?;
//! file.read(&(), &mut |batch| {
//!     for (class, label) in predictor.classes_of(&batch).into_iter().zip(batch.labels()) {
//!         tally.add(predictor.name(class), label);
//!     }
//!     Ok(())
//! })?;
//! assert!(report.converged());
//! assert_eq!((tally.right, tally.labelled), (4, 4));
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

mod classifier;
mod examples;
mod liblinear;
mod predictor;
mod tally;
mod weights;

pub use classifier::Linear;
pub use examples::Examples;
pub use predictor::Predictor;
pub use tally::Tally;
pub use weights::ClassWeights;
