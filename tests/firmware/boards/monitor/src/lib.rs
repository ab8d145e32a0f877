//! What a board does that watches a machine's vibration, whichever board it is. A board samples, and calls
//! [`Monitor::push`].
//!
//! | file | |
//! | --- | --- |
//! | `machine.rs` | what is watched, and how it is learnt: change this one first |
//! | `monitor.rs` | the detector, its log, and when its state is saved |
//! | `slots.rs` | the two places of a state in flash |
//! | `lis3dh.rs` | the accelerometer of three of the boards |

#![no_std]
#![forbid(unsafe_code)]

pub mod lis3dh;
mod machine;
mod monitor;
mod slots;

pub use machine::{CHANNELS, Machine, RATE};
pub use monitor::Monitor;
pub use slots::FlashSlots;
