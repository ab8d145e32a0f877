//! `--log json`: what a training does as JSON, one object a line, for machines. The events and their fields
//! are in docs/log.md.
//!
//! There is one log in a process, as there is one standard error: errors that another thread tells, as that
//! memory has run out, are in it, too. Where it cannot be written any more, as into a closed pipe, it ends,
//! and the training goes on.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::Result;

/// The log of this process, if one is wanted.
static LOG: Mutex<Option<Log>> = Mutex::new(None);

struct Log {
    to: Box<dyn Write + Send>,
    /// Whether it has standard error for itself.
    has_stderr: bool,
}

/// A line.
#[derive(Serialize)]
struct Line<'a, T> {
    event: &'a str,
    /// Seconds since 1970.
    time: f64,
    #[serde(flatten)]
    fields: T,
}

/// The fields of an event that says a sentence.
#[derive(Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) message: &'a str,
}

/// The fields of the events `error` and `interrupted`.
#[derive(Serialize)]
pub(crate) struct Failure<'a> {
    pub(crate) message: &'a str,
    pub(crate) exit_code: u8,
}

fn log() -> MutexGuard<'static, Option<Log>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins the log: at the end of a file, on standard output for `-`, or on standard error, where nothing else
/// is said from now on.
///
/// # Errors
///
/// [`Error::Io`](wta::Error::Io) if the file cannot be opened.
pub(crate) fn begin(to: Option<&Path>) -> Result<()> {
    let has_stderr = to.is_none();
    let to: Box<dyn Write + Send> = match to {
        None => Box::new(io::stderr()),
        Some(path) if path.as_os_str() == "-" => Box::new(io::stdout()),
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            Box::new(file.map_err(|error| wta::Error::io("write", path, error))?)
        }
    };
    *log() = Some(Log { to, has_stderr });
    Ok(())
}

/// Whether standard error is the log's alone.
pub(crate) fn has_stderr() -> bool {
    log().as_ref().is_some_and(|log| log.has_stderr)
}

/// Writes an event, if there is a log.
pub(crate) fn event(event: &str, fields: impl Serialize) {
    let mut place = log();
    let Some(log) = place.as_mut() else { return };
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let Ok(mut line) = serde_json::to_vec(&Line { event, time, fields }) else { return };
    line.push(b'\n');
    // One call, so that a line is whole in a file that several processes write.
    let written = log.to.write_all(&line).and_then(|()| log.to.flush());
    if let (Err(error), false) = (written, log.has_stderr) {
        *place = None;
        drop(place);
        if error.kind() != io::ErrorKind::BrokenPipe {
            let note = format!("note: the log ends here, and the work goes on: {error}\n");
            let _ = io::stderr().write_all(note.as_bytes());
        }
    }
}
