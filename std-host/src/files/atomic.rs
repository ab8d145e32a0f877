//! Files that are either whole or absent: written under a temporary name, synced, then renamed. Pipes and
//! devices, which cannot be replaced, are written into.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::disk::{self, OpenFile};
use super::place::folder_of;
use super::temporary;
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
    New { writer: Option<BufWriter<OpenFile>>, temporary: PathBuf, replaced: PathBuf },
    /// The target itself, which cannot be replaced.
    Direct(BufWriter<OpenFile>),
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
            let writer = BufWriter::new(OpenFile::new(file, target));
            return Ok(Self { target: target.to_path_buf(), sink: Sink::Direct(writer) });
        }
        let replaced = followed(target).map_err(failed)?;
        Self::in_place_of(replaced, target, found.as_ref())
    }

    /// The same for a file of a folder that this library writes. A link with its name is replaced, and
    /// nothing is written where it points to: the folder may come from somebody else.
    ///
    /// # Errors
    ///
    /// As for [`AtomicFile::create`]; also for a pipe or a device in the file's place.
    fn create_here(target: &Path) -> Result<Self> {
        match fs::symlink_metadata(target).map(|found| found.file_type()) {
            Ok(kind) if kind.is_symlink() => Self::in_place_of(target.to_path_buf(), target, None),
            Ok(kind) if !kind.is_file() && !kind.is_dir() => {
                Err(Error::file(target, "is a pipe or a device where a file belongs; remove it"))
            }
            _ => Self::create(target),
        }
    }

    /// A new file that will be at `replaced`, with the mode and the owner of what is `found` there.
    fn in_place_of(replaced: PathBuf, target: &Path, found: Option<&fs::Metadata>) -> Result<Self> {
        let Some(name) = replaced.file_name() else {
            return Err(Error::file(target, "is not the path of a file"));
        };
        let (file, temporary) = temporary::create(&replaced, &name.to_string_lossy())
            .map_err(|e| Error::io("write", target, e))?;
        if let Some(found) = found {
            keep_mode_and_owner(found, &temporary);
        }
        let writer = Some(BufWriter::new(OpenFile::new(file, &replaced)));
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

    /// Goes to a place of a new file, in bytes, to write there. `false` for standard output, pipes and
    /// devices, which are written from the beginning to the end.
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
                // Open, and so locked, until it has its name: nobody takes it for a leftover.
                let mut open = writer.take();
                let finished = open.as_mut().map_or(Ok(()), |writer| {
                    writer.flush()?;
                    writer.get_ref().sync()
                });
                let renamed = finished.and_then(|()| disk::rename(temporary, replaced));
                match renamed {
                    // The rename survives a crash once the folder is synced.
                    Ok(()) => disk::sync_dir(folder_of(replaced)),
                    Err(_) => drop(disk::remove_file(temporary)),
                }
                // What could not be written is not tried again.
                let _ = open.map(BufWriter::into_parts);
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
            let _ = disk::remove_file(temporary);
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

/// Writes a whole file.
///
/// # Errors
///
/// As for [`AtomicFile::create`] and [`AtomicFile::commit`]; the earlier file is untouched then.
pub fn write(target: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    filled(AtomicFile::create(target)?, target, content)
}

/// Writes a whole file of a folder that this library writes: in place of a link with its name, and not where
/// the link points to.
///
/// # Errors
///
/// As for [`write()`]; also if a pipe or a device has the file's name.
pub fn replace(target: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    filled(AtomicFile::create_here(target)?, target, content)
}

fn filled(
    mut file: AtomicFile,
    target: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    content(&mut file).map_err(|e| Error::io("write", target, e))?;
    file.commit()
}

/// Makes a folder and its parent folders.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be made.
pub fn create_dir(folder: &Path) -> Result<()> {
    disk::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::temporary::tests::names;

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
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("real/file"), 0o640);
        // A new file has the mode that the umask leaves, as one that is made in any other way.
        fs::write(at("real/made"), b"").unwrap();
        assert_eq!(mode("real/new"), mode("real/made"));
        fs::remove_file(at("real/made")).unwrap();
        assert_eq!(names(&at("real")), ["file", "new"]);
        symlink("circle", at("circle")).unwrap();
        let error = write(&at("circle"), |to| to.write_all(b"new")).unwrap_err().to_string();
        assert!(error.contains("links"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_folders_own_file_takes_the_place_of_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("theirs"), b"theirs").unwrap();
        for to in ["theirs", "nothing", "circle", "/dev/null"] {
            drop(fs::remove_file(at("circle")));
            std::os::unix::fs::symlink(to, at("circle")).unwrap();
            replace(&at("circle"), |file| file.write_all(b"new")).unwrap();
            assert!(fs::symlink_metadata(at("circle")).unwrap().is_file());
            assert_eq!(fs::read(at("circle")).unwrap(), b"new");
        }
        assert_eq!(fs::read(at("theirs")).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["circle", "theirs"]);
        replace(&at("circle"), |file| file.write_all(b"newer")).unwrap();
        assert_eq!(fs::read(at("circle")).unwrap(), b"newer");
        let error = replace(Path::new("/dev/null"), |_| Ok(())).unwrap_err().to_string();
        assert_eq!(error, "/dev/null: is a pipe or a device where a file belongs; remove it");
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
