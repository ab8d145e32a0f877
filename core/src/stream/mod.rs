//! Images row by row: the same features, classes and weights as with whole maps, in a fraction of the memory.
//!
//! ```text
//! image rows -> window of layer 0 -> window of layer 1 -> ... -> code row      (Forward)
//!     encode:  code row -> open pooled rows -> features -> scores              (Extractor, Classifier)
//!     train:   code row -> winners; survivors -> gradient, hidden row by row   (StreamTrainer)
//! ```

mod backward;
mod classify;
mod compete;
mod forward;
mod rows;
mod trainer;
mod window;

pub use classify::{Classifier, Extractor, extractor_len};
pub use forward::{Forward, forward_len};
pub use rows::{Rows, Scaled};
pub use trainer::{StreamTrainer, stream_training_len};
