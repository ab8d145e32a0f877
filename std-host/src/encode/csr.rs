//! Codes as a sparse matrix in a `.npz` archive, as `scipy.sparse.load_npz` reads it (CSR).

use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use npyz::{DType, WriterBuilder};
use tempfile::SpooledTempFile;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::written::Written;
use crate::error::{Error, Result};
use crate::files::atomic::AtomicFile;
use crate::preprocess::Samples;

/// How much of the values and of their columns stays in memory before it goes to a temporary file.
const IN_MEMORY: usize = 64 << 20;

/// The size from which a member of an archive needs 64-bit lengths, with room for its header.
const LARGE: u64 = u32::MAX as u64 - (1 << 16);

/// The order of the columns, for the archive's member `feature_order`.
const ORDER: &[u8] = b"map, row, column";

/// Writes what is not 0 of all samples to a file, a row of the matrix for each sample, and returns its rows,
/// its columns and how many values it has. A column is a feature, map after map and row by row in each map.
///
/// # Errors
///
/// As for [`Written::run`]; [`Error::Io`] if the file or a temporary one cannot be written,
/// [`Error::Invalid`] if there are more than 2^31 - 1 columns.
pub fn write_csr(
    written: &dyn Written,
    samples: &Samples<'_>,
    mut file: AtomicFile,
) -> Result<(usize, usize, u64)> {
    let columns: usize = written.dimensions().iter().product();
    if i32::try_from(columns).is_err() {
        return Err(Error::Invalid(format!("{columns} features are too many for a sparse matrix")));
    }
    let mut spool = Spool::new();
    written.run(samples, &mut |features| {
        features.chunks_exact(columns.max(1)).try_for_each(|row| spool.push(row)).map_err(spool_failed)
    })?;
    let (rows, count) = (samples.len(), spool.count);
    let name = file.name().to_path_buf();
    spool.write([rows as i64, columns as i64], &mut file).map_err(|error| match error {
        Failed::Spool(error) => spool_failed(error),
        Failed::File(error) => Error::io("write", &name, error),
    })?;
    file.commit()?;
    Ok((rows, columns, count))
}

fn spool_failed(error: io::Error) -> Error {
    Error::io("write or read", "a temporary file for the codes", error)
}

/// The matrix on its way: how many values there are is known at the end only, and stands before them.
struct Spool {
    values: BufWriter<SpooledTempFile>,
    columns: BufWriter<SpooledTempFile>,
    /// Where each row begins, and where the last one ends.
    starts: Vec<i64>,
    count: u64,
}

/// Which side failed.
enum Failed {
    Spool(io::Error),
    File(io::Error),
}

impl Spool {
    fn new() -> Self {
        let spooled = || BufWriter::new(tempfile::spooled_tempfile(IN_MEMORY));
        Self { values: spooled(), columns: spooled(), starts: vec![0], count: 0 }
    }

    fn push(&mut self, row: &[f32]) -> io::Result<()> {
        for (column, value) in (0u32..).zip(row).filter(|(_, value)| **value != 0.0) {
            self.columns.write_all(&column.to_le_bytes())?;
            self.values.write_all(&value.to_le_bytes())?;
            self.count += 1;
        }
        self.starts.push(self.count as i64);
        Ok(())
    }

    /// Writes the archive, in the order and with the names of scipy.
    fn write(self, shape: [i64; 2], file: &mut AtomicFile) -> std::result::Result<(), Failed> {
        let mut archive = ZipWriter::new_stream(file);
        let written = self.members(shape, &mut archive);
        // Also after an error, so that the archive is not finished a second time when it is dropped.
        let finished = archive.finish().map(drop).map_err(|error| Failed::File(error.into()));
        written.and(finished)
    }

    fn members(
        self,
        shape: [i64; 2],
        archive: &mut ZipWriter<StreamWriter<&mut AtomicFile>>,
    ) -> std::result::Result<(), Failed> {
        let Self { values, columns, starts, count } = self;
        let wide = count > i32::MAX as u64;
        let columns = words(columns)?;
        if wide {
            member(
                archive,
                "indices",
                &[count],
                columns.map(|word| word.map(|word| i64::from(u32::from_le_bytes(word)))),
            )?;
            member(archive, "indptr", &[starts.len() as u64], starts.into_iter().map(Ok))?;
        } else {
            member(archive, "indices", &[count], columns.map(|word| word.map(i32::from_le_bytes)))?;
            member(
                archive,
                "indptr",
                &[starts.len() as u64],
                starts.into_iter().map(|start| Ok(start as i32)),
            )?;
        }
        text(archive, "format", b"csr")?;
        member(archive, "shape", &[2], shape.into_iter().map(Ok))?;
        member(archive, "data", &[count], words(values)?.map(|word| word.map(f32::from_le_bytes)))?;
        text(archive, "feature_order", ORDER)
    }
}

/// What was spooled, in words of 32 bits.
fn words(
    spooled: BufWriter<SpooledTempFile>,
) -> std::result::Result<impl Iterator<Item = io::Result<[u8; 4]>>, Failed> {
    let mut spooled = spooled.into_inner().map_err(|error| Failed::Spool(error.into_error()))?;
    let len = spooled.stream_position().map_err(Failed::Spool)?;
    spooled.rewind().map_err(Failed::Spool)?;
    let mut reader = BufReader::new(spooled);
    Ok((0..len / 4).map(move |_| {
        let mut word = [0; 4];
        reader.read_exact(&mut word).map(|()| word)
    }))
}

/// Begins a member of the archive that will have so many bytes.
fn begin(
    archive: &mut ZipWriter<StreamWriter<&mut AtomicFile>>,
    name: &str,
    bytes: u64,
) -> std::result::Result<(), Failed> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let options = options.large_file(bytes >= LARGE);
    archive.start_file(format!("{name}.npy"), options).map_err(|error| Failed::File(error.into()))
}

/// Writes an array as a member of the archive.
fn member<T: npyz::AutoSerialize>(
    archive: &mut ZipWriter<StreamWriter<&mut AtomicFile>>,
    name: &str,
    shape: &[u64],
    values: impl Iterator<Item = io::Result<T>>,
) -> std::result::Result<(), Failed> {
    begin(archive, name, shape.iter().product::<u64>() * size_of::<T>() as u64)?;
    let options = npyz::WriteOptions::new().default_dtype().shape(shape);
    let mut writer = options.writer(archive).begin_nd().map_err(Failed::File)?;
    for value in values {
        writer.push(&value.map_err(Failed::Spool)?).map_err(Failed::File)?;
    }
    writer.finish().map_err(Failed::File)
}

/// Writes a text without dimensions as a member of the archive.
fn text(
    archive: &mut ZipWriter<StreamWriter<&mut AtomicFile>>,
    name: &str,
    text: &[u8],
) -> std::result::Result<(), Failed> {
    begin(archive, name, text.len() as u64)?;
    let kind = format!("|S{}", text.len());
    let kind = kind.parse().map_err(|_| Failed::File(io::ErrorKind::InvalidInput.into()))?;
    let options = npyz::WriteOptions::<[u8]>::new().dtype(DType::Plain(kind)).shape(&[]);
    let mut writer = options.writer(archive).begin_nd().map_err(Failed::File)?;
    writer.push(text).map_err(Failed::File)?;
    writer.finish().map_err(Failed::File)
}
