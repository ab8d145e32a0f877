//! A whole step of FC-WTA unit by unit, for a microcontroller: with SGD it keeps two vectors of parameters
//! where [`Trainer`] keeps three.
//!
//! A unit's gradient is a combination of its survivors' images and residuals. So it can be made in one row of
//! scratch memory and update the unit's weights at once: no gradient of all units is stored, and of the codes
//! only the survivors. In exchange the residuals of the whole batch are kept.
//!
//! Every number gets its terms in the order of [`Trainer`], so weights, moments, losses and refusals are the
//! same to the bit. Weights are updated while the gradient is computed, so divergence must be detected first.
//! The sums of each unit's survivors and deltas, the largest pixel and the largest residual bound every entry
//! of the gradient. Only if that bound is too large is the whole gradient computed once more, to check it. So
//! it is where the gradient is clipped by its norm ([`Norm`]), which is known before the first update.
//!
//! Images that are clamped or skipped ([`Guard`]) are clamped, and looked through, wherever they are read:
//! no memory is taken for it.
//!
//! [`Trainer`]: crate::Trainer

use core::ops::Range;

use crate::cut::cut;
use crate::error::{Error, Result, expect_len};
use crate::field::ReceptiveFields;
use crate::kernels::Kernels;
use crate::limits::{SAFE_GRADIENT, expect_within, is_subnormal};
use crate::logging::logged;
use crate::math;
use crate::memory::{part, part_mut, parts};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::runs::{column_mut, pieces, runs, runs_mut};
use crate::select::{Selection, Sparsity, of_batch, survivors};
use crate::train::config::{Scratch, TrainingConfig, TrainingLen};
use crate::train::fetch::{Fetch, InPlace, Written};
use crate::train::guard::Guard;
use crate::train::norm::{Norm, clip};
use crate::train::optimizer::{Method, Update};
use crate::train::state::{State, state_methods};
use crate::train::timing::Stopwatch;
use crate::units::Units;
use crate::unrolled::{clear, copy_row};

/// Units whose codes are computed together: an image is read once for all of them.
const GROUP: usize = 8;

parts! {
    struct Floats of f32, for (inputs: usize, units: usize, batch: usize, keep: usize) {
        /// The survivors' activations, unit by unit.
        values: units.saturating_mul(keep),
        /// Their deltas.
        deltas: units.saturating_mul(keep),
        /// The batch's residuals, image by image, over the batch size once they are complete.
        residuals: batch.saturating_mul(inputs),
        /// A row of the gradient.
        gradient: inputs,
        /// The codes of a group of units, each a row over the batch. Empty where every image may survive:
        /// codes are then computed right where the survivors will be.
        codes: if keep < batch { group(units).saturating_mul(batch) } else { 0 },
    }
}

parts! {
    struct Indices of u32, for (units: usize, keep: usize) {
        /// The survivors' images.
        images: units.saturating_mul(keep),
        /// How many survivors each unit has.
        counts: units,
    }
}

/// The memory that [`UnitTrainer`] needs.
pub const fn unit_training_len(
    network: &Network,
    sparsity: &Sparsity,
    method: &Method,
    batch: usize,
) -> TrainingLen {
    let (inputs, units) = (network.input().channels, network.code().channels);
    let parameters = network.parameters_len();
    let keep = places(sparsity, batch);
    TrainingLen {
        parameters,
        moments: parameters.saturating_mul(method.moments()),
        floats: Floats::len(inputs, units, batch, keep),
        indices: Indices::len(units, keep),
        cuts: 0,
    }
}

/// In how many images of a batch a unit may survive.
const fn places(sparsity: &Sparsity, batch: usize) -> usize {
    match sparsity.selection {
        Selection::Lifetime { rate } => {
            let keep = survivors(rate, batch);
            if keep < batch { keep } else { batch }
        }
        Selection::All | Selection::PerSample { .. } | Selection::Batch { .. } => batch,
    }
}

const fn group(units: usize) -> usize {
    if units < GROUP { units } else { GROUP }
}

/// A fully-connected network with one encoder layer, in training.
#[derive(Debug)]
pub struct UnitTrainer<'m, K> {
    kernels: K,
    state: State<'m>,
}

impl<'m, K: Kernels> UnitTrainer<'m, K> {
    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a network that [`Units`] cannot train, for corruption, for kernels that prepare
    /// the images (hosts' kernels), and for settings that make no sense. [`Error::Length`] for memory of
    /// other lengths than [`unit_training_len`] says. [`Error::NotFinite`] if a parameter is not finite.
    #[allow(clippy::too_many_arguments, reason = "a trainer's parts")]
    pub fn new(
        kernels: K,
        network: Network,
        config: TrainingConfig,
        step: u64,
        parameters: &'m mut [f32],
        moments: &'m mut [f32],
        scratch: Scratch<'m>,
    ) -> Result<Self> {
        logged!(config.check(&network))?;
        if !config.corruption.is_none() {
            return logged!(Err(Error::Invalid(
                "training unit by unit hides nothing from the network: set no corruption",
            )));
        }
        if kernels.prepared_len(1, network.input().len()) > 0 {
            return logged!(Err(Error::Invalid(
                "training unit by unit reads images in place: take the scalar kernels",
            )));
        }
        logged!(config.dictionary.expect_not_centred())?;
        let len = Self::len(&network, &config);
        let state = State::new((network, config, step), len, parameters, moments, scratch)?;
        logged!(Units::new(kernels, Parameters::new(network, state.parameters)?))?;
        Ok(Self { kernels, state })
    }

    fn len(network: &Network, config: &TrainingConfig) -> TrainingLen {
        unit_training_len(network, &config.sparsity, &config.optimizer.method, config.batch)
    }

    state_methods!();

    /// One step on a batch. Returns the loss: half the squared error summed over an image, averaged over the
    /// batch, and `f32::MAX` for more than that.
    ///
    /// The images are gone through once for every 8 units and twice more. Each survivor's image is fetched by
    /// `nth`, which should take no time: take slices' iterators, [`runs`], or a `map` of one. The
    /// images may lie in flash.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when the batch has another number of images or an image another size,
    /// [`Error::BadImage`] for a bad image that is not skipped (see [`Guard`]), [`Error::Invalid`] when all
    /// are skipped, [`Error::NotFinite`] if an activation is not finite, [`Error::Diverged`] for a gradient
    /// out of all bounds. The parameters and moments are then as before the step.
    pub fn step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]> + Clone) -> Result<f32> {
        logged!(self.step_on(&mut InPlace::new(images)))
    }

    /// [`UnitTrainer::step`] on `count` images that do not lie in memory as floats: `write(i, image)` writes
    /// image `i`, as often as it is read. `image` is scratch memory of as many numbers as an image has.
    ///
    /// # Errors
    ///
    /// As for [`UnitTrainer::step`]; [`Error::Length`] for an `image` of another length.
    pub fn step_by_number(
        &mut self,
        count: usize,
        image: &mut [f32],
        write: impl FnMut(usize, &mut [f32]),
    ) -> Result<f32> {
        logged!(self.step_on(&mut Written::new(count, image, write)))
    }

    fn step_on(&mut self, images: &mut impl Fetch) -> Result<f32> {
        let kernels = self.kernels;
        let State { network, config, parameters, moments, scratch, step, skipped, stopwatch } =
            &mut self.state;
        let layout = Layout::new(network);
        let mut memory = Memory::new(scratch, layout, config);
        let weights = layout.weights(parameters);
        stopwatch.start();
        let (pixel, found) = memory.check(config, images)?;
        *skipped = found;
        memory.compete(kernels, weights, config.sparsity.selection, images, stopwatch)?;
        let (loss, square) = memory.reconstruct(kernels, weights, images);
        memory.find_deltas(kernels, weights);
        let factor = memory.expect_sane(kernels, pixel, square, images)?;
        stopwatch.lap(|timing| &mut timing.learn);

        let update = config.optimizer.update(*step, config.steps);
        memory.update(kernels, &update, factor, images, moments, parameters);
        config.dictionary.scale_atoms(network, parameters);
        stopwatch.lap(|timing| &mut timing.update);
        Ok(self.state.finish_step(loss))
    }
}

/// Where the parts of the flat parameter vector lie: filters, biases, atoms (unless tied), the decoder's
/// bias.
#[derive(Clone, Copy)]
struct Layout {
    inputs: usize,
    units: usize,
    tied: bool,
}

impl Layout {
    const fn new(network: &Network) -> Self {
        Self { inputs: network.input().channels, units: network.code().channels, tied: network.is_tied() }
    }

    /// Where a unit's filter starts.
    const fn filter(self, unit: usize) -> usize {
        unit * self.inputs
    }

    /// Where a unit's bias is.
    const fn bias(self, unit: usize) -> usize {
        self.filter(self.units) + unit
    }

    /// Where a unit's atom starts; its filter, when tied.
    const fn atom(self, unit: usize) -> usize {
        if self.tied { self.filter(unit) } else { self.bias(self.units) + unit * self.inputs }
    }

    /// Where the decoder's bias starts.
    const fn decoder_bias(self) -> usize {
        if self.tied { self.bias(self.units) } else { self.atom(self.units) }
    }

    fn weights(self, parameters: &[f32]) -> Weights<'_> {
        let filters = self.inputs * self.units;
        Weights {
            filters: part(parameters, self.filter(0), filters),
            bias: part(parameters, self.bias(0), self.units),
            atoms: part(parameters, self.atom(0), filters),
            decoder_bias: part(parameters, self.decoder_bias(), self.inputs),
        }
    }
}

/// The parameters before the update.
#[derive(Clone, Copy)]
struct Weights<'a> {
    filters: &'a [f32],
    bias: &'a [f32],
    atoms: &'a [f32],
    decoder_bias: &'a [f32],
}

/// The scratch memory, by what it holds: see [`Floats`] and [`Indices`].
struct Memory<'a> {
    layout: Layout,
    guard: Guard,
    /// Whether an image of the batch is not what training sees: clamped, or with subnormal numbers.
    changes: bool,
    batch: usize,
    /// Places of each unit in the lists of survivors.
    keep: usize,
    values: &'a mut [f32],
    deltas: &'a mut [f32],
    images: &'a mut [u32],
    counts: &'a mut [u32],
    residuals: &'a mut [f32],
    gradient: &'a mut [f32],
    codes: &'a mut [f32],
}

/// The codes of some images, one after the other, from rows over the batch.
#[derive(Clone)]
struct ByImage<'a> {
    codes: &'a [f32],
    batch: usize,
    /// The next code, and whose it is.
    at: usize,
    image: usize,
    /// The first image that does not belong to them.
    end: usize,
}

impl Iterator for ByImage<'_> {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        let code = *self.codes.get(self.at).filter(|_| self.image < self.end)?;
        self.at += self.batch;
        if self.at >= self.codes.len() {
            self.image += 1;
            self.at = self.image;
        }
        Some(code)
    }
}

/// The survivors of one unit.
#[derive(Clone, Copy)]
struct Survivors<'a> {
    values: &'a [f32],
    deltas: &'a [f32],
    images: &'a [u32],
}

impl<'a> Survivors<'a> {
    /// Activation, delta and image of each.
    fn iter(self) -> impl Iterator<Item = (f32, f32, usize)> + use<'a> {
        let survivors = self.values.iter().zip(self.deltas).zip(self.images);
        survivors.map(|((value, delta), image)| (*value, *delta, *image as usize))
    }
}

impl<'a> Memory<'a> {
    fn new(scratch: &'a mut Scratch<'_>, layout: Layout, config: &TrainingConfig) -> Self {
        let Layout { inputs, units, .. } = layout;
        let batch = config.batch;
        let keep = places(&config.sparsity, batch);
        let (floats, _) = Floats::split(scratch.floats, inputs, units, batch, keep);
        let Floats { values, deltas, residuals, gradient, codes } = floats;
        let (Indices { images, counts }, _) = Indices::split(scratch.indices, units, keep);
        Self {
            layout,
            guard: config.guard,
            changes: false,
            batch,
            keep,
            values,
            deltas,
            images,
            counts,
            residuals,
            gradient,
            codes,
        }
    }

    /// The survivors of a unit.
    fn survivors(&self, unit: usize) -> Survivors<'_> {
        let (start, count) = (unit * self.keep, self.counts.get(unit).map_or(0, |count| *count as usize));
        Survivors {
            values: part(self.values, start, count),
            deltas: part(self.deltas, start, count),
            images: part(self.images, start, count),
        }
    }

    /// Checks the number of the images, their size and their pixels. Returns the largest pixel, by its
    /// absolute value, and how many images are skipped.
    fn check(&mut self, config: &TrainingConfig, images: &mut impl Fetch) -> Result<(f32, usize)> {
        let (mut found, mut good, mut largest) = (0, 0, 0);
        self.changes = self.guard.inputs.is_some();
        images.restart();
        while let Some(image) = images.next() {
            if found == self.batch {
                return Err(config.too_many_images());
            }
            expect_len("image", self.layout.inputs, image.len())?;
            // Without their sign, numbers are ordered as their bits are, and what is not finite comes last.
            let (largest_here, smallest_here) =
                image.iter().map(|v| v.to_bits() << 1).fold((0, u32::MAX), |(largest, smallest), bits| {
                    (bits.max(largest), bits.wrapping_sub(1).min(smallest))
                });
            self.changes = self.changes || is_subnormal(smallest_here);
            if largest_here <= self.guard.largest_good() {
                largest = largest.max(largest_here);
                good += 1;
            } else {
                self.guard.admits(found, image)?;
            }
            found += 1;
        }
        expect_len("batch", self.batch, found)?;
        Ok((f32::from_bits(largest >> 1), self.guard.expect_good(self.batch, good)?))
    }

    /// Finds the survivors.
    fn compete<K: Kernels>(
        &mut self,
        kernels: K,
        weights: Weights<'_>,
        selection: Selection,
        images: &mut impl Fetch,
        stopwatch: &mut Stopwatch,
    ) -> Result<()> {
        let (inputs, batch) = (self.layout.inputs, self.batch);
        let whole = self.keep == batch;
        let groups = pieces(weights.filters, GROUP * inputs).zip(pieces(weights.bias, GROUP));
        for (group, (filters, bias)) in groups.enumerate() {
            let first = group * GROUP;
            let mut column = [0.0; GROUP];
            let column = part_mut(&mut column, 0, bias.len());
            let start = if whole { first * batch } else { 0 };
            let codes = if whole { &mut *self.values } else { &mut *self.codes };
            let codes = part_mut(codes, start, bias.len() * batch);
            images.restart();
            for index in 0..batch {
                let Some(image) = images.next() else { break };
                if self.guard.skips() && self.guard.first_bad(image).is_some() {
                    column.fill(0.0);
                } else {
                    let image = clamped(self.changes, &self.guard, image, self.gradient);
                    kernels.unit_activations(filters, bias, image, &[], column);
                }
                for (to, code) in column_mut(codes, index, batch).zip(&*column) {
                    *to = *code;
                }
            }
            stopwatch.lap(|timing| &mut timing.compete);
            if !whole {
                self.select_group(kernels, first, bias.len())?;
                stopwatch.lap(|timing| &mut timing.select);
            }
        }
        if whole {
            self.select_whole(selection)?;
            stopwatch.lap(|timing| &mut timing.select);
        }
        Ok(())
    }

    /// Notes the survivors of some units, whose codes have been computed: lifetime sparsity.
    fn select_group<K: Kernels>(&mut self, kernels: K, first: usize, count: usize) -> Result<()> {
        let keep = self.keep;
        let start = first * keep;
        let places = runs_mut(part_mut(self.values, start, count * keep), keep);
        let images = self.images.get_mut(start..start + count * keep).unwrap_or_default();
        let places = places.zip(runs_mut(images, keep));
        let counts = self.counts.get_mut(first..first + count).unwrap_or_default();
        let rows = runs(self.codes, self.batch).zip(counts);
        for ((unit, (row, count)), (values, images)) in (first..).zip(rows).zip(places) {
            *count = kernels
                .row_survivors(row, values, images)
                .map_err(|error| error.map_index(|image| image * self.layout.units + unit))?;
        }
        Ok(())
    }

    /// Turns the codes of the whole batch, which the lists hold, into lists.
    fn select_whole(&mut self, selection: Selection) -> Result<()> {
        let (units, batch) = (self.layout.units, self.batch.max(1));
        let rows = runs(self.values, batch).enumerate();
        let mut broken = rows.flat_map(|(unit, row)| {
            let broken = row.iter().enumerate().filter(|(_, value)| !value.is_finite());
            broken.map(move |(image, _)| image * units + unit)
        });
        let broken = match selection {
            Selection::Lifetime { .. } => broken.next(),
            Selection::All => broken.min(),
            Selection::PerSample { count } => {
                for image in 0..batch {
                    self.select_among(image..image.saturating_add(1), count)?;
                }
                None
            }
            Selection::Batch { count } => {
                self.select_among(0..batch, of_batch(count, batch))?;
                None
            }
        };
        if let Some(index) = broken {
            return Err(Error::NotFinite { what: "candidates", index });
        }
        let rows = runs_mut(self.values, batch).zip(runs_mut(self.images, batch));
        for ((values, images), count) in rows.zip(&mut *self.counts) {
            *count = close_up(values, images);
        }
        Ok(())
    }

    /// Sets the codes of some images that are not among the `keep` largest of them to 0.
    // Not inlined: it takes a good part of a small flash, and is called in two places.
    #[inline(never)]
    fn select_among(&mut self, images: Range<usize>, keep: usize) -> Result<()> {
        let batch = self.batch.max(1);
        let Range { start, end } = images;
        let cut = cut(ByImage { codes: self.values, batch, at: start, image: start, end }, keep)?;
        let mut index = 0;
        for image in start..end {
            for value in column_mut(self.values, image, batch) {
                if !cut.keeps(index, *value) {
                    *value = 0.0;
                }
                index += 1;
            }
        }
        Ok(())
    }

    /// The residuals of the batch. Returns the loss, and the largest squared error of an image.
    fn reconstruct<K: Kernels>(
        &mut self,
        kernels: K,
        weights: Weights<'_>,
        images: &mut impl Fetch,
    ) -> (f32, f32) {
        let inputs = self.layout.inputs.max(1);
        let fields = row_fields(inputs);
        for residual in runs_mut(self.residuals, inputs) {
            copy_row(weights.decoder_bias, residual);
        }
        let lists = runs(self.values, self.keep).zip(runs(self.images, self.keep));
        let lists = lists.zip(&*self.counts).zip(runs(weights.atoms, inputs));
        for (((values, images), count), atom) in lists {
            for (value, image) in values.iter().zip(images).take(*count as usize) {
                let residual = part_mut(self.residuals, *image as usize * inputs, inputs);
                kernels.add_to_field(&fields, 0, *value, atom, residual);
            }
        }
        let scale = 1.0 / self.batch as f32;
        let (mut loss, mut largest) = (0.0, 0.0);
        images.restart();
        for residual in runs_mut(self.residuals, inputs) {
            // Not zipped: a caller's `chunks_exact` would divide by its length, which may link a panic.
            let Some(image) = images.next() else { break };
            if self.guard.skips() && self.guard.first_bad(image).is_some() {
                residual.fill(0.0);
                continue;
            }
            let mut square = 0.0;
            let image = clamped(self.changes, &self.guard, image, self.gradient);
            for (residual, pixel) in residual.iter_mut().zip(image) {
                let error = *residual - pixel;
                square += error * error;
                *residual = error * scale;
            }
            loss += 0.5 * square;
            // What is not a number stays, because no comparison with it holds.
            largest = if square <= largest || f32::is_nan(largest) { largest } else { square };
        }
        (loss * scale, largest)
    }

    /// The survivors' deltas: the product of a unit's atom with the image's residual.
    fn find_deltas<K: Kernels>(&mut self, kernels: K, weights: Weights<'_>) {
        let (inputs, keep) = (self.layout.inputs, self.keep.max(1));
        let fields = row_fields(inputs);
        let lists = runs_mut(self.deltas, keep).zip(runs(self.images, keep));
        let lists = lists.zip(&*self.counts).zip(runs(weights.atoms, inputs));
        for (((deltas, images), count), atom) in lists {
            for (delta, image) in deltas.iter_mut().zip(images).take(*count as usize) {
                let residual = part(self.residuals, *image as usize * inputs, inputs);
                *delta = kernels.field_dot(&fields, 0, residual, atom);
            }
        }
    }

    /// `Ok` when every number of the gradient can be applied: exactly when the whole gradient would pass
    /// [`expect_sane`](crate::expect_sane). Where the gradient is clipped, it is computed as a whole for its
    /// norm; returned is what it is to be multiplied by.
    ///
    /// `pixel` is the largest pixel, `square` the largest squared error of an image.
    fn expect_sane<K: Kernels>(
        &mut self,
        kernels: K,
        pixel: f32,
        square: f32,
        images: &mut impl Fetch,
    ) -> Result<Option<f32>> {
        // The square of an error below 1e-22 may be rounded to 0.
        let residual = math::sqrt(square) + 1e-18;
        // No element of a unit's gradient exceeds the sum of its survivors' values (or deltas) times the
        // largest residual (or pixel). What is not a number fails the comparison.
        let (layout, limit) = (self.layout, self.guard.gradient_limit());
        let clip = self.guard.gradient_norm;
        let safe = clip.is_none()
            && (0..layout.units).all(|unit| {
                let survivors = self.survivors(unit);
                let values = survivors.values.iter().sum::<f32>();
                let deltas = survivors.deltas.iter().map(|delta| delta.abs()).sum::<f32>();
                values * residual + deltas * pixel.max(1.0) < SAFE_GRADIENT
            });
        let mut worst: Option<usize> = None;
        let mut note = |result: Result<()>| {
            if let Err(Error::Diverged { index }) = result {
                worst = Some(worst.map_or(index, |worst| worst.min(index)));
            }
        };
        // Filters, biases, atoms, the decoder's bias.
        let mut norms = [Norm::ZERO; 4];
        let [of_filters, of_biases, of_atoms, of_decoder_bias] = &mut norms;
        let mut inspect = |norm: &mut Norm, start, gradient: &[f32]| {
            if clip.is_some() {
                norm.add(Norm::of(gradient));
            }
            note(expect_within(limit, start, gradient));
        };
        if !safe {
            for unit in 0..layout.units {
                self.filter_gradient(kernels, unit, images);
                inspect(of_filters, layout.filter(unit), self.gradient);
                inspect(of_biases, layout.bias(unit), &[self.bias_gradient(unit)]);
                if !layout.tied {
                    self.atom_gradient(kernels, unit);
                    inspect(of_atoms, layout.atom(unit), self.gradient);
                }
            }
        }
        self.decoder_bias_gradient();
        inspect(of_decoder_bias, layout.decoder_bias(), self.gradient);
        if let Some(index) = worst {
            return Err(Error::Diverged { index });
        }
        let mut norm = Norm::ZERO;
        norms.iter().for_each(|region| norm.add(*region));
        Ok(clip.and_then(|largest| norm.factor(largest)))
    }

    /// Changes all parameters; the row of the gradient holds the decoder bias's.
    fn update<K: Kernels>(
        &mut self,
        kernels: K,
        update: &Update,
        factor: Option<f32>,
        images: &mut impl Fetch,
        moments: &mut [f32],
        parameters: &mut [f32],
    ) {
        let layout = self.layout;
        let (first, second) = moments.split_at_mut_checked(parameters.len()).unwrap_or_default();
        let mut apply = |decays, start, gradient: &mut [f32]| {
            clip(factor, gradient);
            let len = gradient.len();
            let (first, second) = (part_mut(first, start, len), part_mut(second, start, len));
            update.apply(kernels, decays, gradient, first, second, part_mut(parameters, start, len));
        };
        apply(false, layout.decoder_bias(), self.gradient);
        for unit in 0..layout.units {
            self.filter_gradient(kernels, unit, images);
            apply(true, layout.filter(unit), self.gradient);
            apply(false, layout.bias(unit), &mut [self.bias_gradient(unit)]);
            if !layout.tied {
                self.atom_gradient(kernels, unit);
                apply(true, layout.atom(unit), self.gradient);
            }
        }
    }

    /// The gradient of a unit's filter into the row.
    fn filter_gradient<K: Kernels>(&mut self, kernels: K, unit: usize, images: &mut impl Fetch) {
        let Layout { inputs, tied, .. } = self.layout;
        let fields = row_fields(inputs);
        // The row is taken out, so that the lists can be read.
        let gradient = core::mem::take(&mut self.gradient);
        clear(gradient);
        for (value, delta, image) in self.survivors(unit).iter() {
            if tied {
                let residual = part(self.residuals, image * inputs, inputs);
                kernels.add_to_filter(&fields, 0, value, residual, gradient);
            }
            if let Some(image) = images.nth(image) {
                if !self.changes {
                    kernels.add_to_filter(&fields, 0, delta, image, gradient);
                } else {
                    add_clamped(&self.guard, delta, image, gradient);
                }
            }
        }
        self.gradient = gradient;
    }

    /// The gradient of a unit's bias.
    fn bias_gradient(&self, unit: usize) -> f32 {
        self.survivors(unit).deltas.iter().fold(0.0, |sum, delta| sum + delta)
    }

    /// The gradient of a unit's atom into the row.
    fn atom_gradient<K: Kernels>(&mut self, kernels: K, unit: usize) {
        let gradient = core::mem::take(&mut self.gradient);
        clear(gradient);
        let survivors = self.survivors(unit);
        kernels.weighted_row_sum(
            survivors.values,
            survivors.images,
            self.residuals,
            self.layout.inputs,
            gradient,
        );
        self.gradient = gradient;
    }

    /// The gradient of the decoder's bias into the row.
    fn decoder_bias_gradient(&mut self) {
        clear(self.gradient);
        for residual in runs(self.residuals, self.layout.inputs) {
            self.gradient.iter_mut().zip(residual).for_each(|(to, from)| *to += from);
        }
    }
}

/// An image as training sees it: itself, or clamped, in `place`. Without a guard, that is a question and no
/// call.
#[inline(always)]
fn clamped<'a>(changes: bool, guard: &Guard, image: &'a [f32], place: &'a mut [f32]) -> &'a [f32] {
    if changes { clamp(guard, image, place) } else { image }
}

#[inline(never)]
fn clamp<'a>(guard: &Guard, image: &[f32], place: &'a mut [f32]) -> &'a [f32] {
    let place = part_mut(place, 0, image.len());
    place.iter_mut().zip(image).for_each(|(to, from)| *to = guard.clamp(*from));
    place
}

/// Adds a clamped image to a row of the gradient, as the scalar kernels add an image: there is no room for
/// all of it. No other kernels come here, because they prepare the images.
#[inline(never)]
fn add_clamped(guard: &Guard, delta: f32, image: &[f32], gradient: &mut [f32]) {
    for (to, from) in gradient.iter_mut().zip(image) {
        *to += delta * guard.clamp(*from);
    }
}

/// A whole row as the one field of a layer.
fn row_fields(len: usize) -> ReceptiveFields {
    ReceptiveFields {
        rows: 1,
        row_len: len,
        row_stride: len,
        height: 1,
        width: 1,
        step_down: len,
        step_right: len,
    }
}

/// Moves the positive values of a row over the batch to its start, and notes their images. Returns how many
/// there are.
fn close_up(values: &mut [f32], images: &mut [u32]) -> u32 {
    let mut count = 0;
    for image in 0..values.len() {
        let value = values.get(image).copied().unwrap_or(0.0);
        if value > 0.0
            && let (Some(to), Some(place)) = (values.get_mut(count), images.get_mut(count))
        {
            (*to, *place) = (value, image as u32);
            count += 1;
        }
    }
    count as u32
}
