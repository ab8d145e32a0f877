//! Every change that the library makes to a disk: files and folders are made, written, synced, renamed and
//! removed here. Debug builds can be told to fail or to end at any of them, which is how the fault harness
//! (`std-host/cli/tests/faults.rs`) tries all positions; release builds have none of it.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An open file, and the name that errors and faults know it by.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    path: PathBuf,
}

impl OpenFile {
    pub(super) fn new(file: File, path: &Path) -> Self {
        Self { file, path: path.to_path_buf() }
    }

    /// Waits until the content is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        before("sync", &self.path)?;
        self.file.sync_all()
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(fault) = before("write", &self.path) {
            // As a full disk does: some of it is written.
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            let _ = self.file.write(half);
            return Err(fault);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Announces that a file is about to be made.
pub(super) fn before_creating(path: &Path) -> io::Result<()> {
    before("create", path)
}

/// Puts a file in the place of another.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    before("rename", to)?;
    fs::rename(from, to)
}

/// Removes a file or a link, not what the link points to.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    before("remove", path)?;
    fs::remove_file(path)
}

/// Removes an empty folder.
pub(crate) fn remove_dir(path: &Path) -> io::Result<()> {
    before("remove", path)?;
    fs::remove_dir(path)
}

/// Makes a folder and its parent folders.
pub(super) fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    before("create", path)?;
    fs::create_dir_all(path)
}

/// Waits until what was renamed in a folder is on the disk. Where folders cannot be synced (Windows), it is
/// as safe as the system makes it.
pub(crate) fn sync_dir(folder: &Path) {
    if before("sync", folder).is_ok()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

#[cfg(not(debug_assertions))]
fn before(_: &str, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(debug_assertions)]
use faults::before;

/// Faults on request of the environment:
///
/// - `WTA_FAULT=kill@17`: the process ends at once at the 17th change, as by `kill -9`.
/// - `WTA_FAULT=enospc@17`, `eio@17`: this change fails.
/// - `WTA_FAULT=full@17`: no file can be made or written from this change on.
/// - `WTA_FAULT_LOG=FILE`: each change is a line of this file.
#[cfg(debug_assertions)]
mod faults {
    use std::fs::OpenOptions;
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    const NO_SPACE: i32 = 28;
    const BAD_IO: i32 = 5;

    #[derive(Clone, Copy)]
    enum Fault {
        Kill,
        Fail(i32),
        Full,
    }

    static CHANGES: AtomicU64 = AtomicU64::new(0);
    static PLAN: OnceLock<Option<(Fault, u64)>> = OnceLock::new();

    /// Called before each change.
    pub(super) fn before(change: &str, path: &Path) -> io::Result<()> {
        let number = CHANGES.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(log) = std::env::var_os("WTA_FAULT_LOG") {
            let line = format!("{change} {}\n", path.display());
            OpenOptions::new().append(true).create(true).open(log)?.write_all(line.as_bytes())?;
        }
        match *PLAN.get_or_init(plan) {
            Some((Fault::Kill, at)) if at == number => std::process::abort(),
            Some((Fault::Fail(code), at)) if at == number => Err(io::Error::from_raw_os_error(code)),
            Some((Fault::Full, at)) if at <= number && ["create", "write"].contains(&change) => {
                Err(io::Error::from_raw_os_error(NO_SPACE))
            }
            _ => Ok(()),
        }
    }

    fn plan() -> Option<(Fault, u64)> {
        let text = std::env::var("WTA_FAULT").ok()?;
        let (fault, at) = text.split_once('@')?;
        let fault = match fault {
            "kill" => Fault::Kill,
            "enospc" => Fault::Fail(NO_SPACE),
            "eio" => Fault::Fail(BAD_IO),
            "full" => Fault::Full,
            _ => return None,
        };
        Some((fault, at.parse().ok()?))
    }
}
