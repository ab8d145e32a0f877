//! The lock of a run folder: one process at a time trains there.
//!
//! It is a lock of the operating system on the folder itself. So a process that is killed leaves none behind,
//! and no file tells of it.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::folder::Run;
use crate::error::{Error, Result, RunProblem};
use crate::files::atomic;

/// Held while a process works in a run folder; dropped, it is released.
#[derive(Debug)]
pub struct RunLock {
    /// `None` where the system has no such locks.
    _held: Option<File>,
}

impl Run {
    /// Makes the folder and locks it for this process. Where the file system has no locks, it is not locked.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if another process holds the lock, [`Error::Io`] if the folder cannot be made.
    pub fn lock(&self) -> Result<RunLock> {
        atomic::create_dir(self.folder())?;
        let Ok(file) = open(self.folder()) else { return Ok(RunLock { _held: None }) };
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _held: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(Error::run(self.folder(), RunProblem::Busy)),
            Err(TryLockError::Error(_)) => Ok(RunLock { _held: None }),
        }
    }
}

/// What is locked. Windows does not open folders, so a hidden file stands for the folder there.
fn open(folder: &Path) -> std::io::Result<File> {
    if cfg!(unix) { File::open(folder) } else { File::create(folder.join(".lock")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_then_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path().join("run"));
        let held = run.lock().unwrap();
        let sentence = run.lock().unwrap_err().to_string();
        assert!(sentence.contains("another process") && !sentence.contains('\n'), "{sentence}");
        drop(held);
        run.lock().unwrap();
    }
}
