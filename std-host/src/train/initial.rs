//! The weights that training begins with: random ones, or patches of the training samples.
//!
//! `initial = "patches"` is for the first layer of an autoencoder; those above it begin at random. Of a
//! fully-connected layer, patches are whole samples:
//!
//! 1. Patches of the size of the layer's kernel are cut at random places of random training samples. Flat
//!    patches are skipped.
//! 2. A filter is a patch minus the mean of the layer's receptive fields, scaled to the average norm of
//!    [`Initial::He`]'s random filters; if its decoder is tied to it, to a smaller norm.
//! 3. The filter's bias makes it active in a share of the receptive fields. If the layer is the only one,
//!    that is the lifetime sparsity rate; without lifetime sparsity, and with layers above, it is a half.
//! 4. If the layer is the only one, and the decoder's kernel as large as its own, the filter's atom is the
//!    same patch, with the norm of He's atoms.
//!
//! `initial = "transposed"` is for dictionaries: atoms are random directions of norm 1, and the filters are
//! the same. Where training is centred, the decoder's bias begins as the mean of the samples.
//!
//! The receptive fields include those that reach over the border, with their zeros, so that no filter
//! responds to the border itself.
//!
//! Coates and Ng (2011) showed how well patches alone work as a dictionary. The paper says nothing about
//! initial weights.
//!
//! [`Initial::He`]: wta_core::Initial::He

use std::f32::consts::SQRT_2;

use rayon::prelude::*;
use wta_core::{Layer, Network, Random, Role, scale_atom, scale_atoms};

use super::set::TrainingSet;
use crate::error::Result;
use crate::recipe::{Architecture, InitialRecipe, Resolved};

/// The norm of a filter: that of `n` numbers with a standard deviation of `sqrt(2 / n)`.
const FILTER_NORM: f32 = SQRT_2;

/// The norm of an atom. Units with larger atoms tend to die ([`wta_core::Initial::He`]).
const ATOM_NORM: f32 = 0.01;

/// The norm of a filter that is an atom, too. The responses and what is made of them have its square: with a
/// hundred active units, a sample that they all resemble comes back as large as it was.
const TIED_NORM: f32 = 0.1;

/// The number of receptive fields from which the mean and the biases are computed.
pub(super) const FIELDS: usize = 2_000;

/// The least probability of a visible unit at the beginning. One that is never on would have a bias without
/// bounds.
const RAREST: f64 = 0.001;

/// The number of samples, evenly spaced, from which the mean is computed that a centred network begins with.
const MOST_FOR_MEAN: usize = 10_000;

/// The number of samples that are loaded at a time.
const BLOCK: usize = 64;

/// How often the search for patches that are not flat passes over all samples.
const PASSES: usize = 10;

/// The stream of the seed that draws the places of the patches. Epochs use the streams from 1 on,
/// preprocessing those from the end.
const STREAM: u64 = 1 << 63;

/// Fills the flat parameter vector with the recipe's initial weights.
///
/// # Errors
///
/// [`Error::Core`](crate::Error::Core) if the core refuses the network; any error of a sample.
pub fn initialise(resolved: &Resolved, set: &dyn TrainingSet, parameters: &mut [f32]) -> Result<()> {
    let (recipe, network) = (resolved.recipe(), resolved.network());
    let seed = recipe.training.seed;
    network.initialise(resolved.initial(), seed, parameters)?;
    if let Architecture::Rbm { mean_bias: true, .. } = recipe.network {
        let biases = parameters.get_mut(network.decoder_bias_start()..).unwrap_or_default();
        biases.copy_from_slice(&log_odds(&mean_of(set, 1, network.input().len())?));
    }
    if recipe.dictionary.centred {
        let biases = parameters.get_mut(network.decoder_bias_start()..).unwrap_or_default();
        let means = mean_of(set, set.len().div_ceil(MOST_FOR_MEAN).max(1), network.input().len())?;
        biases.iter_mut().zip(means).for_each(|(bias, mean)| *bias = mean as f32);
    }
    if recipe.network.initial() == InitialRecipe::Transposed {
        transpose(&network, seed, parameters);
    }
    if recipe.dictionary.unit_atoms {
        scale_atoms(&network, parameters);
    }
    if recipe.starts_from_patches()
        && let Some(layer) = network.layer(0)
    {
        let mut random = Random::stream(seed, STREAM);
        let patches = cut(&layer, set, Place::Inside, layer.conv.maps, &mut random)?;
        let fields = cut(&layer, set, Place::Anywhere, FIELDS, &mut random)?;
        let share = recipe.sparsity.lifetime.filter(|_| network.depth() == 1).unwrap_or(0.5);
        imprint(&network, &layer, &patches, &fields, share, parameters);
    }
    Ok(())
}

/// About how many samples [`initialise`] reads of so many.
pub(super) fn samples_read(resolved: &Resolved, samples: usize) -> usize {
    let recipe = resolved.recipe();
    let means = match recipe.network {
        Architecture::Rbm { mean_bias: true, .. } => samples,
        _ if recipe.dictionary.centred => samples.min(MOST_FOR_MEAN),
        _ => 0,
    };
    let patches = match resolved.network().layer(0).filter(|_| recipe.starts_from_patches()) {
        // Each patch is cut from another sample.
        Some(layer) => layer.conv.maps.saturating_add(FIELDS),
        None => 0,
    };
    means.saturating_add(patches)
}

/// Makes the filters random directions of norm 1, and the atoms the same.
fn transpose(network: &Network, seed: u64, parameters: &mut [f32]) {
    let mut random = Random::stream(seed, STREAM);
    let len = network.input().len().max(1);
    let filters = len * network.code().channels;
    let (of_units, rest) = parameters.split_at_mut_checked(filters).unwrap_or_default();
    of_units.iter_mut().for_each(|weight| *weight = random.normal());
    of_units.chunks_exact_mut(len).for_each(scale_atom);
    for region in network.regions().iter().filter(|region| region.role == Role::Atoms) {
        let atoms = rest.get_mut(region.range.start - filters..region.range.end - filters);
        atoms.unwrap_or_default().copy_from_slice(of_units);
    }
}

/// The mean of all samples, or of one in every so many.
fn mean_of(set: &dyn TrainingSet, every: usize, len: usize) -> Result<Vec<f64>> {
    let all: Vec<usize> = (0..set.len()).step_by(every).collect();
    let (mut sums, mut samples) = (vec![0.0f64; len], vec![0.0; BLOCK.min(all.len()) * len]);
    for chosen in all.chunks(BLOCK) {
        let samples = samples.get_mut(..chosen.len() * len).unwrap_or_default();
        set.write(chosen, samples)?;
        for sample in samples.chunks_exact(len) {
            sums.iter_mut().zip(sample).for_each(|(sum, v)| *sum += f64::from(*v));
        }
    }
    Ok(sums.into_iter().map(|sum| sum / all.len().max(1) as f64).collect())
}

/// The bias with which a unit is on with each of these probabilities.
fn log_odds(probabilities: &[f64]) -> Vec<f32> {
    let bounded = probabilities.iter().map(|p| p.clamp(RAREST, 1.0 - RAREST));
    bounded.map(|p| (p / (1.0 - p)).ln() as f32).collect()
}

/// The places where patches are cut.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Anywhere inside the sample; flat patches are skipped.
    Inside,
    /// At the layer's receptive fields, which include its border of zeros.
    Anywhere,
}

impl Place {
    /// The index in the padded sample at which a random patch begins.
    fn draw(self, layer: &Layer, random: &mut Random) -> usize {
        let (input, output, kernel) = (layer.input, layer.output(), layer.conv.kernel);
        let mut below = |bound: usize| random.below(bound as u32) as usize;
        match self {
            Self::Inside => {
                let top = below(input.height.saturating_sub(kernel.height) + 1);
                let left = below(input.width.saturating_sub(kernel.width) + 1);
                layer.padded().output_layout().at(top, left)
            }
            Self::Anywhere => {
                let row = below(output.height);
                layer.receptive_fields().offset(row, below(output.width))
            }
        }
    }
}

/// At most `count` patches of the layer's kernel, one after the other; fewer if almost all are flat.
pub(super) fn cut(
    layer: &Layer,
    set: &dyn TrainingSet,
    place: Place,
    count: usize,
    random: &mut Random,
) -> Result<Vec<f32>> {
    let (len, padded) = (layer.input.len(), layer.padded());
    let mut order: Vec<usize> = (0..set.len()).collect();
    random.shuffle(&mut order);
    let wanted = count * layer.filter_len();
    let mut patches = Vec::with_capacity(wanted);
    let mut samples = vec![0.0; BLOCK.min(order.len()) * len];
    let mut map = vec![0.0; padded.len()];
    for chosen in (0..PASSES).flat_map(|_| order.chunks(BLOCK)) {
        let samples = samples.get_mut(..chosen.len() * len).unwrap_or_default();
        set.write(chosen, samples)?;
        for sample in samples.chunks_exact(len) {
            padded.fill(sample, &mut map);
            let start = patches.len();
            layer
                .receptive_fields()
                .field(place.draw(layer, random), &map)
                .for_each(|row| patches.extend_from_slice(row));
            if place == Place::Inside && is_flat(patches.get(start..).unwrap_or_default()) {
                patches.truncate(start);
            }
            if patches.len() >= wanted {
                return Ok(patches);
            }
        }
    }
    Ok(patches)
}

/// Whether all numbers are the same, so that the patch shows nothing.
fn is_flat(patch: &[f32]) -> bool {
    patch.iter().all(|v| Some(v) == patch.first())
}

/// Sets filters and atoms from the patches, and biases from the receptive fields. A unit keeps its random
/// filter and atom if it has no patch, or if its patch equals the mean.
fn imprint(
    network: &Network,
    layer: &Layer,
    patches: &[f32],
    fields: &[f32],
    share: f32,
    parameters: &mut [f32],
) {
    let len = layer.filter_len();
    let mean = mean(fields, len);
    let filters: Vec<Option<Vec<f32>>> =
        patches.par_chunks_exact(len).map(|patch| difference(patch, &mean)).collect();
    for region in &network.regions() {
        let scale = match region.role {
            Role::Filters { layer: 0 } if network.is_tied() => TIED_NORM,
            Role::Filters { layer: 0 } => FILTER_NORM,
            Role::Atoms if network.depth() == 1 && network.decoder().conv.kernel == layer.conv.kernel => {
                ATOM_NORM
            }
            _ => continue,
        };
        let weights = parameters.get_mut(region.range.clone()).unwrap_or_default();
        weights.par_chunks_exact_mut(len).zip(&filters).for_each(|(weights, filter)| {
            if let Some(filter) = filter {
                weights.iter_mut().zip(filter).for_each(|(weight, v)| *weight = scale * v);
            }
        });
    }
    let Some((filters, rest)) = parameters.split_at_mut_checked(layer.filters_len()) else { return };
    let biases = rest.get_mut(..layer.conv.maps).unwrap_or_default();
    filters.par_chunks_exact(len).zip(biases).for_each(|(filter, bias)| {
        *bias = -exceeded_by(share, fields.chunks_exact(len).map(|field| dot(filter, field)).collect());
    });
}

pub(super) fn mean(rows: &[f32], len: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; len];
    for row in rows.chunks_exact(len) {
        sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
    }
    let count = (rows.len() / len).max(1) as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

/// The patch minus the mean, scaled to a norm of 1; `None` if it equals the mean.
pub(super) fn difference(patch: &[f32], mean: &[f32]) -> Option<Vec<f32>> {
    let rest: Vec<f32> = patch.iter().zip(mean).map(|(v, mean)| v - mean).collect();
    let norm = rest.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    let scale = (1.0 / norm) as f32;
    (norm > 0.0 && scale.is_finite()).then(|| rest.iter().map(|v| scale * v).collect())
}

/// The number that this share of the responses exceeds, if all responses differ; at least one exceeds it.
pub(super) fn exceeded_by(share: f32, mut responses: Vec<f32>) -> f32 {
    let Some(last) = responses.len().checked_sub(1) else { return 0.0 };
    let above = ((share * responses.len() as f32).round() as usize).max(1).min(last);
    *responses.select_nth_unstable_by(above, |a, b| b.total_cmp(a)).1
}

/// A dot product in sixteen partial sums, which the compiler can compute side by side.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0; 16];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{self, Recipe};
    use std::ops::Range;
    use wta_core::{Initial, Parameters, Shape};

    /// Samples of 2 channels and 6 x 5 positions: every fifth is flat, the others are noise around a slope.
    struct Noisy(usize);

    const SHAPE: Shape = Shape::new(2, 6, 5);

    impl Noisy {
        fn sample(index: usize) -> Vec<f32> {
            let mut random = Random::stream(9, index as u64);
            let flat = index.is_multiple_of(5);
            (0..SHAPE.len()).map(|i| if flat { 0.0 } else { i as f32 * 0.02 + random.normal() }).collect()
        }
    }

    impl TrainingSet for Noisy {
        fn len(&self) -> usize {
            self.0
        }

        fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
            to.chunks_exact_mut(SHAPE.len())
                .zip(indices)
                .for_each(|(to, index)| to.copy_from_slice(&Self::sample(*index)));
            Ok(())
        }
    }

    fn recipe(network: &str) -> Recipe {
        recipe::parse(
            &format!(
                r#"
            name = "test"
            about = "a test"
            data = {{ set = "mnist" }}
            network = {{ {network}, initial = "patches" }}
            sparsity = {{ lifetime = 0.1 }}
            training = {{ epochs = 1, batch = 10, optimizer = "adam", rate = 1e-3 }}
            "#
            ),
            "test",
        )
        .unwrap()
    }

    fn convolution(maps: usize, decoder_kernel: usize) -> Recipe {
        recipe(&format!(
            r#"kind = "convolutional", encoder = [{{ maps = {maps}, kernel = [3, 2] }}], decoder_kernel = [{decoder_kernel}, 2]"#
        ))
    }

    fn initial(recipe: &Recipe, set: &dyn TrainingSet) -> (Network, Vec<f32>) {
        let resolved = recipe.resolve(SHAPE).unwrap();
        let mut parameters = vec![f32::NAN; resolved.network().parameters_len()];
        initialise(&resolved, set, &mut parameters).unwrap();
        (resolved.network(), parameters)
    }

    /// The patch of 3 x 2 positions and two channels that begins at this place, with zeros outside the
    /// sample.
    fn part(sample: &[f32], top: i32, left: i32) -> Vec<f32> {
        let pixels = (0..3).flat_map(|row| (0..2).map(move |column| (top + row, left + column)));
        let number = |row: i32, column: i32, channel: i32| {
            let inside = (0..6).contains(&row) && (0..5).contains(&column);
            if inside { sample[((row * 5 + column) * 2 + channel) as usize] } else { 0.0 }
        };
        pixels.flat_map(|(row, column)| [0, 1].map(|channel| number(row, column, channel))).collect()
    }

    /// The patches of a sample that begin in these rows and columns.
    fn parts(sample: &[f32], tops: Range<i32>, lefts: Range<i32>) -> Vec<Vec<f32>> {
        tops.flat_map(|top| lefts.clone().map(move |left| part(sample, top, left))).collect()
    }

    /// All patches of the samples, without flat ones.
    fn all_patches(samples: usize) -> Vec<Vec<f32>> {
        let samples = (0..samples).filter(|index| !index.is_multiple_of(5)).map(Noisy::sample);
        samples.flat_map(|sample| parts(&sample, 0..4, 0..4)).collect()
    }

    /// The receptive fields of all samples. The border of zeros is one row before the image, one row after
    /// it, and one column after it.
    fn all_fields(samples: usize) -> Vec<Vec<f32>> {
        (0..samples).map(Noisy::sample).flat_map(|sample| parts(&sample, -1..5, 0..5)).collect()
    }

    fn norm(v: &[f32]) -> f32 {
        dot(v, v).sqrt()
    }

    #[test]
    fn filters_are_patches_less_their_mean_and_atoms_small_copies() {
        let (network, parameters) = initial(&convolution(8, 3), &Noisy(100));
        let view = Parameters::new(network, &parameters).unwrap();
        let filters = view.filters(0);
        let patches = all_patches(100);
        // The mean of all fields is close to that of the fields that were drawn.
        let mean = mean(&all_fields(100).concat(), 12);
        for (filter, atom) in filters.weights.chunks_exact(12).zip(view.atoms().chunks_exact(12)) {
            assert!((norm(filter) - SQRT_2).abs() < 1e-5);
            let likeness = |patch: &Vec<f32>| dot(filter, &difference(patch, &mean).unwrap()) / norm(filter);
            let best = patches.iter().map(likeness).fold(-1.0, f32::max);
            assert!(best > 0.998, "{best}");
            for (filter, atom) in filter.iter().zip(atom) {
                assert!((filter * ATOM_NORM / FILTER_NORM - atom).abs() < 1e-6);
            }
        }
        assert!(view.decoder_bias().iter().all(|v| *v == 0.0));
    }

    #[test]
    fn each_filter_is_active_in_the_lifetime_share_of_the_fields() {
        let (network, parameters) = initial(&convolution(8, 3), &Noisy(2_000));
        let filters = Parameters::new(network, &parameters).unwrap().filters(0);
        let fields = all_fields(2_000);
        for (filter, bias) in filters.weights.chunks_exact(12).zip(filters.bias) {
            let active = fields.iter().filter(|field| dot(filter, field) + bias > 0.0).count();
            let share = active as f32 / fields.len() as f32;
            assert!((0.06..0.15).contains(&share), "{share}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let mut recipe = convolution(8, 3);
        let (_, first) = initial(&recipe, &Noisy(100));
        assert_eq!(first, initial(&recipe, &Noisy(100)).1);
        recipe.set_seed(2);
        assert_ne!(first, initial(&recipe, &Noisy(100)).1);
    }

    #[test]
    fn where_there_is_no_patch_the_weights_are_random() {
        let he = |recipe: &Recipe| {
            let network = recipe.resolve(SHAPE).unwrap().network();
            let mut parameters = vec![0.0; network.parameters_len()];
            network.initialise(Initial::He, 1, &mut parameters).unwrap();
            parameters
        };
        let same = |recipe: &Recipe, samples: usize| {
            let (network, found) = initial(recipe, &Noisy(samples));
            let random = he(recipe);
            let found = Parameters::new(network, &found).unwrap();
            let random = Parameters::new(network, &random).unwrap();
            (found.filters(0).weights == random.filters(0).weights, found.atoms() == random.atoms())
        };
        assert_eq!(same(&convolution(8, 3), 100), (false, false));
        assert_eq!(same(&convolution(8, 3), 1), (true, true), "the only sample is flat");
        assert_eq!(same(&convolution(8, 1), 100), (false, true), "the atoms are of another size");
        let turned = recipe(
            r#"kind = "convolutional", encoder = [{ maps = 8, kernel = [3, 2] }], decoder_kernel = [2, 3]"#,
        );
        assert_eq!(same(&turned, 100), (false, true), "the atoms are of another form");
    }

    #[test]
    fn of_a_fully_connected_layer_a_patch_is_a_whole_sample() {
        let recipe = recipe(r#"kind = "fully-connected", units = [7]"#);
        let (network, parameters) = initial(&recipe, &Noisy(40));
        let filters = Parameters::new(network, &parameters).unwrap().filters(0);
        let samples: Vec<Vec<f32>> = (0..40_usize).map(Noisy::sample).collect();
        let mean = mean(&samples.concat(), SHAPE.len());
        for filter in filters.weights.chunks_exact(SHAPE.len()) {
            let likeness =
                |sample: &Vec<f32>| dot(filter, &difference(sample, &mean).unwrap()) / norm(filter);
            assert!(samples.iter().map(likeness).fold(-1.0, f32::max) > 0.999);
        }
    }

    #[test]
    fn of_a_deep_encoder_the_first_layer_alone_begins_with_patches() {
        let deep = recipe(
            r#"kind = "convolutional", encoder = [{ maps = 8, kernel = [3, 2] }, { maps = 4, kernel = [3, 2] }], decoder_kernel = [3, 2]"#,
        );
        let (network, parameters) = initial(&deep, &Noisy(2_000));
        let mut random = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, 1, &mut random).unwrap();
        let (found, random) =
            (Parameters::new(network, &parameters).unwrap(), Parameters::new(network, &random).unwrap());
        assert_eq!(found.filters(1).weights, random.filters(1).weights);
        assert_eq!(found.filters(1).bias, random.filters(1).bias);
        assert_eq!(found.atoms(), random.atoms());
        let first = found.filters(0);
        let (patches, fields) = (all_patches(200), all_fields(200));
        let mean = mean(&all_fields(2_000).concat(), 12);
        for (filter, bias) in first.weights.chunks_exact(12).zip(first.bias) {
            assert!((norm(filter) - SQRT_2).abs() < 1e-5);
            let share = fields.iter().filter(|field| dot(filter, field) + bias > 0.0).count() as f32;
            // A fifth of the samples is flat, with one response to all of them.
            assert!((0.25..0.6).contains(&(share / fields.len() as f32)), "half of the fields");
            let likeness = |patch: &Vec<f32>| dot(filter, &difference(patch, &mean).unwrap()) / norm(filter);
            assert!(patches.iter().map(likeness).fold(-1.0, f32::max) > 0.8, "some patch");
        }
    }

    #[test]
    fn filters_that_are_atoms_are_small_patches() {
        for network in [
            r#"kind = "fully-connected", units = [7], tied = true"#,
            r#"kind = "convolutional", encoder = [{ maps = 8, kernel = 3 }], decoder_kernel = 3, tied = true"#,
        ] {
            let (network, parameters) = initial(&recipe(network), &Noisy(100));
            let view = Parameters::new(network, &parameters).unwrap();
            let len = network.layer(0).unwrap().filter_len();
            for filter in view.filters(0).weights.chunks_exact(len) {
                assert!((norm(filter) - TIED_NORM).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn visible_biases_begin_at_the_log_odds_of_the_mean() {
        let mut rbm = recipe::load("mnist-rbm").unwrap();
        let first = initial(&rbm, &Noisy(100));
        assert!(first.1[first.0.decoder_bias_start()..].iter().all(|bias| *bias == 0.0));
        if let Architecture::Rbm { mean_bias, .. } = &mut rbm.network {
            *mean_bias = true;
        }
        let (network, parameters) = initial(&rbm, &Noisy(100));
        let start = network.decoder_bias_start();
        assert_eq!(parameters[..start], first.1[..start], "all else is as it was");
        let samples: Vec<f32> = (0..100).flat_map(Noisy::sample).collect();
        for (index, bias) in parameters[start..].iter().enumerate() {
            let numbers = samples.iter().skip(index).step_by(SHAPE.len());
            let mean = (numbers.sum::<f32>() / 100.0).clamp(0.001, 0.999);
            assert!((1.0 / (1.0 + (-bias).exp()) - mean).abs() < 1e-4, "{index}");
        }
    }

    #[test]
    fn the_share_is_counted() {
        let responses: Vec<f32> = (0..100).map(|v| (v * 37 % 100) as f32).collect();
        assert_eq!(exceeded_by(0.1, responses.clone()), 89.0);
        assert_eq!(exceeded_by(0.0, responses.clone()), 98.0);
        assert_eq!(exceeded_by(1.0, responses), 0.0);
        assert_eq!(exceeded_by(0.5, vec![4.0]), 4.0);
        assert_eq!(exceeded_by(0.5, Vec::new()), 0.0);
    }
}
