//! Bytes as they lie in flash, for what reads numbers in place.

use super::reserve;
use crate::error::Result;

/// The same bytes at a multiple of 16; zeros fill the last word. `what` says what they are.
///
/// # Errors
///
/// [`Error::Memory`](crate::Error::Memory) if the process may not take so much.
pub(crate) fn as_in_flash(bytes: &[u8], what: impl Fn() -> String) -> Result<Vec<u128>> {
    let mut words: Vec<u128> = reserve::zeros(bytes.len().div_ceil(size_of::<u128>()), what)?;
    let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    memory.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_aligned_and_zeros_follow() {
        for len in [0, 1, 15, 16, 17, 100] {
            let bytes: Vec<u8> = (1..=len).collect();
            let words = as_in_flash(&bytes, String::new).unwrap();
            let memory: &[u8] = bytemuck::cast_slice(&words);
            assert!(memory.as_ptr().addr().is_multiple_of(16) && memory.len().is_multiple_of(16));
            let (copy, rest) = memory.split_at(bytes.len());
            assert!(copy == bytes && rest.len() < 16 && rest.iter().all(|byte| *byte == 0));
        }
    }
}
