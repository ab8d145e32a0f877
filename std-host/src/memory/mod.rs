//! Buffers: aligned to cache lines, one for each thread, and how many images they hold.

pub mod aligned;
pub(crate) mod block;
pub(crate) mod per_thread;
