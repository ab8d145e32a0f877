//! How much room a file system has.

use std::path::Path;

/// The bytes that this process may still write where `path` is, or where it would be made; `None` if the
/// system does not say.
pub(crate) fn free(path: &Path) -> Option<u64> {
    // The nearest folder that is there.
    let there = path.ancestors().find(|path| path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    of(there)
}

#[cfg(unix)]
fn of(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn of(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free(folder.path()).is_some_and(|bytes| bytes > 0));
        assert!(free(&folder.path().join("a/b/c")).is_some_and(|bytes| bytes > 0));
        assert!(free(Path::new("no-such-folder")).is_some());
    }
}
