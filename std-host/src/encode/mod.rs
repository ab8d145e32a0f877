//! Encoding: from images to features, through all layers of a stack.

mod encoder;
mod features;
mod inputs;
mod link;
mod npy;
mod stage;

pub use encoder::FeatureEncoder;
pub use features::Features;
pub use inputs::inputs_of;
pub use link::LayerLink;
pub use npy::write_npy;
