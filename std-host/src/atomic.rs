//! tmp
use std::{io, path::Path};
use crate::error::{Error, Result};
/// tmp
pub fn write(path: &Path, f: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<()> {
    let tmp = path.with_extension("tmp");
    let mut w = std::fs::File::create(&tmp).map_err(|e| Error::io("write", path, e))?;
    f(&mut w).map_err(|e| Error::io("write", path, e))?;
    std::fs::rename(&tmp, path).map_err(|e| Error::io("write", path, e))
}
/// tmp
pub fn create_dir(path: &Path) -> Result<()> { std::fs::create_dir_all(path).map_err(|e| Error::io("create", path, e)) }
