//! NumPy arrays as samples, and the other way round.

use std::sync::Arc;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use wta::{Dataset, Shape};

use crate::error::raised;

/// Channels, rows and columns.
pub(crate) type Sides = (usize, usize, usize);

pub(crate) fn shape_of((channels, height, width): Sides) -> Shape {
    Shape::new(channels, height, width)
}

pub(crate) fn sides_of(shape: Shape) -> Sides {
    (shape.channels, shape.height, shape.width)
}

/// An array that is read while Python does something else.
struct Numbers {
    numbers: &'static [f32],
    /// Keeps the numbers in their place.
    _array: Py<PyAny>,
}

impl AsRef<[f32]> for Numbers {
    fn as_ref(&self) -> &[f32] {
        self.numbers
    }
}

/// Samples in an array of `float32` without gaps, sample by sample, each `height x width x channels`, with
/// labels or without. The array stays where it is.
pub(crate) fn samples(
    array: &PyReadonlyArrayDyn<'_, f32>,
    shape: Sides,
    labels: Option<&PyReadonlyArray1<'_, u16>>,
) -> PyResult<Dataset> {
    let (channels, height, width) = shape;
    let width_of_rows: usize = array.shape().iter().skip(1).product();
    if channels.checked_mul(height).and_then(|len| len.checked_mul(width)) != Some(width_of_rows) {
        return Err(PyValueError::new_err(format!(
            "the array has rows of {width_of_rows} numbers, which are not {channels} x {height} x {width}"
        )));
    }
    let numbers = array.as_slice().map_err(|_| PyValueError::new_err("the array has gaps"))?;
    // SAFETY: the array owns the numbers, and a reference to it lies beside them. Nothing in this package
    // writes into arrays that it was handed; that the caller does not either while a function of it runs is
    // what every function on arrays asks that releases the interpreter's lock, those of NumPy included. A
    // number that changes meanwhile makes a wrong result, not an access out of bounds, because the length of
    // an array with references from outside cannot change.
    let numbers: &'static [f32] = unsafe { std::slice::from_raw_parts(numbers.as_ptr(), numbers.len()) };
    let held = Numbers { numbers, _array: array.as_any().clone().unbind() };
    let data = Dataset::from_held(shape_of(shape), Arc::new(held)).map_err(raised)?;
    match labels {
        None => Ok(data),
        Some(labels) => data.with_labels(labels.as_array().to_vec()).map_err(raised),
    }
}

/// Numbers as an array of these dimensions.
pub(crate) fn array(py: Python<'_>, numbers: Vec<f32>, dimensions: &[usize]) -> PyResult<Py<PyAny>> {
    let flat = PyArray1::from_vec(py, numbers);
    Ok(flat.reshape(dimensions.to_vec())?.into_any().unbind())
}
