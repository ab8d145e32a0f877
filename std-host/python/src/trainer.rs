//! Training in parts: each call brings samples, and the network learns on from where it was.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use numpy::PyReadonlyArrayDyn;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use wta::preprocess::{Preprocess, Samples};
use wta::ranks::Alone;
use wta::recipe::Resolved;
use wta::run::SampleKind;
use wta::train::{BatchTrainer, ImageSet, Learnt, Notes, Options, TrainingSet, Whole, initialise};
use wta::{EpochMetrics, Error, Isa, Trained};

use crate::arrays::{Sides, samples, shape_of, sides_of};
use crate::error::raised;
use crate::network::Network;
use crate::recipe::Recipe;
use crate::work;

/// A network that learns, and where its training is.
#[pyclass(frozen, module = "wta_learn._engine")]
pub(crate) struct Trainer {
    resolved: Arc<Resolved>,
    state: Mutex<State>,
}

/// The state of a training between two calls.
#[derive(Clone)]
struct State {
    /// Empty before the first call, unless there are weights to begin with.
    parameters: Vec<f32>,
    /// The optimiser's; empty before the first step.
    moments: Vec<f32>,
    /// What was noted of each unit.
    notes: Notes,
    /// Steps and calls done.
    steps: u64,
    calls: u64,
    /// What the last samples were.
    kind: Option<SampleKind>,
}

/// What pickle keeps: the recipe, the shape, parameters, moments, notes, steps and calls.
type Kept = (Recipe, Sides, Vec<f32>, Vec<f32>, (Vec<f32>, Vec<u64>), u64, u64);

#[pymethods]
impl Trainer {
    /// The trainer of a recipe without preprocessing and layers below, for samples of this shape. It begins
    /// with the weights of a network, if there is one.
    #[new]
    #[pyo3(signature = (recipe, shape, begin))]
    fn new(recipe: &Bound<'_, Recipe>, shape: Sides, begin: Option<&Bound<'_, Network>>) -> PyResult<Self> {
        let resolved = recipe.get().recipe.resolve(shape_of(shape)).map_err(raised)?;
        let mut parameters = begin.map_or(Vec::new(), |network| network.get().parameters_of_last());
        if begin.is_some() && parameters.len() != resolved.network().parameters_len() {
            return Err(PyValueError::new_err("the parameters describe another network than the fitted one"));
        }
        if begin.is_some() {
            let training = resolved.training(usize::MAX).map_err(raised)?;
            let learnt = Learnt { parameters: parameters.into(), thresholds: None };
            parameters = learnt.in_training(&resolved.network(), &training).map_err(raised)?;
        }
        let (moments, notes) = (Vec::new(), Notes::default());
        let state = State { parameters, moments, notes, steps: 0, calls: 0, kind: None };
        Ok(Self { resolved: Arc::new(resolved), state: Mutex::new(state) })
    }

    /// The trainer that pickle has kept.
    #[staticmethod]
    fn of_state(
        recipe: &Bound<'_, Recipe>,
        shape: Sides,
        parameters: Vec<f32>,
        moments: Vec<f32>,
        noted: (Vec<f32>, Vec<u64>),
        steps: u64,
        calls: u64,
    ) -> PyResult<Self> {
        let resolved = recipe.get().recipe.resolve(shape_of(shape)).map_err(raised)?;
        let (thresholds, silent) = noted;
        let notes = Notes { thresholds, silent };
        let state = State { parameters, moments, notes, steps, calls, kind: None };
        Ok(Self { resolved: Arc::new(resolved), state: Mutex::new(state) })
    }

    /// For pickle.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Kept)> {
        let trainer = slf.get();
        let State { parameters, moments, notes, steps, calls, .. } = trainer.state().clone();
        let recipe = Recipe { recipe: trainer.resolved.recipe().clone() };
        let shape = sides_of(trainer.resolved.image());
        Ok((
            slf.get_type().getattr("of_state")?,
            (recipe, shape, parameters, moments, (notes.thresholds, notes.silent), steps, calls),
        ))
    }

    /// Learns from samples once, batch by batch in their order; what is left of them after the last whole
    /// batch is left out. Returns the network. If it does not come to its end, the trainer is as before.
    #[pyo3(signature = (array, shape, *, threads, watcher))]
    fn learn(
        &self,
        py: Python<'_>,
        array: PyReadonlyArrayDyn<'_, f32>,
        shape: Sides,
        threads: usize,
        watcher: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Network> {
        let data = samples(&array, shape, None)?;
        let state = self.state().clone();
        let learnt = work::run(py, threads, watcher.as_ref(), |observer| {
            let samples = Samples::new(self.resolved.recipe(), data)?;
            self.resolved.expect_image(samples.image_shape())?;
            state.learn(&self.resolved, &samples, observer)
        })?;
        let training = self.resolved.training(usize::MAX).map_err(raised)?;
        let whole = Whole {
            parameters: (&learnt.parameters[..]).into(),
            moments: (&[][..]).into(),
            notes: learnt.notes.clone(),
        };
        let learnt_now = Learnt::of(&self.resolved.network(), &training, &whole).map_err(raised)?;
        let (parameters, thresholds) = learnt_now.into_vectors();
        let trained = Trained {
            resolved: Arc::clone(&self.resolved),
            parameters,
            preprocess: Arc::new(Preprocess::none(self.resolved.image())),
            below: None,
            thresholds,
        };
        let kind = learnt.kind.clone();
        *self.state() = learnt;
        kind.map(|kind| Network::new(trained, kind))
            .ok_or_else(|| PyValueError::new_err("nothing was learnt"))
    }
}

impl Trainer {
    /// The state, which is whole even if a thread has panicked: it is only ever replaced.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The state after one pass over the samples.
    fn learn(
        mut self,
        resolved: &Arc<Resolved>,
        samples: &Samples<'_>,
        observer: &dyn wta::Observer,
    ) -> wta::Result<Self> {
        let (recipe, network, start) = (resolved.recipe(), resolved.network(), Instant::now());
        let training = resolved.training(samples.len())?;
        let none = Preprocess::none(resolved.image());
        let set = ImageSet::new(Isa::detect(), &none, samples, Options::MEMORY, observer)?;
        if self.parameters.is_empty() {
            self.parameters = vec![0.0; network.parameters_len()];
            initialise(resolved, &set, &mut self.parameters)?;
        }
        let mut trainer =
            BatchTrainer::among(Arc::new(Alone), Isa::detect(), network, training, recipe.gibbs())?;
        trainer.note_as(&recipe.dictionary)?;
        self.moments.resize(trainer.whole_moments_len(), 0.0);
        trainer.distribute(Some(Whole {
            parameters: std::mem::take(&mut self.parameters).into(),
            moments: std::mem::take(&mut self.moments).into(),
            notes: std::mem::take(&mut self.notes),
        }))?;
        trainer.step = self.steps;
        let (batches, len) = (samples.len() / training.batch, network.input().len());
        let mut inputs = wta::memory::with_capacity(training.batch * len, || "a batch".to_owned())?;
        inputs.resize(training.batch * len, 0.0);
        let (mut losses, mut survived) = (0.0, vec![0u64; network.code().channels]);
        observer.begin("learn", batches as u64);
        let all: Vec<usize> = (0..samples.len()).collect();
        for chosen in all.chunks_exact(training.batch) {
            work::ask(observer)?;
            set.write(chosen, &mut inputs)?;
            let loss = trainer.step(&inputs).map_err(|error| match error {
                Error::Core(source) => {
                    let largest = inputs.iter().fold(0.0, |largest: f32, v| v.abs().max(largest));
                    Error::Diverged { step: trainer.step + 1, folder: None, largest, source }
                }
                error => error,
            })?;
            losses += f64::from(loss);
            trainer.count_survivors(&mut survived);
            observer.advance(1);
        }
        observer.end();
        self.calls += 1;
        self.steps = trainer.step;
        let dead = survived.iter().filter(|count| **count == 0).count();
        let loss = losses / batches as f64;
        let row = EpochMetrics {
            epoch: self.calls,
            loss,
            pixel_mse: 2.0 * loss / len as f64,
            dead_share: dead as f64 / survived.len() as f64,
            unexplained: None,
            active: Some(survived.iter().sum::<u64>() as f64 / (batches * training.batch) as f64),
            held_out_loss: None,
            held_out_unexplained: None,
            held_out_active: None,
            held_out_dead_share: None,
            held_out_dense_share: None,
            held_out_l1: None,
            held_out_cosine: None,
            rate: f64::from(training.optimizer.rate_at(self.steps.saturating_sub(1), training.steps)),
            seconds: start.elapsed().as_secs_f64(),
        };
        if let Some(whole) = trainer.collect()? {
            self.notes = whole.notes.clone();
            (self.parameters, self.moments) = (whole.parameters.into_owned(), whole.moments.into_owned());
        }
        observer.epoch(&row, self.calls as usize);
        self.kind = Some(SampleKind::of(samples)?);
        Ok(self)
    }
}
