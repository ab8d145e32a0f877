//! Which features a classifier's weights are for.

use wta_core::Shape;

use crate::layout::{interleaved, planar};

/// The features of a classifier: those of a network's last layer or, in a stack, of all layers from the
/// lowest up. In memory, the maps of a layer lie side by side at each position; in files they lie one after
/// the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// The shape of each layer's features.
    pub layers: Vec<Shape>,
    /// What the features of each layer are multiplied by, if they are those of all layers.
    pub factors: Option<Vec<f32>>,
}

impl Columns {
    /// The number of features.
    pub fn len(&self) -> usize {
        self.layers.iter().map(|shape| shape.len()).sum()
    }

    /// Weights, class by class, in the order of files.
    pub(crate) fn in_file_order(&self, weights: &[f32]) -> Vec<f32> {
        self.by_layer(weights, |shape, part| planar(shape, part).collect())
    }

    /// Weights from the order of files.
    pub(crate) fn in_memory_order(&self, weights: &[f32]) -> Vec<f32> {
        self.by_layer(weights, |shape, part| interleaved(shape, part).collect())
    }

    /// The weights with those of each class and layer brought into another order.
    fn by_layer(&self, weights: &[f32], reorder: impl Fn(Shape, &[f32]) -> Vec<f32>) -> Vec<f32> {
        let mut ordered = Vec::with_capacity(weights.len());
        for mut class in weights.chunks_exact(self.len().max(1)) {
            for shape in &self.layers {
                let (part, rest) = class.split_at(shape.len().min(class.len()));
                ordered.extend(reorder(*shape, part));
                class = rest;
            }
        }
        ordered
    }

    /// Whether there is no feature.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
