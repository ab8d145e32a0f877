//! Arrays in a `.npz` archive, which is a zip file of `.npy` files.
//!
//! An array that is stored as it is (`numpy.savez`) is read where it lies. A compressed one
//! (`numpy.savez_compressed`) is first unpacked into a temporary file without a name.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::header::Header;
use super::npy::npy;
use crate::error::{Error, Result};

/// The most bytes that one byte of deflate can become.
const MOST_INFLATION: u64 = 1032;

/// The first bytes of every zip file that is not empty.
pub(super) const MAGIC: &[u8; 4] = b"PK\x03\x04";

/// The names of the arrays in an archive, without `.npy`, in the order of the file.
pub(super) fn names(path: &Path) -> Result<Vec<String>> {
    let archive = open(path)?;
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(|error| damaged(path, &error))?;
        names.extend(name.strip_suffix(".npy").map(str::to_owned));
    }
    Ok(names)
}

/// The header of an array, and the file that holds its numbers.
pub(super) fn array(path: &Path, name: &str) -> Result<(Header, File)> {
    let mut archive = open(path)?;
    let member = archive.by_name(&format!("{name}.npy")).map_err(|error| damaged(path, &error))?;
    let refuse = |problem: String| Error::file(path.join(name), problem);
    let (size, packed) = (member.size(), member.compressed_size());
    match member.compression() {
        CompressionMethod::Stored => {
            let start = member.data_start().ok_or_else(|| damaged(path, &"no data"))?;
            drop(member);
            let failed = |error| Error::io("read", path, error);
            let mut file = File::open(path).map_err(failed)?;
            let there = file.metadata().map_err(failed)?.len().saturating_sub(start);
            if size > there {
                return Err(refuse("is cut off; write the archive again".to_owned()));
            }
            file.seek(SeekFrom::Start(start)).map_err(failed)?;
            let header = npy(&mut BufReader::new(&file), size).map_err(refuse)?;
            Ok((Header { start: start + header.start, ..header }, file))
        }
        CompressionMethod::Deflated => {
            if size > packed.saturating_mul(MOST_INFLATION).saturating_add(MOST_INFLATION) {
                return Err(refuse(format!(
                    "cannot be {size} bytes long, as the archive says; write it again"
                )));
            }
            unpack(path, member.take(size), size).and_then(|(mut file, len)| {
                if len != size {
                    return Err(refuse("is shorter than the archive says; write it again".to_owned()));
                }
                file.seek(SeekFrom::Start(0)).map_err(|error| Error::io("read", path, error))?;
                let header = npy(&mut BufReader::new(&file), size).map_err(refuse)?;
                Ok((header, file))
            })
        }
        other => Err(refuse(format!("is compressed by {other}; write the archive again with numpy.savez"))),
    }
}

/// Calls `each` with the name, the length and the bytes of each member, in the order of the file. All bytes
/// are read, and so the checksums compared.
pub(super) fn each(path: &Path, mut each: impl FnMut(&str, u64, &mut dyn Read) -> Result<()>) -> Result<()> {
    let mut archive = open(path)?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| damaged(path, &error))?;
        let name = member.name().map_err(|error| damaged(path, &error))?.into_owned();
        let size = member.size();
        each(&name, size, &mut member)?;
        io::copy(&mut member, &mut io::sink()).map_err(|error| damaged(path, &error))?;
    }
    Ok(())
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(path, &error))
}

/// Unpacks into a temporary file; returns how many bytes came.
fn unpack(path: &Path, mut from: impl Read, size: u64) -> Result<(File, u64)> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile());
    let failed = |error: io::Error| {
        Error::file(path, format!("cannot be unpacked into a temporary file of {size} bytes: {error}"))
    };
    let mut file = io::BufWriter::with_capacity(1 << 20, file.map_err(failed)?);
    let len = io::copy(&mut from, &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok((file.into_inner().map_err(|error| failed(error.into_error()))?, len))
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::file(path, format!("is no whole .npz archive ({error}); write it again"))
}
