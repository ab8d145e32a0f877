//! A page to look at: what runs are, how their training went, what they learnt and what it is good for.
//!
//! A page is one HTML file. Styles, the script and all pictures are in it; it asks no other place for
//! anything.
//!
//! ```text
//! run folder, samples -> facts  (recipe, epochs, files, evaluation)   \
//!                        seen   (atoms, exciting samples, maps)        > view -> templates/*.html -> page
//!                        charts (curves over epochs and over C)       /
//! ```
//!
//! [`report`] makes the page of one or several runs, [`markdown`] one of a text with pictures. The files
//! below make strings and small tables; where they stand on the page, and how they look, is in
//! `std-host/templates`.

mod budget;
mod charts;
mod classifier;
mod compare;
mod dictionary;
mod facts;
mod markdown;
mod seen;
mod uri;
mod view;
mod words;

pub(crate) use classifier::{Record, json};
pub use markdown::markdown;
pub use seen::Shown;
pub use view::{Subject, report};
