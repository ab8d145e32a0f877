//! Writing files as a whole, and files of tensors.

pub mod atomic;
pub(crate) mod disk;
pub(crate) mod free;
mod place;
pub(crate) mod seal;
mod temporary;
pub(crate) mod tensors;
pub(crate) mod whole;

pub(crate) use place::folder_of;
pub use place::place;
