//! Codes as a `.npy` file. What is too large to be held in memory is written part by part, each to its place.

use std::io::{self, Write};

use npyz::WriterBuilder;

use super::written::{Part, Written};
use crate::error::{Error, Result};
use crate::files::atomic::AtomicFile;
use crate::preprocess::Samples;

/// Writes what there is of all samples to a file as a `.npy` array of float32, and returns its dimensions:
/// the number of samples, then those of [`Written::dimensions`].
///
/// # Errors
///
/// As for [`Written::run`]; [`Error::Io`] if the file cannot be written.
pub fn write_npy(written: &dyn Written, samples: &Samples<'_>, mut file: AtomicFile) -> Result<Vec<usize>> {
    let dimensions = [vec![samples.len()], written.dimensions()].concat();
    let sizes: Vec<u64> = dimensions.iter().map(|d| *d as u64).collect();
    let name = file.name().to_path_buf();
    let failed = |error| Error::io("write", &name, error);
    let options = npyz::WriteOptions::new().default_dtype().shape(&sizes);
    if written.has_parts() && file.seek_to(0).map_err(failed)? {
        let mut header = Vec::new();
        drop(npyz::WriterBuilder::<f32>::begin_nd(options.writer(&mut header)).map_err(failed)?);
        file.write_all(&header).map_err(failed)?;
        let maps = sizes.get(1).copied().unwrap_or(1);
        let positions = sizes.iter().skip(2).product();
        let mut parts = Parts { file, start: header.len() as u64, maps, positions, bytes: Vec::new() };
        written.run_in_parts(samples, &mut |part| parts.write(part).map_err(failed))?;
        parts.file.commit()?;
        return Ok(dimensions);
    }
    let mut writer = options.writer(&mut file).begin_nd().map_err(failed)?;
    written.run(samples, &mut |values| writer.extend(values.iter().copied()).map_err(failed))?;
    writer.finish().map_err(failed)?;
    file.commit()?;
    Ok(dimensions)
}

/// A file that is written part by part: sample after sample, map after map.
struct Parts {
    file: AtomicFile,
    /// Where the first number lies.
    start: u64,
    maps: u64,
    positions: u64,
    bytes: Vec<u8>,
}

impl Parts {
    fn write(&mut self, part: Part<'_>) -> io::Result<()> {
        for map in 0..self.maps {
            let values = part.values.iter().skip(map as usize).step_by((self.maps as usize).max(1));
            self.bytes.clear();
            values.for_each(|v| self.bytes.extend_from_slice(&v.to_le_bytes()));
            let number = (part.sample as u64 * self.maps + map) * self.positions + part.position as u64;
            self.file.seek_to(self.start + number * size_of::<f32>() as u64)?;
            self.file.write_all(&self.bytes)?;
        }
        Ok(())
    }
}
