//! The entries of a folder, in order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

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
