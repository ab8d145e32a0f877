//! Preprocessing on a device: what the host learnt and a `model.wta` holds, applied to samples row by row.
//!
//! [`Preprocessing`] is a view of the steps in flash. [`Preprocessed`] wraps the [`Rows`](crate::Rows) of a
//! sensor or an image and is itself [`Rows`](crate::Rows), which any extractor takes. Every number has the
//! bits that the host computes with scalar kernels.

mod mirror;
mod rows;
mod steps;

pub use mirror::mirrored;
pub use rows::Preprocessed;
pub use steps::{
    CHANNELS, CONTRAST, FILTER, LOCAL_CONTRAST, MAX_FILTER, MAX_STEPS, MAX_WHITENED, NUMBERS, Preprocessing,
    UNIFORM, WHITENING,
};
