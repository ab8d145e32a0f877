//! Trained networks: train, load, save, encode.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use numpy::{PyReadonlyArray1, PyReadonlyArrayDyn};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wta::encode::{FeatureEncoder, Part, Reconstruction, TrainedCode, Written};
use wta::preprocess::Samples;
use wta::run::model::{Tensor, tensors_of};
use wta::run::{Run, SampleKind};
use wta::train::{Options, train, train_into};
use wta::{Isa, Trained};

use crate::arrays::{Sides, array, samples, shape_of, sides_of};
use crate::error::raised;
use crate::export;
use crate::recipe::Recipe;
use crate::work;

/// The files of a folder, by their paths.
type Files<'py> = BTreeMap<String, Bound<'py, PyBytes>>;

/// A trained network, and what its samples were.
#[pyclass(frozen, module = "wta_learn._engine")]
pub(crate) struct Network {
    trained: Trained,
    kind: SampleKind,
    checksum: u32,
}

/// What is computed of each sample.
#[derive(Clone, Copy)]
enum Wanted {
    Features,
    Codes,
    Reconstructions,
}

#[pymethods]
impl Network {
    /// Trains a recipe; into a run folder if there is one.
    #[staticmethod]
    #[allow(clippy::too_many_arguments, reason = "named where it is called")]
    #[pyo3(signature = (recipe, array, shape, *, labels, run, resume, begin, memory, threads, watcher))]
    fn train(
        py: Python<'_>,
        recipe: &Bound<'_, Recipe>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        labels: Option<PyReadonlyArray1<'_, u16>>,
        run: Option<PathBuf>,
        resume: bool,
        begin: Option<PathBuf>,
        memory: Option<usize>,
        threads: usize,
        watcher: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let data = samples(&array, shape, labels.as_ref())?;
        let recipe = &recipe.get().recipe;
        let begin = begin.map(Run::new);
        work::run(py, threads, watcher.as_ref(), |observer| {
            let samples = Samples::new(recipe, data)?;
            expect_memory(recipe, samples.image_shape())?;
            let memory = memory.unwrap_or(Options::MEMORY);
            let options = Options { memory, from: begin.as_ref(), ..Options::default() };
            let (trained, _) = match &run {
                Some(run) => train_into(&Run::new(run), resume, recipe, &samples, options, observer)?,
                None => train(recipe, &samples, options, observer)?,
            };
            Ok(Self::new(trained, SampleKind::of(&samples)?))
        })
    }

    /// The network of a run folder, for samples of the shape that it learnt from or of another one.
    #[staticmethod]
    #[pyo3(signature = (folder, shape))]
    fn load(folder: PathBuf, shape: Option<Sides>) -> PyResult<Self> {
        let run = Run::new(&folder);
        let (kind, known) = (run.sample().map_err(raised)?, run.sample_shape().map_err(raised)?);
        let shape = shape.map(shape_of).or(known).ok_or_else(|| {
            let folder = folder.display();
            PyValueError::new_err(format!("{folder}: does not say the shape of its samples; give shape"))
        })?;
        let kind = kind.unwrap_or_else(|| SampleKind {
            shape,
            form: wta::data::Form::of(shape),
            classes: wta::data::Classes::default(),
            count: None,
            fingerprint: None,
        });
        Ok(Self::new(Trained::open(&run, shape).map_err(raised)?, kind))
    }

    /// Writes a run folder.
    fn save(&self, folder: PathBuf) -> PyResult<()> {
        self.trained.save(&Run::new(folder), &self.kind).map_err(raised)
    }

    /// For pickle.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Files<'py>,))> {
        let files = slf.get().files(slf.py())?;
        Ok((slf.get_type().getattr("of_files")?, (files,)))
    }

    /// The files of a run folder by their paths, without what only goes on training needs.
    fn files<'py>(&self, py: Python<'py>) -> PyResult<Files<'py>> {
        let folder = temporary()?;
        self.save(folder.path().join("run"))?;
        let mut files = BTreeMap::new();
        collect(py, &folder.path().join("run"), "", &mut files)?;
        Ok(files)
    }

    /// The network whose [`files`](Self::files) these are.
    #[staticmethod]
    fn of_files(files: BTreeMap<String, Vec<u8>>) -> PyResult<Self> {
        let folder = temporary()?;
        for (path, bytes) in &files {
            let is_plain = path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
            let path = folder.path().join(path);
            let parent = path.parent().filter(|_| is_plain);
            let parent = parent.ok_or_else(|| PyValueError::new_err("not the state of a network"))?;
            fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(PyOSError::new_err)?;
        }
        Self::load(folder.path().to_owned(), None)
    }

    /// The features of samples, pooled, maps first; and their dimensions of a sample.
    fn encode(
        &self,
        py: Python<'_>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
    ) -> PyResult<Py<PyAny>> {
        self.written(py, &array, shape, threads, Wanted::Features)
    }

    /// The codes of samples with exactly the winners of training.
    fn codes(
        &self,
        py: Python<'_>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
    ) -> PyResult<Py<PyAny>> {
        self.written(py, &array, shape, threads, Wanted::Codes)
    }

    /// What the network makes of samples, from their winners.
    fn reconstruct(
        &self,
        py: Python<'_>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
    ) -> PyResult<Py<PyAny>> {
        self.written(py, &array, shape, threads, Wanted::Reconstructions)
    }

    /// The parameters of the last layer by the names of `model.safetensors`, in the layouts of `torch.nn`.
    fn parameters(&self, py: Python<'_>) -> PyResult<BTreeMap<String, Py<PyAny>>> {
        let mut tensors = tensors_of(&self.trained.network(), &self.trained.parameters);
        if let Some(values) = self.trained.thresholds.clone() {
            tensors.push(Tensor { name: "thresholds".to_owned(), shape: vec![values.len()], values });
        }
        tensors.into_iter().map(|t| Ok((t.name, array(py, t.values, &t.shape)?))).collect()
    }

    /// Writes the network for other programs: `"wta"` for devices, `"onnx"`, or the folder of `"saelens"`.
    fn export(&self, py: Python<'_>, path: PathBuf, format: &str) -> PyResult<Option<&'static str>> {
        py.detach(|| export::written(&path, format, &self.trained)).map_err(raised)
    }

    /// The dimensions of a sample's features: maps, rows and columns, or units.
    fn feature_dimensions(&self) -> PyResult<Vec<usize>> {
        Ok(FeatureEncoder::new(Isa::detect(), &self.trained).map_err(raised)?.dimensions())
    }

    /// The shape of the samples.
    #[getter]
    fn shape(&self) -> Sides {
        sides_of(self.trained.resolved.image())
    }

    /// The recipe.
    #[getter]
    fn recipe(&self) -> Recipe {
        Recipe { recipe: self.trained.recipe().clone() }
    }

    /// The names of the classes of the samples.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.kind.classes.names().to_vec()
    }

    /// CRC-32 of the parameters.
    #[getter]
    fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The layer below, in a stack.
    #[getter]
    fn below(&self) -> Option<Self> {
        let below = self.trained.below.as_ref()?;
        Some(Self::new(below.trained.clone(), self.kind.clone()))
    }
}

impl Network {
    /// The flat parameters of the last layer.
    pub(crate) fn parameters_of_last(&self) -> Vec<f32> {
        self.trained.parameters.clone()
    }

    pub(crate) fn new(trained: Trained, kind: SampleKind) -> Self {
        let checksum = trained.checksum();
        Self { trained, kind, checksum }
    }

    fn written(
        &self,
        py: Python<'_>,
        from: &PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
        wanted: Wanted,
    ) -> PyResult<Py<PyAny>> {
        let (trained, data) = (&self.trained, samples(from, shape, None)?);
        let (numbers, dimensions) = work::run(py, threads, None, |observer| {
            let samples = Samples::new(trained.recipe(), data)?;
            trained.resolved.expect_image(samples.image_shape())?;
            let isa = Isa::detect();
            let written: Box<dyn Written> = match wanted {
                Wanted::Features => Box::new(FeatureEncoder::new(isa, trained)?),
                Wanted::Codes => Box::new(TrainedCode::new(isa, trained)?),
                Wanted::Reconstructions => Box::new(Reconstruction::new(isa, trained, &samples)?),
            };
            let of_sample = written.dimensions();
            let len = of_sample.iter().product::<usize>();
            let mut numbers = wta::memory::with_capacity(samples.len() * len, || "the result".to_owned())?;
            if written.has_parts() {
                numbers.resize(samples.len() * len, 0.0);
                written.run_in_parts(&samples, &mut |part| {
                    put(&of_sample, part, &mut numbers);
                    work::ask(observer)
                })?;
            } else {
                work::on_samples(samples.len(), written.batch(), observer, |range| {
                    written.run_range(&samples, range, &mut |values| {
                        numbers.extend_from_slice(values);
                        work::ask(observer)
                    })
                })?;
            }
            Ok((numbers, [vec![samples.len()], of_sample].concat()))
        })?;
        array(py, numbers, &dimensions)
    }
}

/// Refuses, before anything is learnt, a network that could not be used afterwards: its weights are there as
/// they are, prepared for the kernels, as an attribute, and once more while their checksum is computed.
fn expect_memory(recipe: &wta::Recipe, image: wta::Shape) -> wta::Result<()> {
    let resolved = recipe.resolve(image)?;
    let weights = resolved.layers().iter().map(|layer| layer.network().parameters_len()).sum::<usize>();
    let numbers = weights.saturating_mul(4).saturating_add(resolved.features().len());
    let what = || format!("recipe {}: the network", recipe.name);
    wta::memory::with_capacity::<f32>(numbers, what).map(drop)
}

/// Puts a part of a sample's features in its place among those of all samples, which lie map after map.
fn put(of_sample: &[usize], part: Part<'_>, numbers: &mut [f32]) {
    let maps = of_sample.first().copied().unwrap_or(1).max(1);
    let positions = of_sample.iter().skip(1).product::<usize>().max(1);
    let sample = numbers.chunks_exact_mut(maps * positions).nth(part.sample).unwrap_or_default();
    for (map, to) in sample.chunks_exact_mut(positions).enumerate() {
        let values = part.values.iter().skip(map).step_by(maps);
        to.iter_mut().skip(part.position).zip(values).for_each(|(to, v)| *to = *v);
    }
}

fn temporary() -> PyResult<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| PyOSError::new_err(format!("no temporary folder: {error}")))
}

/// The files of a folder and of those below, but for checkpoints and locks.
fn collect<'py>(py: Python<'py>, folder: &Path, prefix: &str, files: &mut Files<'py>) -> PyResult<()> {
    for entry in fs::read_dir(folder).map_err(PyOSError::new_err)? {
        let entry = entry.map_err(PyOSError::new_err)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            collect(py, &entry.path(), &format!("{prefix}{name}/"), files)?;
        } else if !name.starts_with('.') && !name.starts_with("checkpoint") {
            let bytes = fs::read(entry.path()).map_err(PyOSError::new_err)?;
            files.insert(format!("{prefix}{name}"), PyBytes::new(py, &bytes));
        }
    }
    Ok(())
}
