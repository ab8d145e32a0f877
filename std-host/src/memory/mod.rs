//! Buffers aligned to cache lines or as flash is, buffers of each thread, the number of images in a block,
//! how much memory there is, and how much is in use.

pub mod aligned;
pub(crate) mod block;
pub(crate) mod flash;
pub mod limit;
pub(crate) mod per_thread;
pub(crate) mod reserve;
pub mod resident;

pub use reserve::with_capacity;
