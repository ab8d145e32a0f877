//! Classifying with the classifier of a run folder.

use std::path::PathBuf;

use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;
use wta::Isa;
use wta::evaluate::Predictor;
use wta::preprocess::Samples;
use wta::run::Run;

use crate::arrays::{Sides, array, samples};
use crate::work;

/// The names of the samples' classes, and the score of each class.
#[pyfunction]
pub(crate) fn predict(
    py: Python<'_>,
    folder: PathBuf,
    from: PyReadonlyArrayDyn<'_, f32>,
    shape: Sides,
    threads: usize,
) -> PyResult<(Vec<String>, Py<PyAny>)> {
    let data = samples(&from, shape, None)?;
    let (names, scores, dimensions) = work::run(py, threads, None, |observer| {
        let predictor = Predictor::open(Isa::detect(), &Run::new(folder), data.shape())?;
        let samples = Samples::new(predictor.recipe(), data)?;
        let (mut names, mut all) = (Vec::new(), Vec::new());
        work::on_samples(samples.len(), 1, observer, |range| {
            predictor.run_range(&samples, range, |_, class, scores| {
                names.push(predictor.classes().name(class).to_owned());
                all.extend(scores.iter().map(|score| *score as f32));
                Ok(())
            })
        })?;
        Ok((names, all, [samples.len(), predictor.classes().len()]))
    })?;
    Ok((names, array(py, scores, &dimensions)?))
}
