//! What files of one's own data hold: for each kind one function, which reads all of the file, some of it at
//! a time, with the readers that data sets have.

mod arrays;
mod ends;
mod examples;
mod labels;
mod picture;
mod table;
mod wave;

pub(crate) use arrays::{npy, npz};
pub(crate) use examples::{examples, is_examples};
pub(crate) use picture::{is_picture, picture};
pub(crate) use table::{is_table, table};
pub(crate) use wave::wave;
