//! The link between two layers of a stack: it turns the features of one into the input of the next.

use wta_core::{Network, Shape};

use crate::layout::planar;

/// The link from the features of the layer below (maps side by side at each position) to the network above.
#[derive(Clone, Copy, Debug)]
pub struct LayerLink {
    features: Shape,
    scale: f32,
    /// Whether maps are reordered: a fully-connected network takes them one after the other, as PyTorch
    /// flattens them.
    planar: bool,
}

impl LayerLink {
    /// A link from features of this shape to the input of `network`, with the factor `scale`.
    pub fn new(features: Shape, network: &Network, scale: f32) -> Self {
        let planar = network.is_fully_connected() && features.positions() > 1 && features.channels > 1;
        Self { features, scale, planar }
    }

    /// The scale that brings the root mean square of the features to 1, so that one learning rate and one
    /// initialisation suit every layer. If all features are 0, the scale is 1.
    pub fn unit_scale(features: impl Iterator<Item = f32>) -> f32 {
        let (mut sum, mut count) = (0.0f64, 0u64);
        for feature in features {
            sum += f64::from(feature) * f64::from(feature);
            count += 1;
        }
        if sum > 0.0 { (count as f64 / sum).sqrt() as f32 } else { 1.0 }
    }

    /// Writes one image's features as the next layer's input.
    pub fn write(&self, features: &[f32], to: &mut [f32]) {
        if self.planar {
            let from = planar(self.features, features);
            to.iter_mut().zip(from).for_each(|(to, feature)| *to = feature * self.scale);
        } else {
            to.iter_mut().zip(features).for_each(|(to, feature)| *to = feature * self.scale);
        }
    }

    /// Scales features in place, for a network that takes them in the order in which they are.
    pub(super) fn scale_all(&self, features: &mut [f32]) {
        features.iter_mut().for_each(|feature| *feature *= self.scale);
    }

    /// The place of feature `index` in the next layer's input.
    pub fn place(&self, index: usize) -> usize {
        let channels = self.features.channels.max(1);
        if self.planar { index % channels * self.features.positions() + index / channels } else { index }
    }

    /// The factor of the features.
    pub fn scale(&self) -> f32 {
        self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fully_connected_layer_gets_map_after_map() {
        let features = Shape::new(3, 1, 2);
        let above = Network::fully_connected(6, &[4]).unwrap();
        let link = LayerLink::new(features, &above, 2.0);
        let mut to = [0.0; 6];
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        link.write(&from, &mut to);
        assert_eq!(to, [2.0, 8.0, 4.0, 10.0, 6.0, 12.0]);
        for (index, feature) in from.iter().enumerate() {
            assert_eq!(to[link.place(index)], 2.0 * feature);
        }
    }

    #[test]
    fn scaled_features_have_a_root_mean_square_of_one() {
        let features = [3.0, 0.0, 4.0, 0.0];
        let scale = LayerLink::unit_scale(features.into_iter());
        let squares: f32 = features.iter().map(|v| (v * scale) * (v * scale)).sum();
        assert!((squares / 4.0 - 1.0).abs() < 1e-6);
        assert_eq!(LayerLink::unit_scale([0.0; 3].into_iter()), 1.0);
    }
}
