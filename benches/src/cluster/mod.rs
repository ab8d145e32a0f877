//! What a cluster makes of a training step: from compute times that were measured here, and from the latency
//! and bandwidth of a network.
//!
//! ```text
//! profile ─▶ Step ─▶ model: a formula            ─▶ seconds ┐
//!              └───▶ replay: the messages, replayed        ├─▶ examples/cluster.rs
//!                    by threads on a Clocked transport ────┘
//! ```
//!
//! The formula says where the time goes; the replay says whether the formula is right: it calls the functions
//! of [`wta::ranks`] that training calls, and only computing is replaced by the time that it takes.

pub mod clocked;
pub mod model;
pub mod replay;
pub mod step;
pub mod wire;
