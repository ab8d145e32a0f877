//! Writing files as a whole, and files of tensors.

pub mod atomic;
pub(crate) mod tensors;
