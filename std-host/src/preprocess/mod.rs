//! What is done to images before the network sees them: the steps of a recipe's `[[preprocess]]`, in their
//! order.
//!
//! What a step learns, it learns from training images only; it is kept in the run folder of a stack's lowest
//! layer ([`Preprocess::save`]) and comes with the trained network. A [`Preprocessor`] applies the steps to
//! blocks of images, as [`Samples`] hand them out; an image becomes the same bits
//! whatever the block and the number of threads.
//!
//! Images may be of another size than those that were learnt from (section 3.4 of the paper: patches):
//! whitening then is a convolution (`zca_filter.rs`); what belongs to a place in the image, as
//! standardisation does, is refused.

mod apply;
mod contrast;
mod finite;
mod fit;
mod learnt;
mod local_contrast;
mod samples;
mod standardise;
mod store;
mod zca;
mod zca_filter;

pub use apply::Preprocessor;
pub use fit::fit;
pub use learnt::Preprocess;
pub use samples::Samples;
