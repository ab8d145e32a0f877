//! Training unit by unit: a fully-connected layer, whatever its sparsity.
//!
//! ```text
//! batch ──▶ panels of images ──compete, by units──▶ survivors of each unit: image, value
//!                                                              │ turned round: survivors of each image
//!   images by pixels ◀── reconstruct, by ranges of pixels ◀────┘
//!       │
//!       ▼ residuals ──deltas, by units──▶ update, by units: the unit's gradient, then its weights and moments
//! ```
//!
//! With lifetime sparsity (or a dense code) a unit's survivors are its own affair, and its code is forgotten
//! at once. Where units compete with one another, within a sample or over the batch, the codes of all are
//! kept until the survivors are found (`winners`). What dead units could explain of the residuals is an
//! option (`auxiliary`).
//!
//! Several processes have some units each, with their weights and moments. All have the batch and the
//! decoder's biases; a reconstruction goes from process to process (`chain`), and each adds its units.
//!
//! The gradient of a unit lives in the scratch memory of tasks, so that a step reads each weight only a few
//! times and writes it once.

mod auxiliary;
mod lists;
mod update;
mod winners;

use rayon::prelude::*;
use wta_core::{
    Corruption, Error as CoreError, Kernels, Parameters, Selection, UnitSurvivors, Units, survivors,
};

use super::admission::is_bad;
use super::chain::{PIXELS, chain, pixel_pieces, place};
use super::notes::{AtThreshold, DeadUnits, Notes};
use super::portion::Portion;
use super::shared::{Common, State, chunks_or_empty};
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::ranks::{Kind, Ranks, spread};
use crate::train::stopwatch::Phase;
use auxiliary::Auxiliary;
use lists::{ByImage, Lists, units_per_product};
use update::Learning;
use winners::Winners;

/// The images of a piece of the reconstruction that goes from process to process: a larger batch has more
/// pieces, so that the next process need not wait for all of it.
const IMAGES_PER_PIECE: usize = 100;

/// The images whose squared errors are summed at a time.
const AT_ONCE: usize = 4;

/// All buffers of a step, except parameters and moments. Units are this process's.
pub(super) struct UnitsWorkspace {
    /// The batch in panels.
    prepared: Aligned,
    /// Rows of which gradients are combinations: the residuals of all images, the images as the network sees
    /// them, and where dead units learn, what these leave of the residuals.
    rows: Aligned,
    lists: Lists,
    by_image: ByImage,
    /// Where units compete with one another.
    winners: Option<Winners>,
    auxiliary: Option<Auxiliary>,
    /// How often each unit survived in the last batch.
    survived: Vec<u32>,
    /// What the last batch had at each unit's threshold, if thresholds are noted.
    found: Vec<AtThreshold>,
    /// With hidden dropout: for each image, the factor of the value of each of all processes' units.
    factors: Vec<f32>,
    decoder_bias: Vec<f32>,
}

impl UnitsWorkspace {
    /// Allocates the memory.
    pub(super) fn new<K: Kernels>(common: &Common<K>, portion: &Portion) -> Self {
        let (network, batch) = (common.network, common.training.batch);
        let (inputs, units) = (network.input().len(), network.code().channels);
        let all_units = portion.whole().code().channels;
        let factors = if common.training.corruption.hidden > 0.0 { batch * all_units } else { 0 };
        let competes = unit_places(common).is_none();
        Self {
            prepared: Aligned::zeros(common.kernels.prepared_len(batch, inputs)),
            rows: Aligned::zeros(2 * batch * inputs),
            lists: Lists::default(),
            by_image: ByImage::default(),
            winners: competes.then(|| Winners::new(common)),
            auxiliary: None,
            survived: vec![0; units],
            found: vec![AtThreshold::default(); units],
            factors: vec![0.0; factors],
            decoder_bias: vec![0.0; inputs],
        }
    }

    /// From now on, dead units learn to reconstruct residuals.
    pub(super) fn revive<K: Kernels>(&mut self, common: &Common<K>, dead: DeadUnits) {
        let len = 3 * common.training.batch * common.network.input().len();
        self.rows = Aligned::zeros(len);
        self.auxiliary = Some(Auxiliary::new(dead));
    }

    /// Counts the survivors of this process's units, of which `first` is the first.
    pub(super) fn count_survivors(&self, first: usize, counts: &mut [u64]) {
        for (to, count) in counts.iter_mut().skip(first).zip(&self.survived) {
            *to += u64::from(*count);
        }
    }

    /// Notes what the last step found of each unit.
    pub(super) fn note(&self, batch: usize, notes: &mut Notes) {
        notes.add(batch, &self.survived, &self.found);
    }

    pub(super) fn step<K: Kernels>(
        &mut self,
        state: State<'_, K>,
        batch: &[f32],
        notes: &Notes,
    ) -> Result<f32> {
        let Common { kernels, network, training } = state.common;
        let stopwatch = state.stopwatch;
        let own = network.code().channels;
        let units = Units::new(kernels, Parameters::new(network, state.parameters)?)?.without(state.bad);
        stopwatch.time(Phase::Prepare, || self.load(&state, batch))?;
        stopwatch.time(Phase::Compete { layer: 0 }, || self.compete(&units, &state, notes))?;
        stopwatch.time(Phase::Select, || self.select(&state, notes))?;
        let (loss, mut largest) = stopwatch.time(Phase::Reconstruct, || self.reconstruct(&state, batch))?;
        if let (Some(auxiliary), Some(winners)) = (&mut self.auxiliary, &mut self.winners) {
            let learnt = stopwatch
                .time(Phase::Reconstruct, || auxiliary.reconstruct(winners, &state, notes, &mut self.rows))?;
            self.lists.append(own, &[(&self.by_image, 0), (auxiliary.by_image(), 2 * training.batch)]);
            // What is not a number fails the comparison, and stays.
            largest = if learnt <= largest { largest } else { learnt };
        }
        stopwatch.time(Phase::Learn { layer: 0 }, || {
            self.find_deltas(&units, training.corruption);
            self.centre(&state)
        })?;
        stopwatch.time(Phase::Update, || {
            let Self { lists, rows, decoder_bias, .. } = self;
            let learning = Learning { lists, rows, decoder_bias };
            let factor = learning.expect_sane(&state, largest)?;
            learning.update(state, factor)
        })?;
        Ok(loss)
    }

    /// Copies the batch, corrupts and centres it if the recipe says so, and packs it in panels.
    fn load<K: Kernels>(&mut self, state: &State<'_, K>, batch: &[f32]) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let inputs = network.input().len();
        let images = training.batch;
        let rows = self.rows.get_mut(images * inputs..2 * images * inputs).unwrap_or_default();
        let (layout, corruption) = (network.decoder().padded(), training.corruption);
        let parameters = Parameters::new(network, state.parameters)?;
        let centre = if training.dictionary.centred { parameters.decoder_bias() } else { &[] };
        let of_panel = kernels.panel_maps();
        let len = kernels.prepared_len(of_panel, inputs);
        // Kernels of no panels prepare nothing.
        let prepared: Vec<_> =
            chunks_or_empty(&mut self.prepared, len).take(images.div_ceil(of_panel)).collect();
        let panels = rows.par_chunks_mut(of_panel * inputs).zip(batch.par_chunks(of_panel * inputs));
        panels.zip(prepared).enumerate().for_each(|(panel, ((rows, batch), prepared))| {
            let images = (panel * of_panel..).zip(batch.chunks_exact(inputs));
            for (to, (index, image)) in rows.chunks_exact_mut(inputs).zip(images) {
                to.copy_from_slice(image);
                corruption.corrupt_input(state.step, index, &layout, to);
                to.iter_mut().zip(centre).for_each(|(pixel, bias)| *pixel -= bias);
            }
            kernels.prepare(rows, inputs, prepared);
        });
        Ok(())
    }

    /// Computes the codes. With lifetime sparsity, finds the survivors at once, and forgets the codes.
    fn compete<K: Kernels>(
        &mut self,
        units: &Units<'_, K>,
        state: &State<'_, K>,
        notes: &Notes,
    ) -> Result<()> {
        let batch = state.common.training.batch;
        let (own, all, first) =
            (self.survived.len(), state.portion.whole().code().channels, state.portion.units().start);
        let inputs = self.decoder_bias.len();
        let rows = self.rows.get(batch * inputs..2 * batch * inputs).unwrap_or_default();
        let prepared = &self.prepared;
        let Some(keep) = unit_places(&state.common) else {
            let Some(winners) = &mut self.winners else { return Ok(()) };
            return winners.encode(units, state, rows, prepared);
        };
        let in_whole = |error| match error {
            CoreError::NotFinite { what, index } => {
                CoreError::NotFinite { what, index: index / own * all + first + index % own }
            }
            error => error,
        };
        let width = Units::width(state.common.kernels, batch);
        let per_task = units_per_product(batch, inputs);
        self.lists.set_places(own, keep);
        let tasks = self.lists.tasks_of(per_task).into_par_iter().zip(self.found.par_chunks_mut(per_task));
        tasks.try_for_each_init(
            || Aligned::zeros(per_task * width),
            |codes, (mut task, found)| {
                let codes = codes.get_mut(..task.counts.len() * width).unwrap_or_default();
                let survivors = UnitSurvivors { values: task.values, images: task.rows, counts: task.counts };
                units.compete(task.first, batch, rows, prepared, codes, survivors).map_err(in_whole)?;
                let thresholds = notes.thresholds.get(task.first..).unwrap_or_default();
                let codes = codes.chunks_exact(width);
                for (((found, threshold), codes), unit) in
                    found.iter_mut().zip(thresholds).zip(codes).zip(task.units())
                {
                    *found = AtThreshold::new(*threshold, codes, unit.values);
                }
                wta_core::Result::Ok(())
            },
        )?;
        Ok(())
    }

    /// Finds the survivors of each unit and of each image.
    fn select<K: Kernels>(&mut self, state: &State<'_, K>, notes: &Notes) -> Result<()> {
        let batch = state.common.training.batch;
        if let Some(winners) = &mut self.winners {
            winners.select(state, &mut self.by_image)?;
            self.lists.fill(self.survived.len(), &self.by_image);
            let lists = &self.lists;
            let found = winners.rows().zip(&notes.thresholds).zip(&mut self.found).enumerate();
            found.for_each(|(unit, ((codes, threshold), found))| {
                *found = AtThreshold::new(*threshold, codes, lists.of(unit).values);
            });
            self.drop_hidden(state);
            if !self.factors.is_empty() {
                self.by_image.fill(batch, &self.lists);
            }
        } else {
            self.drop_hidden(state);
            self.by_image.fill(batch, &self.lists);
        }
        self.survived.copy_from_slice(self.lists.counts());
        Ok(())
    }

    /// Drops survivors and scales the others, before they are used any further.
    fn drop_hidden<K: Kernels>(&mut self, state: &State<'_, K>) {
        let corruption = state.common.training.corruption;
        let (all, first) = (state.portion.whole().code().channels, state.portion.units().start);
        if self.factors.is_empty() {
            return;
        }
        self.factors.par_chunks_mut(all).enumerate().for_each(|(image, factors)| {
            factors.fill(1.0);
            corruption.drop_hidden(state.step, image, factors);
        });
        let factors = &self.factors;
        self.lists.tasks().into_par_iter().for_each(|mut task| {
            for list in task.units() {
                let mut kept = 0;
                for index in 0..*list.count as usize {
                    let (value, image) = (list.values[index], list.rows[index]);
                    let factor = factors[image as usize * all + first + list.unit];
                    if factor > 0.0 {
                        (list.values[kept], list.rows[kept]) = (factor * value, image);
                        kept += 1;
                    }
                }
                *list.count = kept as u32;
            }
        });
    }

    /// Computes the residuals against the clean `images` and the decoder bias's gradient. Returns the loss
    /// and the largest residual.
    fn reconstruct<K: Kernels>(&mut self, state: &State<'_, K>, images: &[f32]) -> Result<(f32, f32)> {
        let Common { kernels, network, training } = state.common;
        let (inputs, scale) = (network.input().len(), 1.0 / training.batch as f32);
        let parameters = Parameters::new(network, state.parameters)?;
        let residuals = self.rows.get_mut(..training.batch * inputs).unwrap_or_default();
        let by_image = &self.by_image;
        let begin = |first: usize, residual: &mut [f32]| {
            let bias = parameters.decoder_bias().get(first..).unwrap_or_default();
            residual.iter_mut().zip(bias).for_each(|(to, bias)| *to = *bias);
        };
        let add = |image: usize, first: usize, residual: &mut [f32]| {
            let (values, units) = by_image.of(image);
            let atoms = parameters.atoms().get(first..).unwrap_or_default();
            kernels.weighted_row_sum(values, units, atoms, inputs, residual);
        };
        let is_alone = state.portion.is_alone();
        if !is_alone {
            chain(
                state.portion,
                &mut pixel_pieces(inputs, IMAGES_PER_PIECE, residuals),
                |piece| {
                    let (_, pixel) = place(piece.first, inputs);
                    piece.runs.iter_mut().for_each(|run| begin(pixel, run));
                },
                |piece| {
                    let (image, pixel) = place(piece.first, inputs);
                    (image..).zip(&mut piece.runs).for_each(|(image, run)| add(image, pixel, run));
                    Ok(())
                },
            )?;
            let ranks = state.portion.ranks();
            spread(ranks, Kind::Totals, ranks.size() - 1, residuals)?;
        }
        let parts = pixel_pieces(inputs, training.batch, residuals).into_par_iter();
        let parts = parts.zip(self.decoder_bias.par_chunks_mut(PIXELS));
        let sums: Vec<(f32, f32)> = parts
            .map(|(piece, gradient)| {
                let (mut loss, mut largest) = (0.0f32, 0);
                gradient.fill(0.0);
                let mut runs = piece.runs;
                for (group, residuals) in runs.chunks_mut(AT_ONCE).enumerate() {
                    let first = group * AT_ONCE;
                    for (image, residual) in (first..).zip(&mut *residuals) {
                        if is_bad(state.bad, image) {
                            residual.fill(0.0);
                            continue;
                        }
                        if is_alone {
                            begin(piece.first, residual);
                            add(image, piece.first, residual);
                        }
                        let pixels = images.get(image * inputs + piece.first..).unwrap_or_default();
                        residual.iter_mut().zip(pixels).for_each(|(residual, pixel)| *residual -= pixel);
                    }
                    let squares = squares(residuals);
                    let good = (first..).zip(residuals).zip(squares);
                    for ((_, residual), square) in good.filter(|((image, _), _)| !is_bad(state.bad, *image)) {
                        // One after the other: the loss has the same bits everywhere.
                        loss += square;
                        for (residual, sum) in residual.iter_mut().zip(gradient.iter_mut()) {
                            *residual *= scale;
                            *sum += *residual;
                            // What is not a number has larger bits than all others.
                            largest = largest.max(residual.abs().to_bits());
                        }
                    }
                }
                (loss, f32::from_bits(largest))
            })
            .collect();
        let loss = sums.iter().map(|(loss, _)| loss).sum::<f32>();
        let largest = sums.iter().fold(0.0, |a: f32, (_, b)| if *b <= a { a } else { *b });
        Ok((0.5 * loss * scale, largest))
    }

    fn find_deltas<K: Kernels>(&mut self, units: &Units<'_, K>, corruption: Corruption) {
        let rows = &self.rows;
        self.lists.tasks().into_par_iter().for_each(|mut task| {
            for list in task.units() {
                units.deltas(list.unit, list.rows, rows, list.deltas);
                corruption.scale_deltas(list.deltas);
            }
        });
    }

    /// If training is centred, takes off the gradient of the decoder's biases what they do to the codes: each
    /// unit's filter times the gradient of its bias, unit by unit.
    fn centre<K: Kernels>(&mut self, state: &State<'_, K>) -> Result<()> {
        let Common { network, training, .. } = state.common;
        if !training.dictionary.centred {
            return Ok(());
        }
        let inputs = network.input().len();
        let parameters = Parameters::new(network, state.parameters)?;
        let weights = parameters.filters(0).weights;
        let of_biases: Vec<f32> =
            self.lists.iter().map(|unit| unit.deltas.iter().fold(0.0, |sum, delta| sum + delta)).collect();
        chain(
            state.portion,
            &mut pixel_pieces(inputs, 1, &mut self.decoder_bias),
            |_| {},
            |piece| {
                for run in &mut piece.runs {
                    let survived = |(_, bias): &(_, &f32)| **bias != 0.0;
                    for (filter, bias) in weights.chunks_exact(inputs).zip(&of_biases).filter(survived) {
                        let filter = filter.iter().skip(piece.first);
                        run.iter_mut().zip(filter).for_each(|(to, weight)| *to -= bias * weight);
                    }
                }
                Ok(())
            },
        )?;
        if !state.portion.is_alone() {
            let ranks = state.portion.ranks();
            spread(ranks, Kind::Totals, ranks.size() - 1, &mut self.decoder_bias)?;
        }
        Ok(())
    }
}

/// The sums of squares of some runs, at most [`AT_ONCE`]. A run's squares are added one after the other, so
/// that a sum has the same bits everywhere; the runs' sums do not wait for one another.
fn squares(runs: &[&mut [f32]]) -> [f32; AT_ONCE] {
    let mut sums = [0.0; AT_ONCE];
    if let [a, b, c, d] = runs {
        for ((a, b), (c, d)) in a.iter().zip(&**b).zip(c.iter().zip(&**d)) {
            sums[0] += a * a;
            sums[1] += b * b;
            sums[2] += c * c;
            sums[3] += d * d;
        }
    } else {
        for (sum, run) in sums.iter_mut().zip(runs) {
            *sum = run.iter().fold(0.0, |sum, error| sum + error * error);
        }
    }
    sums
}

/// The number of images of a batch in which a unit can survive, if units do not compete with one another.
fn unit_places<K>(common: &Common<K>) -> Option<usize> {
    let training = &common.training;
    match training.sparsity.selection {
        Selection::Lifetime { rate } => Some(survivors(rate, training.batch)),
        Selection::All => Some(training.batch),
        Selection::PerSample { .. } | Selection::Batch { .. } => None,
    }
}
