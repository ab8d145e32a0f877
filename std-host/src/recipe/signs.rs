//! Both signs of a response: a filter and its negative, as two maps.
//!
//! A patch and its photographic negative are two patterns. A map's ReLU keeps one of them and loses the
//! other. With [`Signs::Both`], features are those of a network whose last layer has each filter twice: as it
//! is, and negated, with the same bias. It is exported and quantised like any other network. The host's
//! encoder computes its codes from the trained network
//! ([`Encoder::top_both_signs`](wta_core::Encoder::top_both_signs)), with half of its products.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::{Conv, Network, Role, Shape};

/// `"positive"` or `"both"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signs {
    /// The activations of training: `max(0, w x + b)` for each filter `w`.
    #[default]
    Positive,
    /// Those, and behind them `max(0, -w x + b)`: as many maps more.
    Both,
}

impl Signs {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(super) fn is_positive(&self) -> bool {
        *self == Self::Positive
    }

    /// The network that computes the features of this one.
    ///
    /// # Errors
    ///
    /// What the core says of a network that is too large.
    pub fn network(self, network: Network) -> wta_core::Result<Network> {
        if self == Self::Positive {
            return Ok(network);
        }
        let mut layers: Vec<Conv> = network.layers().map(|layer| layer.conv).collect();
        if let Some(last) = layers.last_mut() {
            last.maps = last.maps.saturating_mul(2);
        }
        let doubled = Network::convolutional(network.input(), &layers, network.decoder().conv.kernel)?;
        if network.is_tied() { doubled.tied() } else { Ok(doubled) }
    }

    /// The shape of the code of [`Signs::network`], of that of a network.
    pub fn code(self, code: Shape) -> Shape {
        let signs = if self == Self::Positive { 1 } else { 2 };
        Shape { channels: code.channels.saturating_mul(signs), ..code }
    }

    /// The parameters of [`Signs::network`], of those of `network`. Atoms are negated with their filters.
    pub fn parameters(self, network: &Network, parameters: &[f32]) -> Vec<f32> {
        if self == Self::Positive {
            return parameters.to_vec();
        }
        let last = network.depth().saturating_sub(1);
        let mut doubled = Vec::with_capacity(2 * parameters.len());
        for region in &network.regions() {
            let numbers = parameters.get(region.range.clone()).unwrap_or_default();
            doubled.extend_from_slice(numbers);
            match region.role {
                Role::Filters { layer } if layer == last => doubled.extend(numbers.iter().map(|v| -v)),
                Role::Bias { layer } if layer == last => doubled.extend_from_slice(numbers),
                Role::Atoms => doubled.extend(numbers.iter().map(|v| -v)),
                Role::Filters { .. } | Role::Bias { .. } | Role::DecoderBias => {}
            }
        }
        doubled
    }
}

#[cfg(test)]
mod tests {
    use wta_core::{Encoder, Initial, Parameters, Scalar, Size};

    use super::*;

    /// The dense code of an image, of both signs by the encoder if that is asked for.
    fn code(network: Network, parameters: &[f32], image: &[f32], signs: Signs) -> Vec<f32> {
        let parameters = Parameters::new(network, parameters).unwrap();
        let encoder = Encoder::new(Scalar, parameters, &mut []).unwrap();
        let mut inputs = vec![0.0; network.inputs_len()];
        let mut code = vec![0.0; signs.code(network.code()).len()];
        encoder.load(1, 0, image, &mut inputs).unwrap();
        encoder.hidden(1, &mut inputs, &mut []).unwrap();
        match signs {
            Signs::Positive => encoder.top(1, &inputs, &mut [], &mut code).unwrap(),
            Signs::Both => encoder.top_both_signs(1, &inputs, &mut [], &mut code).unwrap(),
        }
        code
    }

    #[test]
    fn negated_filters_come_behind_the_others() {
        let convs = [Conv::new(3, Size::square(3)), Conv::with_stride(5, Size::new(3, 2), Size::new(1, 2))];
        let convolutional = Network::convolutional(Shape::new(2, 5, 6), &convs, Size::square(5)).unwrap();
        let connected = Network::fully_connected(7, &[4]).unwrap();
        for network in [convolutional, connected, connected.tied().unwrap()] {
            let mut parameters = vec![0.0; network.parameters_len()];
            network.initialise(Initial::He, 3, &mut parameters).unwrap();
            parameters.iter_mut().enumerate().for_each(|(i, v)| *v += (i as f32).sin() * 0.1);
            let doubled = Signs::Both.network(network).unwrap();
            let both = Signs::Both.parameters(&network, &parameters);
            assert_eq!(both.len(), doubled.parameters_len());
            assert_eq!(doubled.is_tied(), network.is_tied());
            let image: Vec<f32> = (0..network.input().len()).map(|i| (i as f32 * 0.7).cos()).collect();
            let plain = code(network, &parameters, &image, Signs::Positive);
            let found = code(doubled, &both, &image, Signs::Positive);
            // The encoder gives the bits of the doubled network.
            assert_eq!(Signs::Both.code(network.code()), doubled.code());
            let bits = |code: &[f32]| code.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
            assert_eq!(bits(&code(network, &parameters, &image, Signs::Both)), bits(&found));
            // The negative activations are those of a network whose last filters are negated.
            let mut negated = parameters.clone();
            let last = network.depth() - 1;
            for region in &network.regions() {
                if region.role == (Role::Filters { layer: last }) {
                    negated[region.range.clone()].iter_mut().for_each(|v| *v = -*v);
                }
            }
            let negative = code(network, &negated, &image, Signs::Positive);
            let maps = network.code().channels;
            for (position, found) in found.chunks(2 * maps).enumerate() {
                let at = position * maps..(position + 1) * maps;
                assert_eq!(found[..maps], plain[at.clone()]);
                assert_eq!(found[maps..], negative[at]);
            }
            assert!(found.iter().any(|v| *v > 0.0));
            assert_eq!(Signs::Positive.network(network).unwrap(), network);
            assert_eq!(Signs::Positive.parameters(&network, &parameters), parameters);
        }
    }
}
