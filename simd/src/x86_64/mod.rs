//! Instruction sets of 64-bit x86 processors.

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod int8;
