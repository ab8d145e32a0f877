//! Results for people and pipes.

use std::io::{self, Write};

use crate::error::Result;

/// Prints a message to standard error. If nobody reads it, it is dropped.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints a result; a closed pipe (as with `| head`) is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(wta::Error::io("write to", "standard output", error).into())
        }
        _ => Ok(()),
    }
}
