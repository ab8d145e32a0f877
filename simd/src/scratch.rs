//! Scratch memory of kernels, as far as it is the same on every machine that counts it.

/// Filters that the kernels in DSP instructions widen at a time; with them, an extractor needs so many times
/// the longest filter of memory, on whatever machine that is counted.
pub const DSP_SCRATCH_FILTERS: usize = 2;
