//! The locks of a run folder: one process at a time trains there, and one at a time writes down an
//! evaluation.
//!
//! A lock is one of the operating system (`flock`) on a file in the folder that names the host and the
//! process. A killed process leaves the file and no lock, so that the next one goes on. NFS keeps such locks
//! between hosts since version 4; other network file systems may not, and say so or do not.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::folder::{EVALUATION, Run, TRAINING};
use crate::error::{Error, Result, RunProblem};
use crate::files::{atomic, disk};

/// Held while a process works in a run folder; dropped, it is released.
#[derive(Debug)]
pub struct RunLock {
    run: Run,
    /// Open, and so locked; `None` where the file system has no locks.
    held: Option<(File, PathBuf)>,
}

impl RunLock {
    /// The run that is locked.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Whether other processes are kept out. They are not where the file system has no locks.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if let Some((file, path)) = &self.held {
            // While it is locked: whoever waits for it finds that the file has no name, and makes another.
            let _ = disk::remove_file(path);
            let _ = file.unlock();
        }
    }
}

impl Run {
    /// Makes the folder and locks it for a training of this process.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if another process holds the lock, [`Error::Io`] if the folder or the lock's file
    /// cannot be made.
    pub fn lock(&self) -> Result<RunLock> {
        self.locked(TRAINING, |file, path| match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => {
                Err(Error::run(self.folder(), RunProblem::Busy { holder: holder(path) }))
            }
            Err(TryLockError::Error(_)) => Ok(false),
        })
    }

    /// Waits until no other process writes down an evaluation.
    pub(crate) fn lock_evaluation(&self) -> Result<RunLock> {
        self.locked(EVALUATION, |file, _| Ok(file.lock().is_ok()))
    }

    fn locked(&self, name: &str, lock: impl Fn(&File, &Path) -> Result<bool>) -> Result<RunLock> {
        atomic::create_dir(self.folder())?;
        let path = self.file(name);
        loop {
            let failed = |error| Error::io("lock", &path, error);
            if path.is_symlink() {
                return Err(Error::file(&path, "is a link, and no lock of this program; remove it"));
            }
            // The content stays: another process may hold the lock.
            let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = open.map_err(failed)?;
            if !lock(&file, &path)? {
                return Ok(RunLock { run: self.clone(), held: None });
            }
            if is_at(&file, &path) {
                // On a full disk the lock holds without a name.
                let _ = file.set_len(0).and_then(|()| file.write_all(this_process().as_bytes()));
                return Ok(RunLock { run: self.clone(), held: Some((file, path)) });
            }
        }
    }
}

/// Whether an open file is the one of this name still: the one that had the lock before has removed it.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let place = |found: fs::Metadata| (found.dev(), found.ino());
        let open = file.metadata().map(place);
        matches!((open, fs::symlink_metadata(path).map(place)), (Ok(open), Ok(named)) if open == named)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

/// What is written into the file: `process 17 on board-3`.
fn this_process() -> String {
    let host =
        fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    let host = host.ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let host = host.or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_else(|| "this host".to_owned());
    format!("process {} on {host}\n", std::process::id())
}

/// The most bytes of a process's description.
const LONGEST: u64 = 200;

/// Who holds a lock, as far as its file says.
fn holder(path: &Path) -> Option<String> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().ok()?;
    let line = text.lines().next()?;
    line.starts_with("process ").then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_then_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path().join("run"));
        let held = run.lock().unwrap();
        assert!(held.is_held());
        let sentence = run.lock().unwrap_err().to_string();
        let process = format!("process {} on ", std::process::id());
        assert!(sentence.contains(&process) && !sentence.contains('\n'), "{sentence}");
        let evaluation = run.lock_evaluation().unwrap();
        drop((held, evaluation));
        assert_eq!(fs::read_dir(run.folder()).unwrap().count(), 0, "nothing is left");
        // A killed process leaves the file.
        fs::write(run.file(TRAINING), "process 1 on x\n").unwrap();
        drop(run.lock().unwrap());
        assert_eq!(fs::read_dir(run.folder()).unwrap().count(), 0);
    }

    #[test]
    fn of_many_that_come_and_go_one_has_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let one = || {
            for _ in 0..200 {
                let _held = run.lock_evaluation().unwrap();
                assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(one))));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_lock_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (run, victim) = (Run::new(folder.path()), folder.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, run.file(TRAINING)).unwrap();
        assert!(run.lock().unwrap_err().to_string().contains("is a link"));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
}
