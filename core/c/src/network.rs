//! Descriptions of networks and poolings.

use wta_core::{Conv, MAX_LAYERS, Network, Pool, PoolKind, Shape, Size, Threshold};

use crate::memory::reference;
use crate::status::Checked;
use crate::status::wta_status::*;

/// The most encoder layers of a network.
pub const WTA_MAX_LAYERS: usize = 8;

const _: () = assert!(WTA_MAX_LAYERS == MAX_LAYERS);

/// The shape of an image or of maps; numbers lie position by position with the channels side by side.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct wta_shape {
    /// Channels of an image, or maps.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl From<Shape> for wta_shape {
    fn from(Shape { channels, height, width }: Shape) -> Self {
        Self { channels, height, width }
    }
}

impl From<wta_shape> for Shape {
    fn from(wta_shape { channels, height, width }: wta_shape) -> Self {
        Self { channels, height, width }
    }
}

/// The size of a kernel or window, or from one to the next.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct wta_size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl From<Size> for wta_size {
    fn from(Size { height, width }: Size) -> Self {
        Self { height, width }
    }
}

impl From<wta_size> for Size {
    fn from(wta_size { height, width }: wta_size) -> Self {
        Self { height, width }
    }
}

/// An encoder layer: a convolution that keeps the size ("same"), and ReLU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct wta_layer {
    /// Feature maps that the layer makes; units of a fully-connected layer.
    pub maps: usize,
    /// The kernel; 1 x 1 for a fully-connected layer.
    pub kernel: wta_size,
    /// From one position to the next; 1 x 1 for a position at each pixel.
    pub stride: wta_size,
}

/// A winner-take-all autoencoder. A fully-connected one has an input of one position whose channels are the
/// numbers of a sample, and kernels of 1 x 1 throughout.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct wta_network {
    /// The images' shape.
    pub input: wta_shape,
    /// Encoder layers, 1 to WTA_MAX_LAYERS.
    pub depth: usize,
    /// The layers, from the image up; those from depth on are not looked at.
    pub layers: [wta_layer; WTA_MAX_LAYERS],
    /// The decoder's kernel.
    pub decoder_kernel: wta_size,
    /// Whether the decoder's atoms are the encoder's filters: only for one layer with the decoder's kernel.
    pub tied: bool,
}

impl wta_network {
    pub(crate) fn of(network: &Network) -> Self {
        let mut layers = [wta_layer::default(); WTA_MAX_LAYERS];
        for (to, layer) in layers.iter_mut().zip(network.layers()) {
            let Conv { maps, kernel, stride } = layer.conv;
            *to = wta_layer { maps, kernel: kernel.into(), stride: stride.into() };
        }
        Self {
            input: network.input().into(),
            depth: network.depth(),
            layers,
            decoder_kernel: network.decoder().conv.kernel.into(),
            tied: network.is_tied(),
        }
    }

    pub(crate) fn check(&self) -> Checked<Network> {
        let layers = self.layers.map(|layer| Conv {
            maps: layer.maps,
            kernel: layer.kernel.into(),
            stride: layer.stride.into(),
        });
        let layers = layers.get(..self.depth).ok_or(WTA_ERROR_INVALID)?;
        let network = Network::convolutional(self.input.into(), layers, self.decoder_kernel.into())?;
        Ok(if self.tied { network.tied()? } else { network })
    }
}

/// What becomes of the maps of the code: features.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct wta_pooling {
    /// The window of which the maximum, or the mean, is taken; 1 x 1 for no pooling.
    pub kernel: wta_size,
    /// From one window to the next; 1 x 1 for no pooling.
    pub stride: wta_size,
    /// Whether features are square roots: the activations' are pooled.
    pub root: bool,
    /// Whether the mean of a window is taken, and not the maximum.
    pub average: bool,
    /// Whether the mean of a position's activations is taken off them first; what falls below 0 becomes 0.
    pub triangle: bool,
}

impl wta_pooling {
    pub(crate) fn check(&self, network: &Network) -> Checked<Pool> {
        let kind = if self.average { PoolKind::Average } else { PoolKind::Max };
        let threshold = if self.triangle { Threshold::Triangle } else { Threshold::None };
        let pool = Pool { kernel: self.kernel.into(), stride: self.stride.into(), kind, threshold };
        pool.check(network.code())?;
        Ok(pool)
    }
}

/// Floats in the parameters of a network: for each layer its filters and biases, then the decoder's atoms
/// (none if tied) and bias. 0 for a network that cannot be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_parameters_len(network: *const wta_network) -> usize {
    // SAFETY: the header's contract.
    let network = unsafe { reference(network) }.and_then(wta_network::check);
    network.map_or(0, |network| network.parameters_len())
}
