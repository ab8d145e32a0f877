//! Where the path of a file leads.

use std::path::{Path, PathBuf};

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where a path leads, through links, as an absolute path; of a file that is not there yet, where it will be.
/// `None` if there is not even a folder for it.
pub fn place(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_place_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().canonicalize().unwrap();
        std::fs::create_dir(at.join("sub")).unwrap();
        for _ in 0..2 {
            assert_eq!(place(&at.join("sub/../a")), Some(at.join("a")));
            std::fs::write(at.join("a"), "").unwrap();
        }
        assert_eq!(place(&at.join("no/a")), None);
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
    }
}
