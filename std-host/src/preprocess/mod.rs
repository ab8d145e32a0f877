//! Preprocessing of images before the network sees them: the steps of a recipe's `[[preprocess]]`, in order.
//!
//! A step learns from training images only. The learnt numbers are kept in the run folder of a stack's lowest
//! layer ([`Preprocess::save`]) and belong to the trained network. A [`Preprocessor`] applies the steps to
//! blocks of images, as [`Samples`] give them out. An image gives the same bits
//! in any block and with any number of threads.
//!
//! The images may be of another size than those that the steps were learnt from (section 3.4 of the paper:
//! patches). Whitening then becomes a convolution (`zca_filter.rs`). A step that has learnt numbers for each
//! place in the image, as standardisation does, returns an error.

mod apply;
mod arithmetic;
mod contrast;
mod device;
mod finite;
mod fit;
mod from_device;
mod learnt;
mod local_contrast;
mod rehearsal;
mod samples;
mod standardise;
mod store;
mod view;
mod zca;
mod zca_filter;

pub use apply::Preprocessor;
pub(crate) use arithmetic::Arithmetic;
pub use fit::{fit, fit_on};
pub use learnt::Preprocess;
pub(crate) use rehearsal::Rehearsal;
pub use samples::Samples;
pub(crate) use view::View;
