//! MATLAB's level-5 files, as far as data sets need them: numeric arrays, plain or compressed, in either byte
//! order.
//!
//! A file is a header of 128 bytes followed by elements; each has a tag (type and length) and data. The data
//! of an array are elements again: flags, dimensions, name, numbers. The data of a compressed element are a
//! zlib stream that holds one element. Arrays are handed out as streams, so that none has to fit into memory.
//! No length is trusted before its bytes have been read.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use flate2::read::ZlibDecoder;

use crate::data::source::Source;
use crate::error::{Error, Result};

/// The types of elements.
mod element {
    pub(super) const MATRIX: u32 = 14;
    pub(super) const COMPRESSED: u32 = 15;
    pub(super) const UINT8: u32 = 2;
}

/// The class of arrays of bytes. All numeric classes go from double to 64-bit integers.
const CLASS_UINT8: u8 = 9;
const CLASSES_NUMERIC: std::ops::RangeInclusive<u8> = 6..=15;

/// No data set here has arrays of more dimensions.
const MOST_DIMENSIONS: usize = 8;

/// More than MATLAB allows for a name, but few enough to read safely.
const MOST_NAME: u32 = 1024;

/// The byte order of numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }
}

/// An array whose numbers have not been read yet.
pub(super) struct Array<'a> {
    /// Its name.
    pub(super) name: String,
    /// Rows, columns and so on; the first dimension varies fastest.
    pub(super) dimensions: Vec<usize>,
    /// Whether the numbers are bytes, both in MATLAB and in the file.
    pub(super) is_bytes: bool,
    /// The type of its numbers in the file.
    stored: u32,
    order: Order,
    /// The length of the numbers in bytes.
    len: u64,
    data: &'a mut dyn Read,
    file: &'a Path,
}

/// Calls `visit` with each numeric array of a file, in the file's order. Numbers that `visit` does not read
/// are skipped.
pub(super) fn read(
    mut source: Source<'_>,
    mut visit: impl FnMut(&mut Array<'_>) -> Result<()>,
) -> Result<()> {
    let file = source.name().to_path_buf();
    let refuse = |problem: &str| Err(Error::file(&file, problem));
    if source.stored() == 0 {
        return refuse("is empty; get the file again");
    }
    let mut header = [0; 128];
    let filled = source.fill(&mut header)?;
    if header.starts_with(b"MATLAB 7.3") {
        return refuse("is of MATLAB 7.3, which is another format (HDF5); save it with -v7");
    }
    let order = match header {
        [.., 0, 1, b'I', b'M'] if filled == header.len() => Order::Little,
        [.., 1, 0, b'M', b'I'] if filled == header.len() => Order::Big,
        _ if header.starts_with(b"MATLAB 5.0") && filled < header.len() => {
            return refuse("is cut off inside its header; get the file again");
        }
        _ => return refuse("is not a MATLAB 5 file; get the file again"),
    };
    let most = source.most();
    loop {
        let mut tag = [0; 8];
        match source.fill(&mut tag)? {
            0 => return Ok(()),
            8 => {}
            _ => return refuse("is cut off inside an element; get the file again"),
        }
        let [kind, len] = words(order, tag);
        if u64::from(len) > most {
            return refuse("is cut off: an element is longer than the file; get the file again");
        }
        let mut data = source.by_ref().take(u64::from(len));
        match kind {
            element::COMPRESSED => {
                let mut inflated = ZlibDecoder::new(&mut data);
                let tag: [u8; 8] = exact(&mut inflated, &file)?;
                let [kind, len] = words(order, tag);
                if kind == element::MATRIX {
                    matrix(&mut inflated, u64::from(len), order, &file, &mut visit)?;
                }
                // Reads to the end of the stream, where its checksum is.
                finish(&mut inflated, &file)?;
            }
            element::MATRIX => matrix(&mut data, u64::from(len), order, &file, &mut visit)?,
            _ => {}
        }
        finish(&mut data, &file)?;
        if data.limit() > 0 {
            return refuse("is cut off inside an element; get the file again");
        }
        // Compressed elements are not padded.
        let padding = if kind == element::COMPRESSED { 0 } else { (8 - len % 8) % 8 };
        finish(&mut source.by_ref().take(u64::from(padding)), &file)?;
    }
}

/// Reads an array's description and calls `visit` with it. `len` is the promised length in bytes.
fn matrix(
    data: &mut dyn Read,
    len: u64,
    order: Order,
    file: &Path,
    visit: &mut impl FnMut(&mut Array<'_>) -> Result<()>,
) -> Result<()> {
    let refuse = |problem: &str| Err(Error::file(file, problem));
    // An empty array.
    if len == 0 {
        return Ok(());
    }
    let mut data = data.take(len);
    let flags = small(&mut data, order, 8, file)?;
    let [flags, ..] = *flags.as_chunks().0 else {
        return refuse("has an array without flags; get the file again");
    };
    let flags = order.u32(flags);
    let (class, complex) = (flags as u8, flags & 0x0800 != 0);
    if !CLASSES_NUMERIC.contains(&class) {
        return Ok(());
    }
    let sizes = small(&mut data, order, 4 * MOST_DIMENSIONS as u32, file)?;
    let dimensions: Vec<usize> = sizes.as_chunks().0.iter().map(|size| order.u32(*size) as usize).collect();
    let name = small(&mut data, order, MOST_NAME, file)?;
    let name = String::from_utf8_lossy(&name).into_owned();
    let (stored, len, start) = tag(&mut data, order, file)?;
    let Some(size) = size_of_type(stored).filter(|_| !complex) else {
        return refuse(&format!(
            "has an array {name} of complex numbers or of an unknown type; save real numbers"
        ));
    };
    let numbers = dimensions.iter().try_fold(1u64, |all, size| all.checked_mul(*size as u64));
    if numbers.and_then(|numbers| numbers.checked_mul(size)) != Some(len) {
        return refuse(&format!(
            "has an array {name} whose dimensions do not fit its length; get the file again"
        ));
    }
    let is_bytes = class == CLASS_UINT8 && stored == element::UINT8;
    let data: &mut dyn Read = &mut io::Cursor::new(start).take(len).chain(data);
    visit(&mut Array { name, dimensions, is_bytes, stored, order, len, data, file })
}

impl Array<'_> {
    /// Fills a buffer with the next bytes of the array.
    pub(super) fn fill(&mut self, to: &mut [u8]) -> Result<()> {
        self.data.read_exact(to).map_err(|error| failure(self.file, error))
    }

    /// Calls `each` with every number.
    pub(super) fn numbers(&mut self, mut each: impl FnMut(f64) -> Result<()>) -> Result<()> {
        let size = size_of_type(self.stored).unwrap_or(1);
        let mut bytes = [0; 8];
        let bytes = bytes.get_mut(..size as usize).unwrap_or_default();
        for _ in 0..self.len / size {
            self.data.read_exact(bytes).map_err(|error| failure(self.file, error))?;
            each(self.number(bytes))?;
        }
        Ok(())
    }

    /// The number in these bytes.
    fn number(&self, bytes: &[u8]) -> f64 {
        let mut wide = [0; 8];
        // The lowest byte first.
        for (index, to) in wide.iter_mut().enumerate().take(bytes.len()) {
            let from = if self.order == Order::Little { index } else { bytes.len() - 1 - index };
            *to = bytes.get(from).copied().unwrap_or(0);
        }
        let unsigned = u64::from_le_bytes(wide);
        let spare = 64 - 8 * bytes.len().min(8) as u32;
        let signed = (unsigned.checked_shl(spare).unwrap_or(0) as i64) >> spare.min(63);
        match self.stored {
            7 => f64::from(f32::from_bits(unsigned as u32)),
            9 => f64::from_bits(unsigned),
            1 | 3 | 5 | 12 => signed as f64,
            _ => unsigned as f64,
        }
    }
}

/// The bytes of a number of this type; `None` if the type is not numeric.
fn size_of_type(kind: u32) -> Option<u64> {
    match kind {
        1 | 2 => Some(1),
        3 | 4 => Some(2),
        5..=7 => Some(4),
        9 | 12 | 13 => Some(8),
        _ => None,
    }
}

fn words(order: Order, tag: [u8; 8]) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = tag;
    [order.u32([a, b, c, d]), order.u32([e, f, g, h])]
}

/// A tag: type, length and, for a small element, the data in the tag itself.
fn tag(data: &mut dyn Read, order: Order, file: &Path) -> Result<(u32, u64, Vec<u8>)> {
    let tag: [u8; 8] = exact(data, file)?;
    let [first, second] = words(order, tag);
    let [.., a, b, c, d] = tag;
    match first >> 16 {
        0 => Ok((first, u64::from(second), Vec::new())),
        len => Ok((first & 0xffff, u64::from(len.min(4)), vec![a, b, c, d])),
    }
}

/// The data of a whole element of at most `most` bytes.
fn small(data: &mut dyn Read, order: Order, most: u32, file: &Path) -> Result<Vec<u8>> {
    let (_, len, mut bytes) = tag(data, order, file)?;
    if len > u64::from(most) {
        return Err(Error::file(file, "has an array with an absurd description; get the file again"));
    }
    if bytes.is_empty() {
        bytes = vec![0; len.next_multiple_of(8) as usize];
        data.read_exact(&mut bytes).map_err(|error| failure(file, error))?;
    }
    bytes.truncate(len as usize);
    Ok(bytes)
}

fn exact<const N: usize>(data: &mut dyn Read, file: &Path) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    data.read_exact(&mut bytes).map_err(|error| failure(file, error))?;
    Ok(bytes)
}

/// Reads the rest and drops it.
fn finish(data: &mut dyn Read, file: &Path) -> Result<()> {
    io::copy(data, &mut io::sink()).map(|_| ()).map_err(|error| failure(file, error))
}

fn failure(file: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::file(file, "is cut off inside an element; get the file again"),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            Error::file(file, format!("is damaged ({error}); get the file again"))
        }
        _ => Error::io("read", file, error),
    }
}
