//! One training step on all threads.
//!
//! There are three methods. `images` and `units` train autoencoders in four phases: *compete, select, learn,
//! update*. `images` is for any network and goes through the batch image by image. `units` is for a
//! fully-connected layer; it goes through the layer unit by unit and never stores a gradient. `rbm` is
//! contrastive divergence.
//!
//! All methods give the weights of the core's sequential [`Trainer`](wta_core::Trainer) (or
//! [`RbmTrainer`](wta_core::RbmTrainer)), to the bit and for any number of threads, because every sum adds
//! its terms in the same order. All large buffers are allocated once.

mod admission;
mod chain;
mod collect;
mod images;
mod notes;
mod portion;
mod rbm;
mod shared;
mod units;

use std::ops::Range;
use std::sync::Arc;

use wta_core::{ContrastiveDivergence, Kernels, Network, Selection, TrainingConfig, bounded_loss};

use collect::Own;
pub use collect::Whole;
pub use notes::{DeadUnits, Notes};

use crate::error::{Error, Result};
use crate::memory::aligned::Aligned;
use crate::ranks::{Alone, Kind, Ranks};
use crate::recipe::{DeadUnitsRecipe, DictionaryRecipe};
use crate::train::stopwatch::Stopwatch;
use admission::Admission;
use portion::{Portion, Spread};
use shared::{Common, State};

/// A network that is trained on all threads of the current rayon pool, by one process or several.
pub struct BatchTrainer<K> {
    /// The flat parameter vector; of several processes that share the units, this one's part
    /// ([`BatchTrainer::collect`]).
    pub parameters: Aligned,
    /// The optimiser's moments, of as much.
    pub moments: Aligned,
    /// Steps done.
    pub step: u64,
    /// Measures the phases of a step, if the caller replaces it by one that is running.
    pub stopwatch: Stopwatch,
    common: Common<K>,
    portion: Portion,
    admission: Admission,
    /// The images of all processes, if all are needed.
    gathered: Vec<f32>,
    method: Method,
    /// Of this process's units.
    notes: Notes,
}

/// The method of training, with its buffers.
enum Method {
    Images(Box<images::ImagesWorkspace>),
    Units(Box<units::UnitsWorkspace>),
    Rbm(Box<rbm::RbmWorkspace>),
    /// There are more processes than parts, and this one has none.
    Idle,
}

impl<K: Kernels> BatchTrainer<K> {
    /// Allocates the memory to train `network`; parameters and moments are 0.
    pub fn new(kernels: K, network: Network, training: TrainingConfig) -> Self {
        let common = Common { kernels, network, training };
        let spread = if by_units(&common) { Spread::Units } else { Spread::Images };
        Self::of(common, Portion::new(Arc::new(Alone), spread, network, training.batch), None)
    }

    /// Allocates the memory to train an RBM. Its parameters are those of the tied `network`; parameters and
    /// moments are 0.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if [`ContrastiveDivergence::check`] refuses it.
    pub fn rbm(
        kernels: K,
        network: Network,
        training: TrainingConfig,
        gibbs: ContrastiveDivergence,
    ) -> Result<Self> {
        Self::among(Arc::new(Alone), kernels, network, training, Some(gibbs))
    }

    /// The same for one of several processes, which do every step together; `gibbs` is for an RBM.
    ///
    /// # Errors
    ///
    /// As for [`BatchTrainer::rbm`].
    pub fn among(
        ranks: Arc<dyn Ranks>,
        kernels: K,
        network: Network,
        training: TrainingConfig,
        gibbs: Option<ContrastiveDivergence>,
    ) -> Result<Self> {
        if let Some(gibbs) = gibbs {
            gibbs.check(&network, &training)?;
        }
        let whole = Common { kernels, network, training };
        let is_by_units = gibbs.is_some() || by_units(&whole);
        let spread = if is_by_units { Spread::Units } else { Spread::Images };
        let portion = Portion::new(ranks, spread, network, training.batch);
        let network = portion.network()?;
        Ok(Self::of(Common { network, ..whole }, portion, gibbs))
    }

    fn of(common: Common<K>, portion: Portion, gibbs: Option<ContrastiveDivergence>) -> Self {
        let Common { network, training, .. } = common;
        let method = match (gibbs, by_units(&common)) {
            _ if !portion.has_part() => Method::Idle,
            (Some(gibbs), _) => Method::Rbm(Box::new(rbm::RbmWorkspace::new(&common, gibbs))),
            (None, true) => Method::Units(Box::new(units::UnitsWorkspace::new(&common, &portion))),
            (None, false) => Method::Images(Box::new(images::ImagesWorkspace::new(&common, &portion))),
        };
        let (parameters, moments) = match gibbs {
            _ if !portion.has_part() => (0, 0),
            Some(gibbs) => (network.parameters_len(), gibbs.moments_len(&network, training.batch)),
            None => {
                let len = network.parameters_len();
                (len, len * training.optimizer.method.moments())
            }
        };
        Self {
            parameters: Aligned::zeros(parameters),
            moments: Aligned::zeros(moments),
            step: 0,
            stopwatch: Stopwatch::default(),
            common,
            portion,
            admission: Admission::default(),
            gathered: Vec::new(),
            method,
            notes: Notes::default(),
        }
    }

    /// Which images of a batch this process gives to [`BatchTrainer::step`]: all, if it is alone.
    pub fn images(&self) -> Range<usize> {
        self.portion.images()
    }

    /// Changes which winners survive from the next step on: another lifetime rate, or another number per
    /// sample.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if [`wta_core::Sparsity::with_selection`] refuses it.
    pub fn set_selection(&mut self, keep: Selection) -> Result<()> {
        let Common { network, training, .. } = &mut self.common;
        training.sparsity = training.sparsity.with_selection(network, keep)?;
        Ok(())
    }

    /// [`BatchTrainer::note`] as a recipe asks for it.
    ///
    /// # Errors
    ///
    /// As for [`BatchTrainer::note`].
    pub fn note_as(&mut self, dictionary: &DictionaryRecipe) -> Result<()> {
        let DictionaryRecipe { thresholds, dead_units, .. } = *dictionary;
        let dead =
            dead_units.map(|DeadUnitsRecipe { units, after, weight }| DeadUnits { units, weight, after });
        self.note(thresholds, dead)
    }

    /// From the next step on, notes the activation with which each unit survives ([`Notes::thresholds`]), and
    /// has dead units learn. Nothing has been noted yet.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for another network than one fully-connected layer, and
    /// where dead units cannot learn: where units do not compete with one another, and with several
    /// processes.
    pub fn note(&mut self, thresholds: bool, dead: Option<DeadUnits>) -> Result<()> {
        let refuse = |sentence: &str| Err(Error::Invalid(sentence.to_owned()));
        let Common { network, training, .. } = &self.common;
        let competes =
            matches!(training.sparsity.selection, Selection::PerSample { .. } | Selection::Batch { .. });
        if (thresholds || dead.is_some()) && !wta_core::Units::<K>::apply_to(network) {
            return refuse("units are noted of one fully-connected layer alone");
        }
        if dead.is_some() && !competes {
            return refuse("dead units learn only where units compete: within samples or over the batch");
        }
        if dead.is_some() && !self.portion.is_alone() {
            return refuse("dead units learn in one process alone");
        }
        let units = if self.portion.has_part() { self.portion.units().len() } else { 0 };
        self.notes = Notes::new(units, thresholds, dead.is_some());
        if let (Method::Units(units), Some(dead)) = (&mut self.method, dead) {
            units.revive(&self.common, dead);
        }
        Ok(())
    }

    /// The parameters and moments of the whole network, at the first process; `None` at the others.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`](crate::Error::Lost) if another process is gone.
    pub fn collect(&self) -> Result<Option<Whole<'_>>> {
        collect::collect(&self.portion, self.own(), &self.notes)
    }

    /// Gives each process its part of the parameters and moments that the first one has: the same vectors as
    /// [`BatchTrainer::collect`] returns. The others give `None`.
    ///
    /// # Errors
    ///
    /// As for [`BatchTrainer::collect`].
    pub fn distribute(&mut self, whole: Option<Whole<'_>>) -> Result<()> {
        let vectors = self.own().vectors;
        let Self { portion, parameters, moments, notes, .. } = self;
        collect::distribute(portion, whole, vectors, parameters, moments, notes)
    }

    /// Begins with parameters of the whole network, which the first process has, and with moments of 0. The
    /// others give `None`.
    ///
    /// # Errors
    ///
    /// As for [`BatchTrainer::collect`].
    pub fn begin_with(&mut self, parameters: Option<Vec<f32>>) -> Result<()> {
        let moments = self.whole_moments_len();
        self.distribute(parameters.map(|parameters| Whole {
            parameters: parameters.into(),
            moments: vec![0.0; moments].into(),
            notes: Notes::default(),
        }))
    }

    /// The number of the whole network's moments.
    pub fn whole_moments_len(&self) -> usize {
        let own = self.own();
        own.vectors * self.portion.whole().parameters_len() + own.common_len()
    }

    fn own(&self) -> Own<'_> {
        let vectors = self.common.training.optimizer.method.moments();
        Own { parameters: &self.parameters, moments: &self.moments, vectors }
    }

    /// The kernels.
    pub fn kernels(&self) -> K {
        self.common.kernels
    }

    /// Does one step on a batch: images, one after the other. Returns the loss: half the squared error summed
    /// over an image, averaged over the batch, and `f32::MAX` for more than that.
    ///
    /// One of several processes gives its [`BatchTrainer::images`] alone; all of them get the loss of the
    /// whole batch.
    ///
    /// # Errors
    ///
    /// As for [`wta_core::Trainer::step`] and [`wta_core::RbmTrainer::step`]. Parameters and moments are then
    /// as before the step. [`Error::Lost`](crate::Error::Lost) if another process is gone.
    pub fn step(&mut self, images: &[f32]) -> Result<f32> {
        let image_len = self.common.network.input().len();
        let expected = self.portion.images().len() * image_len;
        if images.len() != expected {
            return Err(wta_core::Error::Length { what: "batch", expected, found: images.len() }.into());
        }
        let result = if self.portion.has_part() { self.step_together(images) } else { Ok(0.0) };
        let skipped = self.admission.skipped();
        let (result, skipped) = self.portion.tell_idle(result, skipped)?;
        self.admission.set_skipped(skipped);
        let loss = result?;
        self.step += 1;
        Ok(bounded_loss(loss))
    }

    fn step_together(&mut self, images: &[f32]) -> Result<f32> {
        let Common { network, training, .. } = self.common;
        let image_len = network.input().len();
        let mut batch = images;
        if self.portion.is_part() {
            self.gathered.resize(training.batch * image_len, 0.0);
            let own = self.portion.images();
            let to = self.gathered.get_mut(own.start * image_len..own.end * image_len);
            to.unwrap_or_default().copy_from_slice(images);
            self.portion.gather_images(Kind::Images, &mut self.gathered)?;
            batch = &self.gathered;
        }
        let are_probabilities = matches!(self.method, Method::Rbm(_));
        let (batch, bad) =
            self.admission.look(&training.guard, are_probabilities, &self.portion, image_len, batch)?;
        let state = State {
            common: self.common,
            step: self.step,
            bad,
            portion: &self.portion,
            parameters: &mut self.parameters,
            moments: &mut self.moments,
            stopwatch: &self.stopwatch,
        };
        match &mut self.method {
            Method::Images(images) => images.step(state, batch),
            Method::Units(units) => {
                let loss = units.step(state, batch, &self.notes)?;
                units.note(training.batch, &mut self.notes);
                Ok(loss)
            }
            Method::Rbm(chains) => chains.step(state, batch),
            Method::Idle => Ok(0.0),
        }
    }

    /// The largest of the numbers that the processes with a part of the work give. All of these call it.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`](crate::Error::Lost) if another process is gone.
    pub(super) fn largest_of_all(&self, mine: f32) -> Result<f32> {
        self.portion.largest_of_all(mine)
    }

    /// How many images of the last step's batch were bad and skipped.
    pub fn last_skipped(&self) -> usize {
        self.admission.skipped()
    }

    /// Adds the survivors of the last batch to `counts`: for each map, the number of images (and windows) in
    /// which it survived; for an RBM, the number of images in which the unit was on in the positive phase. Of
    /// several processes, each counts those of its images or units: their sums are those of one process.
    pub fn count_survivors(&self, counts: &mut [u64]) {
        let first = self.portion.units().start;
        match &self.method {
            Method::Images(images) => images.count_survivors(counts),
            Method::Units(units) => units.count_survivors(first, counts),
            Method::Rbm(chains) => chains.count_survivors(first, counts),
            Method::Idle => {}
        }
    }
}

/// Whether a network is trained unit by unit.
fn by_units<K: Kernels>(common: &Common<K>) -> bool {
    wta_core::Units::<K>::apply_to(&common.network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::threads;
    use wta_core::{
        Conv, Corruption, Cut, Dictionary, Encoder, Guard, Initial, Method, Optimizer, Random, Scalar,
        Schedule, Scratch as CoreScratch, Shape, Size, Sparsity, Trainer, training_len,
    };

    fn training(keep: Selection, grid: Size, method: Method) -> TrainingConfig {
        let optimizer = Optimizer { method, rate: 1e-2, schedule: Schedule::Linear, decay: 1e-3 };
        let sparsity = Sparsity { grid, selection: keep };
        TrainingConfig::new(sparsity, optimizer, 30, 10)
    }

    /// A selection that lets more winners survive in the first steps.
    fn falling(keep: Selection, step: u64) -> Selection {
        let more = 2_u64.saturating_sub(step);
        match keep {
            Selection::All => keep,
            Selection::Lifetime { rate } => Selection::Lifetime { rate: rate + 0.1 * more as f32 },
            Selection::PerSample { count } => Selection::PerSample { count: count + more as usize },
            Selection::Batch { count } => Selection::Batch { count: count + more as usize },
        }
    }

    fn corrupted(input: f32, hidden: f32, training: TrainingConfig) -> TrainingConfig {
        TrainingConfig { corruption: Corruption { input, hidden, seed: 9 }, ..training }
    }

    /// The same with inputs and gradients that are clipped, and bad images that are skipped.
    fn guarded((network, training): (Network, TrainingConfig)) -> (Network, TrainingConfig) {
        let guard = Guard::within(0.1, 0.9).with_gradient_norm(0.2).with_limit(1e6);
        (network, TrainingConfig { guard, ..training })
    }

    /// The batch of a step, from which a guarded training has something to fear.
    fn batch(network: &Network, step: u64, training: &TrainingConfig) -> Vec<f32> {
        let mut batch = images(network, step, training.batch);
        if training.guard != Guard::NONE {
            let len = network.input().len();
            for (place, number) in
                [(0, 1e4), (2 * len + 5, f32::NAN), (3 * len, -300.0), (7 * len + 1, f32::INFINITY)]
            {
                batch[place] = number;
            }
            batch[9 * len..11 * len].fill(1e7);
        }
        batch
    }

    fn images(network: &Network, seed: u64, count: usize) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..count * network.input().len()).map(|_| random.uniform()).collect()
    }

    /// Initial weights, of which some units share theirs: their activations are equal.
    fn begin(network: &Network, parameters: &mut [f32]) {
        network.initialise(Initial::He, 5, parameters).unwrap();
        // The first layer's filters come first.
        let len = network.layer(0).unwrap().filter_len();
        for unit in (0..network.layer(0).unwrap().conv.maps.saturating_sub(1)).step_by(5) {
            let place = unit * len;
            parameters.copy_within(place..place + len, place + len);
        }
    }

    /// Four steps with the core's sequential trainer.
    fn sequential<K: Kernels>(
        kernels: K,
        network: Network,
        training: TrainingConfig,
    ) -> (Vec<f32>, Vec<f32>) {
        let len = training_len(&network, &training.sparsity, &training.optimizer.method, training.batch);
        let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
        begin(&network, &mut parameters);
        let kernels_len = Encoder::prepared_len(kernels, &network) + Encoder::scratch_len(kernels, &network);
        let (mut floats, mut indices) = (vec![0.0; len.floats + kernels_len], vec![0; len.indices]);
        let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
        let scratch = CoreScratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let mut trainer =
            Trainer::new(kernels, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
        let mut losses = Vec::new();
        for step in 0..4 {
            let batch = batch(&network, step, &training);
            trainer.set_selection(falling(training.sparsity.selection, step)).unwrap();
            losses.push(trainer.step(batch.chunks_exact(network.input().len())).unwrap());
        }
        (parameters, losses)
    }

    fn parallel<K: Kernels>(
        kernels: K,
        network: Network,
        training: TrainingConfig,
        threads: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = BatchTrainer::new(kernels, network, training);
            begin(&network, &mut trainer.parameters);
            let step = |s| {
                trainer.set_selection(falling(training.sparsity.selection, s)).unwrap();
                let loss = trainer.step(&batch(&network, s, &training)).unwrap();
                assert_eq!(trainer.last_skipped(), if training.guard == Guard::NONE { 0 } else { 4 });
                loss
            };
            let losses = (0..4).map(step).collect();
            (trainer.parameters.to_vec(), losses)
        })
    }

    fn cases() -> Vec<(Network, TrainingConfig)> {
        let conv = Network::convolutional(
            Shape::new(2, 9, 8),
            &[
                Conv::new(19, Size::new(3, 4)),
                Conv::with_stride(7, Size::square(3), Size::new(2, 1)),
                Conv::new(21, Size::square(3)),
            ],
            Size::square(5),
        )
        .unwrap();
        let one =
            Network::convolutional(Shape::new(1, 8, 8), &[Conv::new(9, Size::square(3))], Size::square(3));
        // Layers that are computed in tiles, and screened.
        let wide = Network::convolutional(
            Shape::new(1, 13, 11),
            &[Conv::new(9, Size::square(5)), Conv::new(20, Size::square(5)), Conv::new(18, Size::square(5))],
            Size::square(7),
        )
        .unwrap();
        let cases = [
            (wide, training(Selection::Lifetime { rate: 0.1 }, Size::ONE, Method::ADAM)),
            (wide, training(Selection::All, Size::ONE, Method::Sgd { momentum: 0.9 })),
            (wide, training(Selection::PerSample { count: 5 }, Size::ONE, Method::ADAM)),
            (
                wide,
                training(Selection::Lifetime { rate: 0.1 }, Size::new(2, 1), Method::Sgd { momentum: 0.9 }),
            ),
            (conv, training(Selection::Lifetime { rate: 0.2 }, Size::new(2, 2), Method::ADAM)),
            (conv, training(Selection::All, Size::ONE, Method::Sgd { momentum: 0.9 })),
            (
                one.unwrap().tied().unwrap(),
                training(Selection::Lifetime { rate: 0.1 }, Size::ONE, Method::ADAM),
            ),
            (
                Network::fully_connected(37, &[41, 35]).unwrap(),
                training(Selection::Lifetime { rate: 0.1 }, Size::ONE, Method::ADAM),
            ),
            (
                Network::fully_connected(37, &[50]).unwrap(),
                training(Selection::Lifetime { rate: 0.2 }, Size::ONE, Method::Sgd { momentum: 0.9 }),
            ),
            (
                Network::fully_connected(133, &[61]).unwrap().tied().unwrap(),
                training(Selection::Lifetime { rate: 0.04 }, Size::ONE, Method::ADAM),
            ),
            (
                Network::fully_connected(37, &[50]).unwrap(),
                training(Selection::PerSample { count: 7 }, Size::ONE, Method::Sgd { momentum: 0.5 }),
            ),
        ];
        let units = |inputs, units| Network::fully_connected(inputs, &[units]).unwrap();
        let dictionary = |unit_atoms, centred, training: TrainingConfig| TrainingConfig {
            dictionary: Dictionary { unit_atoms, centred },
            ..training
        };
        let sample = |count| training(Selection::PerSample { count }, Size::ONE, Method::ADAM);
        let batch = |count| training(Selection::Batch { count }, Size::ONE, Method::ADAM);
        let momentum = training(Selection::Batch { count: 4 }, Size::ONE, Method::Sgd { momentum: 0.9 });
        // Enough units for bounds, of larger groups and of smaller ones, and so few that there are none; more
        // winners than units.
        let dictionaries = [
            (units(37, 700), sample(3)),
            (units(37, 700), batch(3)),
            (units(37, 700), sample(5)),
            (units(37, 700), batch(5)),
            (units(37, 50), sample(7)),
            (units(37, 50), batch(7)),
            (units(37, 13), sample(40)),
            (units(37, 13), batch(40)),
            (units(290, 90).tied().unwrap(), momentum),
            (Network::fully_connected(37, &[41, 35]).unwrap(), batch(9)),
            (conv, training(Selection::Batch { count: 6 }, Size::new(2, 1), Method::ADAM)),
            (wide, batch(8)),
            (wide, dictionary(true, false, training(Selection::All, Size::ONE, Method::ADAM))),
            (
                units(37, 50),
                dictionary(true, false, training(Selection::Lifetime { rate: 0.2 }, Size::ONE, Method::ADAM)),
            ),
            (units(37, 50).tied().unwrap(), dictionary(true, true, momentum)),
            (units(290, 200), dictionary(true, true, batch(3))),
            (
                units(290, 70),
                dictionary(false, true, training(Selection::Lifetime { rate: 0.1 }, Size::ONE, Method::ADAM)),
            ),
            (units(37, 50), corrupted(0.2, 0.5, dictionary(true, true, sample(9)))),
        ];
        let dense = |network: Network| {
            let code = network.code();
            (network, training(Selection::All, Size::new(code.height, code.width), Method::ADAM))
        };
        let fully_connected = Network::fully_connected(37, &[50]).unwrap();
        let (_, every_position) = dense(wide);
        let lifetime = training(Selection::Lifetime { rate: 0.2 }, Size::ONE, Method::ADAM);
        let corrupted = [
            (wide, corrupted(0.2, 0.0, lifetime)),
            (wide, corrupted(0.2, 0.5, lifetime)),
            (conv, corrupted(0.3, 0.5, dense(conv).1)),
            (wide, corrupted(0.0, 0.5, every_position)),
            (
                conv,
                corrupted(
                    0.1,
                    0.3,
                    training(Selection::PerSample { count: 20 }, Size::new(2, 3), Method::ADAM),
                ),
            ),
            (fully_connected, corrupted(0.2, 0.0, lifetime)),
            (fully_connected, corrupted(0.2, 0.5, dense(fully_connected).1)),
            (fully_connected.tied().unwrap(), corrupted(0.0, 0.5, dense(fully_connected).1)),
            (
                Network::fully_connected(37, &[41, 35]).unwrap(),
                corrupted(0.2, 0.5, training(Selection::PerSample { count: 9 }, Size::ONE, Method::ADAM)),
            ),
        ];
        let cases: Vec<_> = cases
            .into_iter()
            .chain([dense(conv), dense(fully_connected)])
            .chain(corrupted)
            .chain(dictionaries)
            .collect();
        let guarded = cases.clone().into_iter().map(guarded);
        cases.into_iter().chain(guarded).collect()
    }

    /// Batches that are larger than a second-level cache.
    fn large_batches() -> [(Network, TrainingConfig); 2] {
        let network = Network::fully_connected(8800, &[100]).unwrap();
        [Selection::PerSample { count: 4 }, Selection::Lifetime { rate: 0.2 }]
            .map(|selection| (network, training(selection, Size::ONE, Method::ADAM)))
    }

    #[test]
    fn threads_do_not_change_a_bit_and_the_core_agrees() {
        for (index, (network, training)) in cases().into_iter().chain(large_batches()).enumerate() {
            let (expected, expected_losses) = sequential(Scalar, network, training);
            let (scalar, losses) = parallel(Scalar, network, training, 3);
            assert!(scalar == expected, "case {index}: parallel scalar differs from the core");
            for (a, b) in losses.iter().zip(&expected_losses) {
                assert!((a / b - 1.0).abs() < 1e-5, "case {index}: losses {losses:?} {expected_losses:?}");
            }
            for isa in wta_simd::Isa::all_available() {
                let (first, _) = parallel(isa, network, training, 1);
                let (second, _) = parallel(isa, network, training, 2);
                assert!(first == second, "case {index}, {isa}: threads change the result");
                let (alone, _) = sequential(isa, network, training);
                assert!(first == alone, "case {index}, {isa}: differs from the core with the same kernels");
                let worst = first.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 2e-3, "case {index}, {isa}: differs from the oracle by {worst}");
            }
        }
    }

    fn rbm_cases() -> [(Network, TrainingConfig, ContrastiveDivergence); 6] {
        let momentum = Method::Sgd { momentum: 0.9 };
        let wta = training(Selection::Lifetime { rate: 0.3 }, Size::ONE, momentum);
        let plain = training(Selection::All, Size::ONE, momentum);
        let network = |inputs, units| Network::fully_connected(inputs, &[units]).unwrap().tied().unwrap();
        let gibbs = |steps| ContrastiveDivergence { steps, persistent: false, seed: 8 };
        let persistent = |steps| ContrastiveDivergence { persistent: true, ..gibbs(steps) };
        [
            (network(37, 50), plain, gibbs(1)),
            (network(133, 61), wta, gibbs(1)),
            (network(290, 24), wta, gibbs(3)),
            (network(16, 9), TrainingConfig { batch: 70, ..plain }, gibbs(2)),
            (network(37, 50), wta, persistent(1)),
            (network(290, 24), plain, persistent(2)),
        ]
    }

    /// Four steps of an RBM with the core's sequential trainer.
    fn rbm_sequential<K: Kernels>(
        kernels: K,
        (network, training, gibbs): (Network, TrainingConfig, ContrastiveDivergence),
    ) -> (Vec<f32>, Vec<f32>) {
        let len = wta_core::rbm_training_len(&network, training.batch);
        let moments_len = gibbs.moments_len(&network, training.batch);
        let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; moments_len]);
        begin(&network, &mut parameters);
        let more = wta_core::RbmTrainer::kernels_len(kernels, &network, training.batch);
        let (mut floats, mut indices) = (vec![0.0; len.floats + more], vec![0; len.indices]);
        let scratch = CoreScratch { floats: &mut floats, indices: &mut indices, cuts: &mut [] };
        let (p, m) = (&mut parameters, &mut moments);
        let mut trainer =
            wta_core::RbmTrainer::new(kernels, network, training, gibbs, 0, p, m, scratch).unwrap();
        let step = |s| {
            trainer.set_selection(falling(training.sparsity.selection, s)).unwrap();
            let batch = batch(&network, s, &training);
            trainer.step(batch.chunks_exact(network.input().len())).unwrap()
        };
        let losses = (0..4).map(step).collect();
        (parameters, losses)
    }

    fn rbm_parallel<K: Kernels>(
        kernels: K,
        (network, training, gibbs): (Network, TrainingConfig, ContrastiveDivergence),
        threads: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = BatchTrainer::rbm(kernels, network, training, gibbs).unwrap();
            begin(&network, &mut trainer.parameters);
            let step = |s| {
                trainer.set_selection(falling(training.sparsity.selection, s)).unwrap();
                let loss = trainer.step(&batch(&network, s, &training)).unwrap();
                assert_eq!(trainer.last_skipped(), if training.guard == Guard::NONE { 0 } else { 4 });
                loss
            };
            let losses = (0..4).map(step).collect();
            (trainer.parameters.to_vec(), losses)
        })
    }

    #[test]
    fn threads_do_not_change_a_bit_of_an_rbm_and_the_core_agrees() {
        let guarded = rbm_cases().map(|(network, training, gibbs)| {
            let (network, training) = guarded((network, training));
            (network, training, gibbs)
        });
        for (index, case) in rbm_cases().into_iter().chain(guarded).enumerate() {
            for isa in wta_simd::Isa::all_available() {
                let (expected, expected_losses) = rbm_sequential(isa, case);
                for threads in [1, 2, 3] {
                    let (found, losses) = rbm_parallel(isa, case, threads);
                    assert!(
                        found == expected,
                        "case {index}, {isa}, {threads} threads: differs from the core"
                    );
                    for (a, b) in losses.iter().zip(&expected_losses) {
                        assert!((a / b - 1.0).abs() < 1e-5, "case {index}: {losses:?} {expected_losses:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_diverged_step_of_an_rbm_changes_nothing() {
        for (network, training, gibbs) in rbm_cases() {
            let mut trainer = BatchTrainer::rbm(Scalar, network, training, gibbs).unwrap();
            begin(&network, &mut trainer.parameters);
            let batch = images(&network, 1, training.batch);
            trainer.step(&batch).unwrap();
            let last = trainer.parameters.len() - 1;
            let good = trainer.parameters[last];
            trainer.parameters[last] = 1e20;
            let (before, moments) = (trainer.parameters.to_vec(), trainer.moments.to_vec());
            let error = trainer.step(&batch).unwrap_err().to_string();
            assert!(error.contains(&format!("gradient of parameter {last} ")), "{error}");
            let mut bright = batch.clone();
            bright[3] = 1.5;
            let error = trainer.step(&bright).unwrap_err().to_string();
            assert!(error.contains("between 0 and 1"), "{error}");
            assert!(trainer.parameters[..] == before[..] && trainer.moments[..] == moments[..]);
            assert_eq!(trainer.step, 1);
            trainer.parameters[last] = good;
            assert!(trainer.step(&batch).is_ok());
        }
    }

    #[test]
    fn a_batch_of_bad_images_changes_nothing_and_the_first_bad_image_is_named() {
        let network = Network::fully_connected(4, &[8]).unwrap();
        let refusing = training(Selection::Lifetime { rate: 0.3 }, Size::ONE, Method::ADAM);
        let mut batch = images(&network, 1, refusing.batch);
        (batch[7 * 4 + 2], batch[19 * 4], batch[29 * 4]) = (f32::NAN, f32::NAN, f32::NAN);
        let mut trainer = BatchTrainer::new(Scalar, network, refusing);
        for _ in 0..20 {
            let error = trainer.step(&batch).unwrap_err().to_string();
            assert!(error.starts_with("element 2 of image 7 of the batch is not a finite number"), "{error}");
        }
        let (_, skipping) = guarded((network, refusing));
        let mut trainer = BatchTrainer::new(Scalar, network, skipping);
        assert!(trainer.step(&batch).is_ok());
        let before = trainer.parameters.to_vec();
        let error = trainer.step(&[f32::NAN; 120]).unwrap_err().to_string();
        assert!(error.starts_with("every image of the batch is bad"), "{error}");
        assert!(trainer.parameters[..] == before[..]);
        assert_eq!((trainer.step, trainer.last_skipped()), (1, 30));
    }

    #[test]
    fn a_diverged_step_changes_nothing() {
        let network = Network::fully_connected(4, &[8]).unwrap();
        let keeps = [Selection::All, Selection::Lifetime { rate: 0.3 }];
        for (network, keep) in
            [network, network.tied().unwrap()].into_iter().flat_map(|n| keeps.map(|keep| (n, keep)))
        {
            let mut trainer = BatchTrainer::new(Scalar, network, training(keep, Size::ONE, Method::ADAM));
            trainer.parameters.fill(1e15);
            let before = trainer.parameters.to_vec();
            let error = trainer.step(&[1e10; 120]).unwrap_err().to_string();
            assert!(error.contains("gradient of parameter 0 "), "{error}");
            assert!(trainer.parameters[..] == before[..] && trainer.moments.iter().all(|v| *v == 0.0));
            assert_eq!(trainer.step, 0);
            // Large but not too large: with smaller numbers the same step succeeds.
            trainer.parameters.fill(1.0);
            assert!(trainer.step(&[1e5; 120]).is_ok());
        }
    }

    /// What several processes have after four steps, collected, with the sums of their counts of survivors,
    /// and the thresholds of units that compete. After two steps, what they have is collected and given out
    /// anew.
    fn together<K: Kernels>(
        kernels: K,
        (network, training): (Network, TrainingConfig),
        gibbs: Option<ContrastiveDivergence>,
        size: usize,
    ) -> (Vec<f32>, Vec<f32>, Vec<u64>, Vec<f32>) {
        let notes = wta_core::Units::<K>::apply_to(&network) && gibbs.is_none();
        let results = threads::run(size, |ranks| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + ranks.rank() % 2).build().unwrap();
            let (is_first, ranks) = (ranks.rank() == 0, Arc::new(ranks));
            pool.install(|| {
                let of_all = Arc::<threads::ThreadRank>::clone(&ranks);
                let mut trainer = BatchTrainer::among(of_all, kernels, network, training, gibbs).unwrap();
                if notes {
                    trainer.note(true, None).unwrap();
                }
                let mut parameters = vec![0.0; network.parameters_len()];
                begin(&network, &mut parameters);
                let len = parameters.len() * training.optimizer.method.moments();
                let moments = vec![0.0; gibbs.map_or(len, |g| g.moments_len(&network, training.batch))];
                let (parameters, moments) = (parameters.into(), moments.into());
                let whole = Whole { parameters, moments, notes: Notes::default() };
                trainer.distribute(is_first.then_some(whole)).unwrap();
                let (mut losses, mut counts) = (Vec::new(), vec![0; network.code().channels]);
                for s in 0..4 {
                    trainer.set_selection(falling(training.sparsity.selection, s)).unwrap();
                    let (batch, len) = (batch(&network, s, &training), network.input().len());
                    let images = trainer.images();
                    losses.push(trainer.step(&batch[images.start * len..images.end * len]).unwrap());
                    assert_eq!(trainer.last_skipped(), if training.guard == Guard::NONE { 0 } else { 4 });
                    trainer.count_survivors(&mut counts);
                    if s == 1 {
                        let whole = trainer.collect().unwrap();
                        let whole = whole.map(Whole::into_owned);
                        trainer.parameters.fill(f32::NAN);
                        trainer.moments.fill(f32::NAN);
                        trainer.distribute(whole).unwrap();
                    }
                }
                let whole = trainer.collect().unwrap();
                assert_eq!(whole.is_some(), is_first);
                let (parameters, notes) = whole.map(|w| (w.parameters.into_owned(), w.notes)).unzip();
                (parameters, losses, counts, notes)
            })
        });
        let mut sums = vec![0; network.code().channels];
        for (_, losses, counts, _) in &results {
            assert_eq!(*losses, results[0].1, "all know the loss of the whole batch");
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let (parameters, losses, _, noted) = results.into_iter().next().unwrap();
        let thresholds = noted.unwrap().thresholds;
        assert_eq!(thresholds.iter().any(|threshold| *threshold > 0.0), notes);
        (parameters.unwrap(), losses, sums, thresholds)
    }

    #[test]
    fn several_processes_have_the_bits_of_one() {
        let autoencoders = cases().into_iter().map(|case| (case, None));
        let rbms =
            rbm_cases().into_iter().map(|(network, training, gibbs)| ((network, training), Some(gibbs)));
        let guarded_rbms = rbms.clone().map(|(case, gibbs)| (guarded(case), gibbs));
        for (index, (case, gibbs)) in autoencoders.chain(rbms).chain(guarded_rbms).enumerate() {
            for isa in wta_simd::Isa::all_available() {
                let (expected, losses) = match gibbs {
                    None => parallel(isa, case.0, case.1, 2),
                    Some(gibbs) => rbm_parallel(isa, (case.0, case.1, gibbs), 2),
                };
                let (_, _, counts, thresholds) = together(isa, case, gibbs, 1);
                // More than images and units, too.
                for size in [2, 3, 4, 7, 64] {
                    let (found, found_losses, found_counts, found_thresholds) =
                        together(isa, case, gibbs, size);
                    assert!(found == expected, "case {index}, {isa}, {size} processes");
                    assert!(found_thresholds == thresholds, "case {index}, {isa}, {size} processes");
                    assert_eq!(
                        (found_losses, found_counts),
                        (losses.clone(), counts.clone()),
                        "case {index}"
                    );
                }
            }
        }
    }
}
