//! The digits that come with the package.

use numpy::PyArray1;
use pyo3::prelude::*;

use crate::arrays::array;
use crate::error::raised;

/// Pixels (n x 1 x 28 x 28, 0 to 255) and labels.
#[pyfunction]
pub(crate) fn digits(py: Python<'_>, test: bool) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
    let digits = wta::data::digits().map_err(raised)?;
    let data = if test { digits.test } else { digits.train };
    let mut pixels = vec![0.0; data.len() * data.image_len()];
    let images = pixels.chunks_exact_mut(data.image_len().max(1)).enumerate();
    images.into_iter().try_for_each(|(index, image)| data.write(index, 1.0, image)).map_err(raised)?;
    let dimensions = [data.len(), data.channels, data.height, data.width];
    let labels = PyArray1::from_vec(py, data.labels.unwrap_or_default());
    Ok((array(py, pixels, &dimensions)?, labels.into_any().unbind()))
}
