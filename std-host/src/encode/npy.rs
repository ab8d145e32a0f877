//! Codes as a `.npy` file.

use npyz::WriterBuilder;

use super::written::Written;
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
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&sizes)
        .writer(&mut file)
        .begin_nd()
        .map_err(failed)?;
    written.run(samples, &mut |values| writer.extend(values.iter().copied()).map_err(failed))?;
    writer.finish().map_err(failed)?;
    file.commit()?;
    Ok(dimensions)
}
