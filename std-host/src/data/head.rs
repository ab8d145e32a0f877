//! The beginning of a file, by which it is known.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::source::Source;
use crate::error::{Error, Result};

/// Bytes that are looked at.
const MOST: usize = 1 << 20;

/// The beginning of a file.
pub(crate) struct Head {
    /// As it is stored.
    pub(crate) stored: Vec<u8>,
    /// As it is read: unpacked, if it is compressed by gzip. Empty if that fails.
    pub(crate) content: Vec<u8>,
    /// Bytes of the file.
    pub(crate) len: u64,
}

impl Head {
    /// Whether these are all bytes of the file.
    pub(crate) fn is_all(&self) -> bool {
        self.stored.len() as u64 == self.len
    }
}

/// Reads the beginning of a file.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read, [`Error::File`] if it is no file.
pub(crate) fn head(path: &Path) -> Result<Head> {
    let failed = |error| Error::io("read", path, error);
    // A pipe may never end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::file(path, "is neither a file nor a folder; give one of these"));
    }
    let mut source = Source::open(path)?;
    let mut stored = Vec::new();
    File::open(path).map_err(failed)?.take(MOST as u64).read_to_end(&mut stored).map_err(failed)?;
    let len = source.stored();
    let content = if source.is_compressed() {
        // A damaged one has the beginning that comes before the damage.
        let (mut content, mut piece) = (Vec::new(), [0; 4096]);
        while content.len() < MOST
            && let Ok(read @ 1..) = Read::read(&mut source, &mut piece)
        {
            content.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
        content
    } else {
        stored.clone()
    };
    Ok(Head { stored, content, len })
}

/// The bytes of a file, unpacked if it is compressed by gzip, each of them read.
///
/// # Errors
///
/// One sentence if it cannot be read, or is cut off or damaged.
pub(crate) fn unpacked(path: &Path) -> Result<u64> {
    let mut source = Source::open(path)?;
    let (mut bytes, mut piece) = (0, vec![0; 1 << 16]);
    loop {
        match source.fill(&mut piece)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}
