//! Buffers aligned to cache lines, buffers of each thread, and the number of images in a block.

pub mod aligned;
pub(crate) mod block;
pub(crate) mod per_thread;
pub(crate) mod reserve;
