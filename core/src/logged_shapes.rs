//! How networks and their parts read in a device's log: as the paper writes them.
//!
//! `1x28x28 8conv5-8conv5-8deconv11` is a convolutional network on images of one channel, `64-32 (tied)` a
//! fully-connected one, 5x3 a kernel of 5 rows and 3 columns, and `8conv5/2` a layer of stride 2.

use crate::network::{Conv, Layer, Network};
use crate::shape::{Shape, Size};

impl defmt::Format for Size {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=usize}x{=usize}", self.height, self.width);
    }
}

impl defmt::Format for Shape {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=usize}x{=usize}x{=usize}", self.channels, self.height, self.width);
    }
}

/// A size that is one number where its sides are equal.
struct Short(Size);

impl defmt::Format for Short {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Size { height, width } = self.0;
        if height == width {
            defmt::write!(f, "{=usize}", height);
        } else {
            defmt::write!(f, "{}", self.0);
        }
    }
}

impl defmt::Format for Conv {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=usize}conv{}", self.maps, Short(self.kernel));
        if self.stride != Size::ONE {
            defmt::write!(f, "/{}", Short(self.stride));
        }
    }
}

impl defmt::Format for Layer {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} {}", self.input, self.conv);
    }
}

impl defmt::Format for Network {
    fn format(&self, f: defmt::Formatter<'_>) {
        if self.is_fully_connected() {
            defmt::write!(f, "{=usize}", self.input().channels);
            self.layers().for_each(|layer| defmt::write!(f, "-{=usize}", layer.conv.maps));
        } else {
            defmt::write!(f, "{} ", self.input());
            self.layers().for_each(|layer| defmt::write!(f, "{}-", layer.conv));
            let decoder = self.decoder().conv;
            defmt::write!(f, "{=usize}deconv{}", decoder.maps, Short(decoder.kernel));
        }
        if self.is_tied() {
            defmt::write!(f, " (tied)");
        }
    }
}
