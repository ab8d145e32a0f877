//! Features as a `.npy` file.

use npyz::WriterBuilder;

use super::encoder::FeatureEncoder;
use crate::error::{Error, Result};
use crate::files::atomic::AtomicFile;
use crate::layout::channels_first;
use crate::preprocess::Samples;

/// Writes the features of all samples to a file as a `.npy` array of float32 and returns its dimensions:
/// images x maps x rows x columns, or images x units for a fully-connected network.
///
/// # Errors
///
/// As for [`FeatureEncoder::run`]; [`Error::Io`] if the file cannot be written.
pub fn write_npy(
    encoder: &FeatureEncoder,
    samples: &Samples<'_>,
    mut file: AtomicFile,
) -> Result<Vec<usize>> {
    let shape = encoder.shape();
    let mut dimensions = vec![samples.len(), shape.channels];
    if !encoder.gives_vectors() {
        dimensions.extend([shape.height, shape.width]);
    }
    let sizes: Vec<u64> = dimensions.iter().map(|d| *d as u64).collect();
    let name = file.name().to_path_buf();
    let failed = |error| Error::io("write", &name, error);
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&sizes)
        .writer(&mut file)
        .begin_nd()
        .map_err(failed)?;
    encoder.run(samples, |features| writer.extend(channels_first(shape, features)).map_err(failed))?;
    writer.finish().map_err(failed)?;
    file.commit()?;
    Ok(dimensions)
}
