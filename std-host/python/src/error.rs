//! The library's errors as Python's, with the same sentence.

use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use wta::Error;

/// The exception for an error of the library.
pub(crate) fn raised(error: Error) -> PyErr {
    let sentence = error.to_string();
    match error {
        Error::Io { .. } => PyOSError::new_err(sentence),
        Error::Memory { .. } => PyMemoryError::new_err(sentence),
        Error::Interrupted(_) => PyKeyboardInterrupt::new_err(sentence),
        Error::Diverged { .. } => PyRuntimeError::new_err(sentence),
        _ => PyValueError::new_err(sentence),
    }
}
