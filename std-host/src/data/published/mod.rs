//! Data sets in their published formats.

pub(super) mod cifar10;
pub(crate) mod contents;
pub(super) mod digits;
mod idx;
mod matlab;
pub(super) mod mnist;
pub(super) mod svhn;
