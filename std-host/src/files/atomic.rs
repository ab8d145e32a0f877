//! Files that are either whole or absent: written under a temporary name, synced, then renamed. Pipes and
//! devices, which cannot be replaced, are written into.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that is being written. Dropped without [`AtomicFile::commit`], it leaves no trace.
///
/// A symbolic link is followed: what it points to is replaced. A file keeps its mode and, where the system
/// allows it, its owner. What cannot be replaced, a pipe or a device, is written into.
#[derive(Debug)]
pub struct AtomicFile {
    /// The name in errors.
    target: PathBuf,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// A new file, which will replace the target. `None` once committed.
    New { writer: Option<BufWriter<File>>, temporary: PathBuf, replaced: PathBuf },
    /// The target itself, which cannot be replaced.
    Direct(BufWriter<File>),
    /// Standard output.
    Standard(BufWriter<io::Stdout>),
}

impl AtomicFile {
    /// Begins a file that will replace `target`.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if `target` is not the path of a file, [`Error::Io`] if nothing can be written there.
    pub fn create(target: &Path) -> Result<Self> {
        let failed = |e| Error::io("write", target, e);
        let found = fs::metadata(target).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(Error::file(target, "is a folder; give the path of a file"));
        }
        if found.as_ref().is_some_and(|found| !found.is_file()) || is_open_file(target) {
            let file = OpenOptions::new().write(true).open(target).map_err(failed)?;
            return Ok(Self { target: target.to_path_buf(), sink: Sink::Direct(BufWriter::new(file)) });
        }
        let replaced = followed(target).map_err(failed)?;
        let Some(name) = replaced.file_name() else {
            return Err(Error::file(target, "is not the path of a file"));
        };
        // Each process uses a name of its own, so two programs that write the same file do not mix. The next
        // write of the same file removes what a killed process left behind.
        let hidden = format!(".{}.", name.to_string_lossy());
        let temporary = replaced.with_file_name(format!("{hidden}{}.tmp", std::process::id()));
        sweep(&replaced, &hidden);
        let file = File::create(&temporary).map_err(failed)?;
        if let Some(found) = found {
            keep_mode_and_owner(&found, &temporary);
        }
        let writer = Some(BufWriter::new(file));
        Ok(Self { target: target.to_path_buf(), sink: Sink::New { writer, temporary, replaced } })
    }

    /// Standard output, as a file that is written to the end or not.
    pub fn standard_output() -> Self {
        let sink = Sink::Standard(BufWriter::new(io::stdout()));
        Self { target: PathBuf::from("standard output"), sink }
    }

    /// The name in errors.
    pub fn name(&self) -> &Path {
        &self.target
    }

    /// Goes to a place of a new file, in bytes, to write there. `false` for standard output, pipes and devices,
    /// which are written from the beginning to the end.
    ///
    /// # Errors
    ///
    /// What the system says, also if what was written before cannot be.
    pub(crate) fn seek_to(&mut self, place: u64) -> io::Result<bool> {
        match &mut self.sink {
            Sink::New { writer: Some(writer), .. } => writer.seek(SeekFrom::Start(place)).map(|_| true),
            _ => Ok(false),
        }
    }

    /// Syncs the file and puts it in its place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], as when the disk is full; the earlier file is untouched then.
    pub fn commit(mut self) -> Result<()> {
        let done = match &mut self.sink {
            Sink::Direct(writer) => writer.flush(),
            Sink::Standard(writer) => writer.flush(),
            Sink::New { writer, temporary, replaced } => {
                let finished = writer.take().map_or(Ok(()), |mut writer| {
                    writer.flush()?;
                    writer.get_ref().sync_all()
                });
                let renamed = finished.and_then(|()| fs::rename(&*temporary, &*replaced));
                if renamed.is_err() {
                    let _ = fs::remove_file(temporary);
                }
                // The rename survives a crash once the folder is synced. Where folders cannot be synced
                // (Windows), it is as safe as the system makes it.
                let folder = replaced.parent().filter(|folder| !folder.as_os_str().is_empty());
                if renamed.is_ok()
                    && let Ok(folder) = File::open(folder.unwrap_or(Path::new(".")))
                {
                    let _ = folder.sync_all();
                }
                renamed
            }
        };
        done.map_err(|e| Error::io("write", &self.target, e))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::New { writer, .. } => writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes)),
            Sink::Direct(writer) => writer.write(bytes),
            Sink::Standard(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::New { writer, .. } => writer.as_mut().map_or(Ok(()), Write::flush),
            Sink::Direct(writer) => writer.flush(),
            Sink::Standard(writer) => writer.flush(),
        }
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Sink::New { writer, temporary, .. } = &mut self.sink
            && let Some(writer) = writer.take()
        {
            // Drop the buffer without flushing it: nobody needs its content.
            let _ = writer.into_parts();
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Whether a path stands for a file that this process has open, such as `/dev/stdout`. A shell that has
/// redirected it would not see a file that replaces it.
fn is_open_file(path: &Path) -> bool {
    let names = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
    cfg!(unix) && path.exists() && names.iter().any(|name| path.starts_with(name))
}

/// The file that a chain of symbolic links ends at, which need not exist.
fn followed(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links, or a circle of them"))
}

/// Gives a new file the mode of the one that it replaces and, if that is allowed, the owner.
fn keep_mode_and_owner(of: &fs::Metadata, to: &Path) {
    // Where it is not possible, the file is written all the same.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let same = fs::metadata(to).is_ok_and(|new| (new.uid(), new.gid()) == (of.uid(), of.gid()));
        if !same {
            let _ = std::os::unix::fs::chown(to, Some(of.uid()), Some(of.gid()));
        }
    }
    let _ = fs::set_permissions(to, of.permissions());
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

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_modes_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), b"old").unwrap();
        fs::set_permissions(at("real/file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real/file", at("near")).unwrap();
        symlink(at("near"), at("far")).unwrap();
        symlink("real/new", at("dangling")).unwrap();
        for link in ["far", "dangling"] {
            write(&at(link), |to| to.write_all(b"new")).unwrap();
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert_eq!(fs::read(at(link)).unwrap(), b"new");
        }
        assert_eq!(fs::metadata(at("real/file")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(&at("real")), ["file", "new"]);
        symlink("circle", at("circle")).unwrap();
        let error = write(&at("circle"), |to| to.write_all(b"new")).unwrap_err().to_string();
        assert!(error.contains("links"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_into() {
        write(Path::new("/dev/null"), |to| to.write_all(b"anything")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let full = write(Path::new("/dev/full"), |to| to.write_all(b"anything")).unwrap_err();
        assert!(full.to_string().starts_with("cannot write /dev/full"), "{full}");
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
