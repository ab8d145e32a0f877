//! Instruction sets of 64-bit Arm processors. All targets have NEON but those that do without floating point,
//! where its registers could not even be passed to functions: this is not compiled for them.

pub(crate) mod int8;
pub(crate) mod neon;
