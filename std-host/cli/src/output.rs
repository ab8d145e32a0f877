//! Files that the user names; `-` is standard output.

use std::io::Write;
use std::path::Path;

use wta::files::atomic::AtomicFile;

use crate::error::Result;
use crate::print::{print, say};

/// Begins a file; `-` is standard output.
pub(crate) fn create(path: &Path) -> Result<AtomicFile> {
    Ok(if is_standard(path) { AtomicFile::standard_output() } else { AtomicFile::create(path)? })
}

/// Writes a whole file; `-` is standard output.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(|error| wta::Error::io("write", path, error))?;
    Ok(file.commit()?)
}

/// Prints what was written, to standard error if a result goes to standard output.
pub(crate) fn report(paths: &[&Path], text: &str) -> Result<()> {
    if paths.iter().any(|path| is_standard(path)) {
        say(text);
        return Ok(());
    }
    print(text)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}
