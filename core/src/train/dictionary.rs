//! What training keeps in shape of a dictionary: the norm of its atoms, and the mean that the decoder's bias
//! takes off the samples.
//!
//! A network that was trained *centred* encodes `W (x - c) + b`, with the decoder's bias `c`. Folded, that is
//! a plain network with the biases `b - W c`: see [`fold`]. So only training knows of it.

use crate::error::{Error, Result, expect_len};
use crate::memory::{part, part_mut};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::runs::{runs, runs_mut};
use crate::train::norm::Norm;

/// What training keeps in shape of a dictionary; [`Dictionary::FREE`] for nothing, as in the paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dictionary {
    /// After each step, each atom is scaled to a norm of 1. Otherwise a network can make its code small and
    /// its atoms long.
    pub unit_atoms: bool,
    /// The decoder's bias is taken off the image before it is encoded. For one fully-connected layer.
    pub centred: bool,
}

impl Dictionary {
    /// Atoms of any norm; images are encoded as they are.
    pub const FREE: Self = Self { unit_atoms: false, centred: false };

    /// The settings as bits.
    pub(crate) const fn bits(&self) -> u32 {
        self.unit_atoms as u32 | (self.centred as u32) << 1
    }

    /// `Ok` when `network` can be trained so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a centred network other than one fully-connected layer.
    pub const fn check(&self, network: &Network) -> Result<()> {
        if self.centred && !(network.is_fully_connected() && network.depth() == 1) {
            return Err(Error::Invalid("only a fully-connected network of one layer is trained centred"));
        }
        Ok(())
    }

    /// `Ok` unless training is centred: for trainers that read images in place, and take nothing off them,
    /// and for files, whose parameters are those of a plain network.
    pub(crate) const fn expect_not_centred(&self) -> Result<()> {
        if self.centred {
            return Err(Error::Invalid(
                "only Trainer takes the decoder's bias off the images, and its state is not for a file",
            ));
        }
        Ok(())
    }

    /// Takes the decoder's bias off an image, if training is centred.
    pub(crate) fn centre(&self, parameters: Parameters<'_>, image: &mut [f32]) {
        if self.centred {
            image.iter_mut().zip(parameters.decoder_bias()).for_each(|(pixel, bias)| *pixel -= bias);
        }
    }

    /// Takes off the gradient of the decoder's bias what it does to the codes, if training is centred: each
    /// unit's filter times the gradient of its bias, unit by unit.
    pub(crate) fn add_bias_gradient(
        &self,
        parameters: Parameters<'_>,
        of_biases: &[f32],
        of_decoder_bias: &mut [f32],
    ) {
        if self.centred {
            let filters = runs(parameters.filters(0).weights, of_decoder_bias.len());
            for (filter, bias) in filters.zip(of_biases) {
                of_decoder_bias.iter_mut().zip(filter).for_each(|(to, weight)| *to -= bias * weight);
            }
        }
    }

    /// Scales the atoms after a step, if they are to have a norm of 1.
    pub(crate) fn scale_atoms(&self, network: &Network, parameters: &mut [f32]) {
        if self.unit_atoms {
            scale_atoms(network, parameters);
        }
    }
}

/// Scales all atoms of a network to a norm of 1: the decoder's, or of a tied network the filters.
/// `parameters` is the flat vector. An atom of zeros stays as it is.
// Not inlined: who has free atoms should not pay for it with stack.
#[inline(never)]
pub fn scale_atoms(network: &Network, parameters: &mut [f32]) {
    let decoder = network.decoder();
    let len = decoder.filters_len();
    // A tied network's atoms are its filters, which come first; others lie before the decoder's bias.
    let start = if network.is_tied() { 0 } else { network.decoder_bias_start().saturating_sub(len) };
    runs_mut(part_mut(parameters, start, len), decoder.filter_len()).for_each(scale_atom);
}

/// Scales one atom to a norm of 1.
pub fn scale_atom(atom: &mut [f32]) {
    if let Some(factor) = Norm::of(atom).inverse() {
        atom.iter_mut().for_each(|weight| *weight *= factor);
    }
}

/// Turns the parameters of a network that was trained centred into those of a plain one, which gives the same
/// codes and reconstructions: the bias of each unit becomes `b - W c`.
///
/// # Errors
///
/// [`Error::Invalid`] unless the network is one fully-connected layer, [`Error::Length`] when `parameters` is
/// not [`Network::parameters_len`] long.
pub fn fold(network: &Network, parameters: &mut [f32]) -> Result<()> {
    add_to_biases(network, -1.0, parameters)
}

/// The reverse of [`fold`], up to rounding.
///
/// # Errors
///
/// As for [`fold`].
pub fn unfold(network: &Network, parameters: &mut [f32]) -> Result<()> {
    add_to_biases(network, 1.0, parameters)
}

/// Adds `factor * W c` to the biases.
fn add_to_biases(network: &Network, factor: f32, parameters: &mut [f32]) -> Result<()> {
    Dictionary { centred: true, ..Dictionary::FREE }.check(network)?;
    expect_len("parameters", network.parameters_len(), parameters.len())?;
    let (inputs, units) = (network.input().channels, network.code().channels);
    let (filters, rest) = parameters.split_at_mut_checked(inputs * units).unwrap_or_default();
    let (biases, rest) = rest.split_at_mut_checked(units).unwrap_or_default();
    let centre = part(rest, rest.len() - inputs.min(rest.len()), inputs);
    for (filter, bias) in runs(filters, inputs).zip(biases) {
        // In double precision: a mean that is large beside the rest loses no digits of the code.
        let product =
            filter.iter().zip(centre).fold(0.0f64, |sum, (a, b)| sum + f64::from(*a) * f64::from(*b));
        *bias = (f64::from(*bias) + f64::from(factor) * product) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::network::Network;
    use crate::parameters::{Initial, Role};
    use crate::{Conv, Encoder, Scalar, Shape, Size};
    use std::vec;
    use std::vec::Vec;

    fn parameters(network: &Network) -> Vec<f32> {
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::Normal(0.7), 3, &mut parameters).unwrap();
        let biases = parameters.len() - network.input().channels..;
        parameters[biases].iter_mut().zip(1..).for_each(|(bias, i)| *bias = i as f32 * 0.3);
        parameters
    }

    fn code(network: &Network, parameters: &[f32], image: &[f32]) -> Vec<f32> {
        let parameters = Parameters::new(*network, parameters).unwrap();
        let encoder = Encoder::new(Scalar, parameters, &mut []).unwrap();
        let (mut layers, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
        encoder.load(1, 0, image, &mut layers).unwrap();
        encoder.top(1, &layers, &mut [], &mut code).unwrap();
        code
    }

    #[test]
    fn a_folded_network_gives_the_codes_of_the_centred_one() {
        let network = Network::fully_connected(5, &[7]).unwrap();
        for network in [network, network.tied().unwrap()] {
            let raw = parameters(&network);
            let mut folded = raw.clone();
            fold(&network, &mut folded).unwrap();
            let image = [0.3, -0.2, 2.0, 0.7, 1.1];
            let centred: Vec<f32> =
                image.iter().zip(&raw[raw.len() - 5..]).map(|(pixel, bias)| pixel - bias).collect();
            let (expected, found) = (code(&network, &raw, &centred), code(&network, &folded, &image));
            assert!(expected.iter().any(|value| *value > 0.0));
            for (a, b) in expected.iter().zip(&found) {
                assert!((a - b).abs() < 1e-5, "{expected:?} {found:?}");
            }
            unfold(&network, &mut folded).unwrap();
            for (a, b) in raw.iter().zip(&folded) {
                assert!((a - b).abs() < 1e-5);
            }
        }
        let deep = Network::fully_connected(5, &[7, 3]).unwrap();
        assert!(fold(&deep, &mut parameters(&deep)).is_err());
        assert!(fold(&network, &mut [0.0; 3]).is_err());
    }

    #[test]
    fn atoms_get_a_norm_of_1_and_nothing_else_changes() {
        let layers = [Conv::new(3, Size::square(3)), Conv::new(4, Size::square(2))];
        let conv = Network::convolutional(Shape::new(2, 6, 5), &layers, Size::new(3, 5)).unwrap();
        let units = Network::fully_connected(5, &[7]).unwrap();
        for network in [conv, units, units.tied().unwrap()] {
            let before = parameters(&network);
            let mut after = before.clone();
            let atoms = if network.is_tied() { Role::Filters { layer: 0 } } else { Role::Atoms };
            let regions = network.regions();
            let atoms = regions.iter().find(|region| region.role == atoms).unwrap().range.clone();
            let len = network.decoder().filter_len();
            after[atoms.start..atoms.start + len].fill(0.0);
            scale_atoms(&network, &mut after);
            for (index, (a, b)) in before.iter().zip(&after).enumerate() {
                assert!(atoms.contains(&index) || a == b, "{index}");
            }
            for (index, atom) in after[atoms].chunks(len).enumerate() {
                let norm = atom.iter().map(|v| v * v).sum::<f32>().sqrt();
                assert!((norm - f32::from(u8::from(index > 0))).abs() < 1e-6, "{norm}");
            }
        }
    }

    #[test]
    fn no_length_of_an_atom_breaks_it() {
        for exponent in [-149, -140, -126, -100, -60, 0, 60, 126] {
            let mut atom = [0.75 * 2.0f32.powi(exponent), -0.5 * 2.0f32.powi(exponent)];
            scale_atom(&mut atom);
            assert!(atom.iter().all(|weight| weight.is_finite()), "2^{exponent}: {atom:?}");
            if exponent > -120 {
                let norm = atom[0].hypot(atom[1]);
                assert!((norm - 1.0).abs() < 1e-6, "2^{exponent}: {atom:?}");
            }
        }
    }
}
