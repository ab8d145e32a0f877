//! The layers of a model, each described when it is asked for.

use crate::model::{FEATURES_AT, Model, layers};
use crate::shape::Shape;

/// The layers of a [`Model`], as bytes: two words, where a description is a fifth of a kilobyte of stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack<'a> {
    bytes: &'a [u8],
}

impl<'a> Stack<'a> {
    pub(super) fn of(model: &Model<'a>) -> Self {
        Self { bytes: model.bytes() }
    }

    /// The number of layers.
    pub(super) fn len(self) -> usize {
        layers(self.bytes).count()
    }

    /// The layer with this index, from the lowest up. Made where it will be, and there alone: see
    /// [`Model::BLANK`].
    #[inline(always)]
    pub(super) fn layer(self, index: usize) -> Model<'a> {
        let mut layer = Model::BLANK;
        // The bytes have been accepted, so that nothing fails.
        let _ = layer.read_again(self.layer_bytes(index));
        layer
    }

    fn layer_bytes(self, index: usize) -> &'a [u8] {
        let above = self.len().saturating_sub(index.saturating_add(1));
        layers(self.bytes).nth(above).unwrap_or_default()
    }

    /// The features of a layer, without a look at the rest of its description.
    pub(super) fn features(self, index: usize) -> usize {
        let field = self.layer_bytes(index).get(FEATURES_AT..).and_then(|bytes| bytes.first_chunk());
        field.map_or(0, |field| u32::from_le_bytes(*field) as usize)
    }

    /// The features of all layers below one.
    pub(super) fn features_below(self, index: usize) -> usize {
        (0..index).map(|below| self.features(below)).sum()
    }

    /// The shape of the features of a layer.
    #[inline(never)]
    pub(super) fn shape(self, index: usize) -> Shape {
        let layer = self.layer(index);
        layer.pool().output(layer.network_ref().code())
    }

    /// The shape of a sample's features.
    pub(super) fn output(self) -> Shape {
        self.shape(self.len().saturating_sub(1))
    }

    /// The layer that the classifier is in.
    #[inline(always)]
    pub(super) fn top(self) -> Model<'a> {
        self.layer(self.len().saturating_sub(1))
    }
}
