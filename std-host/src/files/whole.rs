//! Reading a whole file into memory.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::memory::reserve;

/// The bytes of a file. A pipe or a device, which may never end, is refused.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read, [`Error::File`] if it is no file, [`Error::Memory`] if it is larger
/// than the process may take.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io("read", path, error);
    // Before it is opened, as the opening of a pipe waits for somebody who writes into it.
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Error::file(path, "is not a file; put the file there"));
    }
    let len = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let mut bytes = reserve::with_capacity(len, || format!("{}: its content", path.display()))?;
    // It may have grown since, but not be read for ever.
    File::open(path).map_err(failed)?.take(found.len()).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
///
/// As for [`read`]; [`Error::File`] if it is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| Error::file(path, "is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "\u{fc}").unwrap();
        assert_eq!(read_text(&path).unwrap(), "\u{fc}");
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("is not text"));
        assert!(read(folder.path()).unwrap_err().to_string().contains("is not a file"));
        assert!(read(&folder.path().join("no")).unwrap_err().to_string().starts_with("cannot read"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_never_ends_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            assert!(read(path).unwrap_err().to_string().contains("is not a file"));
        }
        // A hole takes no room on the disk, and all of it in memory.
        let hole = File::create(folder.path().join("hole")).unwrap();
        hole.set_len(1 << 42).unwrap();
        let refused = read(&folder.path().join("hole")).unwrap_err();
        assert!(matches!(refused, Error::Memory { .. }), "{refused}");
    }
}
