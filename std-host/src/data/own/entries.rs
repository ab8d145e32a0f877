//! The entries of a folder, and all files below it, in order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The deepest nesting of folders; more must be a loop of links.
const MOST_DEPTH: usize = 16;

/// The entries of a folder, sorted by name, without hidden files.
pub(in crate::data) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("read", folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Adds the files at any depth of a folder that are `wanted`, sorted by path.
pub(super) fn files_below(
    folder: &Path,
    wanted: impl Fn(&Path) -> bool + Copy,
    files: &mut Vec<PathBuf>,
) -> Result<()> {
    below(folder, MOST_DEPTH, wanted, files)
}

fn below(
    folder: &Path,
    depth: usize,
    wanted: impl Fn(&Path) -> bool + Copy,
    files: &mut Vec<PathBuf>,
) -> Result<()> {
    if depth == 0 {
        return Err(Error::file(
            folder,
            format!("lies more than {MOST_DEPTH} folders deep; is a link a circle?"),
        ));
    }
    for path in entries(folder)? {
        if path.is_dir() {
            below(&path, depth - 1, wanted, files)?;
        } else if wanted(&path) {
            files.push(path);
        }
    }
    Ok(())
}
