//! A panic is a fault of this program. It ends it with one sentence, as any other error, that says what to
//! report.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// What the first panic said, and where.
static FOUND: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program's work; a panic is an [`Error::Bug`].
pub(crate) fn caught(work: impl FnOnce() -> Result<()>) -> Result<()> {
    panic::set_hook(Box::new(|panic| {
        let said = panic.payload().downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.payload().downcast_ref::<&str>().copied());
        let said = said.unwrap_or("no reason given").replace('\n', " ");
        let place = panic.location().map_or(String::new(), |place| format!(", {place}"));
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        found.get_or_insert(format!("{said}{place}"));
    }));
    // Nothing that the work has left half done is used again.
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(Error::Bug(found.unwrap_or_else(|| "a panic".to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_sentence_that_says_where() {
        let error = caught(|| panic!("one\ntwo")).unwrap_err().to_string();
        drop(panic::take_hook());
        assert!(error.contains("one two") && error.contains("bug.rs:"), "{error}");
        assert!(error.contains("report") && !error.contains('\n'), "{error}");
    }
}
