//! Decoders of other people's code, which may panic on a damaged file: the panic is caught, and told as one
//! sentence about the file.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use crate::error::{Error, Result};

thread_local! {
    /// Whether this thread runs a decoder, whose panic is caught.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder of the file at `path`. Its panic is an error, and nothing is printed: for that, the
/// process's panic hook is replaced once by one that passes all other panics on.
///
/// # Errors
///
/// Those of `decode`; [`Error::File`] if it panics.
pub(crate) fn caught<T>(path: &Path, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                others(panic);
            }
        }));
    });
    let outer = CAUGHT.replace(true);
    // What a panic leaves half done is dropped: nothing of `decode` outlives it but its result.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    CAUGHT.set(outer);
    result.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Error::file(path, format!("is damaged in a way that its decoder does not expect ({said})")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_sentence_about_the_file() {
        let path = Path::new("x.png");
        assert_eq!(caught(path, || Ok(3)).unwrap(), 3);
        let refused = caught(path, || Err::<(), _>(Error::file(path, "is empty"))).unwrap_err();
        assert_eq!(refused.to_string(), "x.png: is empty");
        for _ in 0..2 {
            let error = caught(path, || -> Result<()> { panic!("chunk of\nlength {}", 7) }).unwrap_err();
            let said = "x.png: is damaged in a way that its decoder does not expect (chunk of\\nlength 7)";
            assert_eq!(error.to_string(), said);
        }
        let nested = caught(path, || {
            let inner: Result<()> = caught(path, || panic!("inner"));
            assert!(inner.is_err() && CAUGHT.get());
            Ok(())
        });
        nested.unwrap();
        assert!(!CAUGHT.get());
    }
}
