//! Preprocessing steps on their own.

use std::collections::BTreeMap;

use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;
use wta::Isa;
use wta::preprocess::{Preprocess, Preprocessor, Samples, fit};

use crate::arrays::{Sides, array, samples, shape_of, sides_of};
use crate::error::raised;
use crate::recipe::Recipe;
use crate::work;

/// The steps of a recipe with what they have learnt.
#[pyclass(frozen, module = "wta_learn._engine")]
pub(crate) struct Steps {
    recipe: wta::Recipe,
    learnt: Preprocess,
}

#[pymethods]
impl Steps {
    /// Learns a recipe's steps from samples.
    #[staticmethod]
    #[pyo3(signature = (recipe, array, shape, *, threads))]
    fn fit(
        py: Python<'_>,
        recipe: &Bound<'_, Recipe>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
    ) -> PyResult<Self> {
        let (data, recipe) = (samples(&array, shape, None)?, recipe.get().recipe.clone());
        let learnt = work::run(py, threads, None, |observer| {
            fit(Isa::detect(), &recipe, &Samples::new(&recipe, data)?, observer)
        })?;
        Ok(Self { recipe, learnt })
    }

    /// The steps that have learnt these [`numbers`](Self::numbers).
    #[staticmethod]
    fn of_numbers(
        recipe: &Bound<'_, Recipe>,
        shape: Sides,
        numbers: BTreeMap<String, Vec<f32>>,
    ) -> PyResult<Self> {
        let recipe = recipe.get().recipe.clone();
        let shape = shape_of(shape);
        let learnt = Preprocess::of_tensors(&recipe, shape, &numbers).map_err(raised)?;
        Ok(Self { recipe, learnt })
    }

    /// For pickle.
    #[allow(clippy::type_complexity, reason = "what pickle asks for")]
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Recipe, Sides, BTreeMap<String, Vec<f32>>))> {
        let Self { recipe, learnt } = slf.get();
        let (recipe, shape) = (Recipe { recipe: recipe.clone() }, learnt.shape());
        let numbers = learnt.tensors().into_iter().map(|tensor| (tensor.name, tensor.values)).collect();
        let shape = sides_of(shape);
        Ok((slf.get_type().getattr("of_numbers")?, (recipe, shape, numbers)))
    }

    /// What the steps have learnt, by the names of `preprocess.safetensors`.
    fn numbers(&self, py: Python<'_>) -> PyResult<BTreeMap<String, Py<PyAny>>> {
        let tensors = self.learnt.tensors();
        tensors.into_iter().map(|t| Ok((t.name, array(py, t.values, &t.shape)?))).collect()
    }

    /// The samples as the steps leave them: sample by sample, each `height x width x channels`.
    #[pyo3(signature = (array, shape, *, threads))]
    fn apply(
        &self,
        py: Python<'_>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
    ) -> PyResult<Py<PyAny>> {
        let data = samples(&array, shape, None)?;
        let (count, len) = (data.len(), data.image_len());
        let numbers = work::run(py, threads, None, |observer| {
            let image = data.shape();
            let preprocessor = Preprocessor::for_images(Isa::detect(), &self.learnt, image)?;
            let samples = Samples::new(&self.recipe, data)?;
            let mut numbers = wta::memory::with_capacity(count * len, || "the result".to_owned())?;
            numbers.resize(count * len, 0.0);
            work::on_samples(count, 1, observer, |range| {
                let to = numbers.get_mut(range.start * len..range.end * len).unwrap_or_default();
                samples.write_images(&preprocessor, &range.collect::<Vec<usize>>(), to)
            })?;
            Ok(numbers)
        })?;
        crate::arrays::array(py, numbers, &[count, len])
    }
}
