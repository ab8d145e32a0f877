//! New weights for maps that never win.
//!
//! A map without a survivor gets no gradient, and so stays as it is: dead. With `training.revive`, a map that
//! had no survivor in a whole epoch begins again, unless that was the last epoch:
//!
//! - its filter is a random patch of the training samples less their mean (of an encoder of several layers,
//!   random numbers), with the average norm of the filters that live;
//! - its bias makes it active in the share of the receptive fields that is the lifetime sparsity rate (a half
//!   without one); of an encoder of several layers it is 0;
//! - its atom is the same patch where it is as large as the filter, or else random numbers, with the average
//!   norm of the atoms that live;
//! - its moments are 0.
//!
//! The patches are drawn by seed and epoch, so that neither threads nor interruptions change them.

use std::ops::Range;

use wta_core::{Network, Random, Role};

use super::initial::{FIELDS, Place, cut, difference, dot, exceeded_by, mean};
use super::set::TrainingSet;
use crate::error::Result;
use crate::recipe::Resolved;

/// The stream of the seed that draws the patches of the epochs, from 1 on, behind that of the initial ones.
const STREAM: u64 = 1 << 63;

/// Begins the maps `dead` again after epoch `epoch` (from 1).
///
/// # Errors
///
/// Any error of a sample.
pub(super) fn revive(
    resolved: &Resolved,
    set: &dyn TrainingSet,
    epoch: u64,
    dead: &[usize],
    parameters: &mut [f32],
    moments: &mut [f32],
) -> Result<()> {
    let (network, recipe) = (resolved.network(), resolved.recipe());
    let layer = network.top();
    let mut random = Random::stream(recipe.training.seed, STREAM.wrapping_add(epoch));
    let len = layer.filter_len().max(1);
    let (patches, fields) = if network.depth() == 1 {
        let patches = cut(&layer, set, Place::Inside, dead.len(), &mut random)?;
        (patches, cut(&layer, set, Place::Anywhere, FIELDS, &mut random)?)
    } else {
        (Vec::new(), Vec::new())
    };
    let mean = mean(&fields, len);
    let mut patches = patches.chunks_exact(len);
    let share = recipe.sparsity.lifetime.unwrap_or(0.5);
    let rows = Rows::new(&network);
    let filter_norm = living_norm(&rows.filters, len, dead, parameters);
    let atom_len = network.decoder().filter_len().max(1);
    let atom_norm = living_norm(&rows.atoms, atom_len, dead, parameters);
    let mut unit = |len: usize| -> Vec<f32> {
        let numbers: Vec<f32> = (0..len).map(|_| random.normal()).collect();
        difference(&numbers, &vec![0.0; len]).unwrap_or(numbers)
    };
    for map in dead {
        let patch = patches.next().and_then(|patch| difference(patch, &mean));
        let direction = patch.clone().unwrap_or_else(|| unit(len));
        let filter: Vec<f32> = direction.iter().map(|v| filter_norm * v).collect();
        let bias = match fields.is_empty() {
            true => 0.0,
            false => -exceeded_by(share, fields.chunks_exact(len).map(|field| dot(&filter, field)).collect()),
        };
        let atom = patch.filter(|_| network.decoder().conv.kernel == layer.conv.kernel);
        let atom = atom.unwrap_or_else(|| unit(atom_len));
        let mut put = |region: &Range<usize>, numbers: &[f32]| {
            let start = region.start + map * numbers.len();
            let place = start..(start + numbers.len()).min(region.end);
            if let Some(place) = parameters.get_mut(place.clone()) {
                place.copy_from_slice(numbers);
            }
            for moments in moments.chunks_mut(network.parameters_len().max(1)) {
                moments.get_mut(place.clone()).unwrap_or_default().fill(0.0);
            }
        };
        put(&rows.filters, &filter);
        put(&rows.biases, &[bias]);
        if !network.is_tied() {
            put(&rows.atoms, &atom.iter().map(|v| atom_norm * v).collect::<Vec<f32>>());
        }
    }
    Ok(())
}

/// Where the last layer's filters and biases and the atoms lie.
#[derive(Default)]
struct Rows {
    filters: Range<usize>,
    biases: Range<usize>,
    atoms: Range<usize>,
}

impl Rows {
    fn new(network: &Network) -> Self {
        let last = network.depth().saturating_sub(1);
        let mut rows = Self::default();
        for region in &network.regions() {
            match region.role {
                Role::Filters { layer } if layer == last => rows.filters = region.range.clone(),
                Role::Bias { layer } if layer == last => rows.biases = region.range.clone(),
                Role::Atoms => rows.atoms = region.range.clone(),
                Role::Filters { .. } | Role::Bias { .. } | Role::DecoderBias => {}
            }
        }
        rows
    }
}

/// The average norm of the rows of maps that live; 1 if none does.
fn living_norm(region: &Range<usize>, len: usize, dead: &[usize], parameters: &[f32]) -> f32 {
    let rows = parameters.get(region.clone()).unwrap_or_default().chunks_exact(len);
    let living = rows.enumerate().filter(|(map, _)| dead.binary_search(map).is_err());
    let norms: Vec<f64> =
        living.map(|(_, row)| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()).collect();
    if norms.is_empty() { 1.0 } else { (norms.iter().sum::<f64>() / norms.len() as f64) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe;
    use wta_core::Shape;

    /// Samples of noise.
    struct Noise;

    impl TrainingSet for Noise {
        fn len(&self) -> usize {
            50
        }

        fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
            for (sample, index) in to.chunks_exact_mut(2 * 6 * 5).zip(indices) {
                let mut random = Random::stream(5, *index as u64);
                sample.iter_mut().for_each(|v| *v = random.normal());
            }
            Ok(())
        }
    }

    #[test]
    fn the_dead_begin_again_and_the_living_stay() {
        for network in [
            "kind = 'convolutional', encoder = [{ maps = 6, kernel = 3 }], decoder_kernel = 3",
            "kind = 'convolutional', encoder = [{ maps = 6, kernel = 3 }], decoder_kernel = 5",
            "kind = 'convolutional', encoder = [{ maps = 3, kernel = 3 }, { maps = 6, kernel = 3 }], decoder_kernel = 3",
            "kind = 'fully-connected', units = [6], tied = true",
        ] {
            let text = format!(
                "name = 'x'\nabout = 'x'\ndata = {{ set = 'mnist' }}\nnetwork = {{ {network}, initial = 'he' }}\n\
                 sparsity = {{ lifetime = 0.2 }}\n\
                 training = {{ epochs = 1, batch = 10, optimizer = 'adam', rate = 1e-3 }}\n"
            );
            let resolved = recipe::parse(&text, "x").unwrap().resolve(Shape::new(2, 6, 5)).unwrap();
            let network = resolved.network();
            let mut before = vec![0.0; network.parameters_len()];
            network.initialise(resolved.initial(), 1, &mut before).unwrap();
            before.iter_mut().for_each(|v| *v += 0.125);
            let renewed = |epoch: u64, dead: &[usize]| {
                let (mut parameters, mut moments) = (before.clone(), vec![1.0; 2 * before.len()]);
                revive(&resolved, &Noise, epoch, dead, &mut parameters, &mut moments).unwrap();
                (parameters, moments)
            };
            let (found, moments) = renewed(3, &[1, 4]);
            assert_eq!(renewed(3, &[1, 4]), (found.clone(), moments.clone()));
            assert_ne!(renewed(4, &[1, 4]).0, found, "each epoch has patches of its own");
            assert_eq!(renewed(3, &[]).0, before);
            let rows = Rows::new(&network);
            let mut places = vec![false; before.len()];
            for region in [rows.filters.clone(), rows.biases, rows.atoms] {
                let len = region.len() / 6;
                for map in [1, 4] {
                    places[region.start + map * len..region.start + (map + 1) * len].fill(true);
                }
            }
            for (index, (is_new, (before, found))) in places.iter().zip(before.iter().zip(&found)).enumerate()
            {
                assert_eq!(*is_new, before != found, "{text}{index}");
                assert_eq!(*is_new, moments[index] == 0.0);
                assert_eq!(*is_new, moments[before_len(&moments) + index] == 0.0);
            }
            let len = rows.filters.len() / 6;
            let norm = |map: usize| {
                let filter = &found[rows.filters.start + map * len..rows.filters.start + (map + 1) * len];
                filter.iter().map(|v| v * v).sum::<f32>().sqrt()
            };
            let living = [0, 2, 3, 5].map(norm).iter().sum::<f32>() / 4.0;
            assert!((norm(1) - living).abs() < 1e-4 && (norm(4) - living).abs() < 1e-4, "{text}");
        }
    }

    fn before_len(moments: &[f32]) -> usize {
        moments.len() / 2
    }

    #[test]
    fn where_none_lives_the_norm_is_1() {
        assert_eq!(living_norm(&(0..4), 2, &[0, 1], &[3.0, 4.0, 0.0, 1.0]), 1.0);
        assert_eq!(living_norm(&(0..4), 2, &[1], &[3.0, 4.0, 0.0, 1.0]), 5.0);
    }
}
