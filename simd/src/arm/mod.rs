//! Microcontrollers of Arm.

pub(crate) mod dsp;
