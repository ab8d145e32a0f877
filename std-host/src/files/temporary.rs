//! Files that will replace others: new, under a name that nobody else has, and locked while they are written.
//!
//! A name has twelve random characters, and a file is only ever made anew (`O_EXCL`), so that neither another
//! process, be it in another container, nor a link that lies in wait is written into. The lock tells a file
//! that is being written from one that a killed process has left behind: the next write of the same target
//! removes what nobody has locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use super::place::folder_of;

/// The random characters of a name.
const RANDOM: usize = 12;

/// The most bytes of the target's name in the temporary one, so that the latter is not too long.
const MOST_NAME: usize = 200;

/// How often a name is tried that another process has taken away.
const ATTEMPTS: usize = 16;

/// How all names for a target begin, with a dot, so that they are hidden.
fn beginning(name: &str) -> String {
    let mut end = name.len().min(MOST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.", name.get(..end).unwrap_or_default())
}

/// Makes a new file beside `target`, of the mode that the umask leaves.
pub(super) fn create(target: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let (folder, beginning) = (folder_of(target), beginning(name));
    sweep(folder, &beginning);
    for _ in 0..ATTEMPTS {
        disk::before_creating(target)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(&beginning).suffix(ENDING).rand_bytes(RANDOM);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let (file, path) =
            builder.tempfile_in(folder).map_err(without_path)?.keep().map_err(|kept| kept.error)?;
        // Another process may have taken it for a leftover before it was locked, and removed it.
        if file.lock().is_err() || is_there(&file) {
            return Ok((file, path));
        }
    }
    Err(io::Error::other("temporary files beside it are removed again and again"))
}

const ENDING: &str = ".tmp";

/// What the system says, without the temporary name: nobody has given it.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

/// Whether an open file still has a name.
fn is_there(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.metadata().is_ok_and(|found| found.nlink() > 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        true
    }
}

/// Removes files that processes which have ended left behind. A link is never followed, nor removed.
fn sweep(folder: &Path, beginning: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_ours = name
            .strip_prefix(beginning)
            .and_then(|rest| rest.strip_suffix(ENDING))
            .is_some_and(|random| !random.is_empty() && random.chars().all(|c| c.is_ascii_alphanumeric()));
        // `DirEntry` does not follow links.
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) && is_left(&entry.path()) {
            let _ = disk::remove_file(&entry.path());
        }
    }
}

/// Whether nobody writes a temporary file. Where there are no locks, somebody may.
fn is_left(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The names in a folder, sorted.
    pub(in crate::files) fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_being_written_stays_and_what_is_left_goes() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.txt");
        let (held, first) = create(&target, "a.txt").unwrap();
        let (other, second) = create(&target, "a.txt").unwrap();
        assert!(first != second && first.exists() && second.exists());
        drop(other);
        fs::write(folder.path().join(".a.txt.123.tmp"), b"of an earlier version").unwrap();
        fs::write(folder.path().join(".b.txt.123.tmp"), b"of another file").unwrap();
        fs::write(folder.path().join(".a.txt.x.y.tmp"), b"of somebody else").unwrap();
        let (_third, third) = create(&target, "a.txt").unwrap();
        let mut expected: Vec<String> = [&first, &third]
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .into_iter()
            .chain([".b.txt.123.tmp".to_owned(), ".a.txt.x.y.tmp".to_owned()])
            .collect();
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        drop(held);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_wait_are_neither_followed_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join(".a.txt.123.tmp")).unwrap();
        create(&folder.path().join("a.txt"), "a.txt").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(folder.path().join(".a.txt.123.tmp").is_symlink());
    }

    #[test]
    fn a_long_name_has_a_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let name = "\u{fc}".repeat(127);
        create(&folder.path().join(&name), &name).unwrap();
    }
}
