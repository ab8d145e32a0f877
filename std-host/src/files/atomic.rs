//! Files that are either whole or absent: written under a temporary name, synced, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that is being written. Dropped without [`AtomicFile::commit`], it leaves no trace.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temporary: PathBuf,
    /// `None` once committed.
    writer: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins a file that will replace `target`.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if `target` is not the path of a file, [`Error::Io`] if nothing can be written there.
    pub fn create(target: &Path) -> Result<Self> {
        if target.is_dir() {
            return Err(Error::file(target, "is a folder; give the path of a file"));
        }
        let Some(name) = target.file_name() else {
            return Err(Error::file(target, "is not the path of a file"));
        };
        // Each process uses a name of its own, so two programs that write the same file do not mix. The next
        // write of the same file removes what a killed process left behind.
        let hidden = format!(".{}.", name.to_string_lossy());
        let temporary = target.with_file_name(format!("{hidden}{}.tmp", std::process::id()));
        sweep(target, &hidden);
        let file = File::create(&temporary).map_err(|e| Error::io("write", target, e))?;
        Ok(Self { target: target.to_path_buf(), temporary, writer: Some(BufWriter::new(file)) })
    }

    /// Syncs the file and puts it in its place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], as when the disk is full; the earlier file is untouched then.
    pub fn commit(mut self) -> Result<()> {
        let finished = self.writer.take().map_or(Ok(()), |mut writer| {
            writer.flush()?;
            writer.get_ref().sync_all()
        });
        let renamed = finished.and_then(|()| fs::rename(&self.temporary, &self.target));
        if renamed.is_err() {
            let _ = fs::remove_file(&self.temporary);
        }
        renamed.map_err(|e| Error::io("write", &self.target, e))?;
        // The rename survives a crash once the folder is synced. Where folders cannot be synced (Windows), it
        // is as safe as the system makes it.
        if let Some(Ok(folder)) = self
            .target
            .parent()
            .map(|p| File::open(if p.as_os_str().is_empty() { Path::new(".") } else { p }))
        {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // Drop the buffer without flushing it: nobody needs its content.
            let _ = writer.into_parts();
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Removes temporary files of processes that have ended.
fn sweep(target: &Path, hidden: &str) {
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(hidden).and_then(|rest| rest.strip_suffix(".tmp"));
        let Some(process) = process.and_then(|p| p.parse::<u32>().ok()) else { continue };
        let alive = Path::new("/proc").join(process.to_string()).exists();
        if process != std::process::id() && cfg!(target_os = "linux") && !alive {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a whole file.
///
/// # Errors
///
/// As for [`AtomicFile::create`] and [`AtomicFile::commit`]; the earlier file is untouched then.
pub fn write(target: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut file = AtomicFile::create(target)?;
    content(&mut file).map_err(|e| Error::io("write", target, e))?;
    file.commit()
}

/// Makes a folder and its parent folders.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be made.
pub fn create_dir(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, |to| to.write_all(b"one")).unwrap();
        write(&path, |to| to.write_all(b"two")).unwrap();
        let error = write(&path, |to| {
            to.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(error.unwrap_err().to_string().contains("no more"));
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn leftovers_of_a_killed_process_are_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        // No process has the largest number that fits.
        fs::write(folder.path().join(".a.txt.4294967295.tmp"), b"left").unwrap();
        fs::write(folder.path().join(".b.txt.4294967295.tmp"), b"of another file").unwrap();
        write(&path, |to| to.write_all(b"one")).unwrap();
        assert_eq!(names(folder.path()), [".b.txt.4294967295.tmp", "a.txt"]);
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path(), |_| Ok(())).unwrap_err().to_string().contains("is a folder"));
        let nowhere = folder.path().join("no").join("a.txt");
        assert!(write(&nowhere, |_| Ok(())).unwrap_err().to_string().starts_with("cannot write"));
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(create_dir(&folder.path().join("file").join("x")).is_err());
    }
}
