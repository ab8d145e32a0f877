//! Which features a classifier's weights are for.

use wta_core::Shape;

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

    /// Whether there is no feature.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
