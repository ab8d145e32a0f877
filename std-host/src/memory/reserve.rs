//! Memory whose size comes from a file or a setting: where there is none, that is an error and no abort.

use crate::error::{Error, Result};

/// So many zeros for `what`.
///
/// # Errors
///
/// [`Error::Invalid`] if the machine does not have the memory.
pub(crate) fn zeros(len: usize, what: &str) -> Result<Vec<f32>> {
    let mut numbers = Vec::new();
    match numbers.try_reserve_exact(len) {
        Ok(()) => {
            numbers.resize(len, 0.0);
            Ok(numbers)
        }
        Err(_) => Err(too_large(len, what)),
    }
}

fn too_large(len: usize, what: &str) -> Error {
    let megabytes = (len as u128 * size_of::<f32>() as u128).div_ceil(1 << 20);
    Error::Invalid(format!(
        "{what} take {megabytes} MiB of memory, more than there is; take smaller images, a larger stride, or pool \
         the maps"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_memory_is_one_sentence() {
        assert_eq!(zeros(3, "three numbers").unwrap(), [0.0; 3]);
        let sentence = zeros(usize::MAX / 8, "the features").unwrap_err().to_string();
        assert!(sentence.starts_with("the features take 8796093022208 MiB of memory"), "{sentence}");
    }
}
