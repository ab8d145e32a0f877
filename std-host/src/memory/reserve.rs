//! Memory whose size comes from a file, a recipe or a picture: a sentence in place of an abort.

use super::limit;
use crate::error::{Error, Result};

/// From so many bytes on, what the process may still take is looked up before.
const LARGE: u64 = 32 << 20;

/// Zeros; `what` says what needs them, as `whitening of 784 numbers`.
///
/// # Errors
///
/// [`Error::Memory`] if the process may not take so much.
pub(crate) fn zeros<T: Clone + Default>(len: usize, what: impl Fn() -> String) -> Result<Vec<T>> {
    let mut memory = with_capacity(len, &what)?;
    memory.resize(len, T::default());
    Ok(memory)
}

/// An empty vector with room for so many values.
///
/// # Errors
///
/// [`Error::Memory`] if there is not so much memory.
pub fn with_capacity<T>(len: usize, what: impl Fn() -> String) -> Result<Vec<T>> {
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    expect(bytes, &what)?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(len).map_err(|_| refused(bytes, &what))?;
    Ok(memory)
}

/// `Ok` if the process may take so many bytes in all.
///
/// # Errors
///
/// As for [`zeros`].
pub(crate) fn expect(bytes: u64, what: impl Fn() -> String) -> Result<()> {
    if bytes >= LARGE && bytes > limit::left() { Err(refused(bytes, what)) } else { Ok(()) }
}

/// Makes room for `more` values behind those of a vector that grows, as [`Vec::reserve`] does.
///
/// # Errors
///
/// As for [`zeros`].
pub(crate) fn grow<T>(memory: &mut Vec<T>, more: usize, what: impl Fn() -> String) -> Result<()> {
    let needed = memory.len().saturating_add(more);
    if needed <= memory.capacity() {
        return Ok(());
    }
    let len = needed.max(memory.capacity().saturating_mul(2));
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    expect(bytes, &what)?;
    memory.try_reserve_exact(len - memory.len()).map_err(|_| refused(bytes, what))
}

fn refused(bytes: u64, what: impl Fn() -> String) -> Error {
    Error::Memory { what: what(), needs: bytes, left: Some(limit::left()).filter(|left| *left < u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_a_sentence() {
        assert_eq!(zeros::<u16>(3, String::new).unwrap(), [0; 3]);
        for len in [usize::MAX, usize::MAX / 4, 1 << 50] {
            let error = zeros::<f32>(len, || "the test".to_owned()).unwrap_err().to_string();
            assert!(error.starts_with("the test needs ") && error.contains(" of memory"), "{error}");
        }
        let mut growing = vec![1u8; 7];
        grow(&mut growing, 1, || "the test".to_owned()).unwrap();
        assert!(growing.capacity() >= 14, "it doubles");
        assert!(grow(&mut growing, usize::MAX - 3, || "the test".to_owned()).is_err());
        assert!(with_capacity::<f64>(1 << 55, || "the test".to_owned()).is_err());
    }
}
