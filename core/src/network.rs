//! Networks as constants, and the length of every buffer they need.
//!
//! One description covers both autoencoders of the paper. CONV-WTA (section 3) is an encoder of "same"
//! convolutions with ReLU, and one linear deconvolution. FC-WTA (section 2) is the same over an image of one
//! position, with kernels of one by one: its units are the maps, its inputs the channels. So selection,
//! learning and encoding are written once.
//!
//! ```
//! use wta_core::{Conv, Network, Shape, Size};
//!
//! // The paper's 128conv5-128conv5-128deconv11 on MNIST; a wrong description fails to compile.
//! const CONV: Network = match Network::convolutional(
//!     Shape::new(1, 28, 28),
//!     &[Conv::new(128, Size::square(5)), Conv::new(128, Size::square(5))],
//!     Size::square(11),
//! ) {
//!     Ok(network) => network,
//!     Err(_) => panic!("not a network"),
//! };
//! static PARAMETERS: [f32; CONV.parameters_len()] = [0.0; CONV.parameters_len()];
//! assert_eq!(PARAMETERS.len(), 128 * 25 + 128 + 128 * 128 * 25 + 128 + 128 * 121 + 1);
//! ```

use crate::error::{Error, Result};
use crate::field::{OutputLayout, PaddedLayout, ReceptiveFields};
use crate::shape::{Shape, Size, div_ceil};

/// The most encoder layers that a network may have.
pub const MAX_LAYERS: usize = 8;

/// No buffer of a network may be longer than this, so that byte counts fit 32-bit machines' address space.
const MAX_LEN: usize = (isize::MAX as usize) / 16;

/// One encoder layer: a "same" convolution followed by ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Feature maps that the layer makes.
    pub maps: usize,
    /// The receptive field in the layer below; may be rectangular.
    pub kernel: Size,
    /// Every how many rows and columns the layer has a position.
    pub stride: Size,
}

impl Conv {
    /// A "same" convolution of stride 1: as many positions as its input has.
    pub const fn new(maps: usize, kernel: Size) -> Self {
        Self { maps, kernel, stride: Size::ONE }
    }

    /// A "same" convolution with a stride: `ceil(in / stride)` positions.
    pub const fn with_stride(maps: usize, kernel: Size, stride: Size) -> Self {
        Self { maps, kernel, stride }
    }
}

/// A layer in its place: what it reads and how.
///
/// The decoder is one of these too, read backwards. Its input is the image, its `conv.maps` are the code's
/// maps, its stride is the product of the encoder's, and its filters are the dictionary's atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The shape below.
    pub input: Shape,
    /// The convolution.
    pub conv: Conv,
}

impl Layer {
    /// The shape of the maps it makes.
    pub const fn output(&self) -> Shape {
        let stride = self.conv.stride;
        Shape::new(
            self.conv.maps,
            div_ceil(self.input.height, stride.height),
            div_ceil(self.input.width, stride.width),
        )
    }

    /// The layout of its input.
    pub const fn padded(&self) -> PaddedLayout {
        PaddedLayout::new(self.input, self.conv.kernel)
    }

    /// Its receptive fields.
    pub const fn receptive_fields(&self) -> ReceptiveFields {
        ReceptiveFields::new(&self.padded(), self.conv.stride)
    }

    /// Numbers in one filter: kernel height x kernel width x input channels, in this order.
    pub const fn filter_len(&self) -> usize {
        self.conv.kernel.area().saturating_mul(self.input.channels)
    }

    /// Numbers in all its filters, one filter after the other.
    pub const fn filters_len(&self) -> usize {
        self.filter_len().saturating_mul(self.conv.maps)
    }

    const fn check(&self) -> Result<()> {
        let Conv { maps, kernel, stride } = self.conv;
        if maps == 0 {
            return Err(Error::Invalid("a layer needs at least one map"));
        }
        if kernel.height == 0 || kernel.width == 0 {
            return Err(Error::Invalid("a kernel needs at least one row and one column"));
        }
        if stride.height == 0 || stride.width == 0 {
            return Err(Error::Invalid("a stride is at least 1"));
        }
        if kernel.height > self.input.height || kernel.width > self.input.width {
            return Err(Error::Invalid("a kernel is larger than the image it is applied to"));
        }
        // A border less than doubles each side, so that this bounds the padded map too.
        if self.input.len_within(MAX_LEN / 4).is_none() || self.output().len_within(MAX_LEN / 4).is_none() {
            return Err(TOO_LARGE);
        }
        let filter = Shape::new(self.input.channels, kernel.height, kernel.width);
        let filters = match filter.len_within(MAX_LEN) {
            Some(len) => len.checked_mul(maps),
            None => None,
        };
        match filters {
            Some(len) if len <= MAX_LEN / MAX_LAYERS => Ok(()),
            _ => Err(Error::Invalid("a layer's filters are too large to address")),
        }
    }
}

/// A winner-take-all autoencoder: encoder layers, and a linear decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    input: [u32; 3],
    convs: [SmallConv; MAX_LAYERS],
    decoder_kernel: SmallSize,
    depth: u8,
    tied: bool,
}

/// A [`Conv`] in 12 bytes: networks are handed from function to function, and lie on small stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct SmallConv {
    maps: u32,
    kernel: SmallSize,
    stride: SmallSize,
}

impl SmallConv {
    const NONE: Self = Self { maps: 0, kernel: SmallSize::ONE, stride: SmallSize::ONE };

    /// A layer of a network of images of this shape.
    const fn new(conv: Conv, input: Shape) -> Result<Self> {
        match (SmallSize::new(conv.kernel, input), SmallSize::new(conv.stride, input)) {
            (Ok(kernel), Ok(stride)) if conv.maps as u64 <= u32::MAX as u64 => {
                Ok(Self { maps: conv.maps as u32, kernel, stride })
            }
            (Ok(_), Ok(_)) => Err(TOO_LARGE),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    const fn get(self) -> Conv {
        Conv { maps: self.maps as usize, kernel: self.kernel.get(), stride: self.stride.get() }
    }
}

/// A [`Size`] in 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct SmallSize {
    height: u16,
    width: u16,
}

impl SmallSize {
    const ONE: Self = Self { height: 1, width: 1 };

    /// A size in a network of images of this shape. What is beyond 16 bits is also beyond most images, and
    /// then all the same: such a kernel is too large, such a stride leaves one position.
    const fn new(size: Size, input: Shape) -> Result<Self> {
        let most = u16::MAX as usize;
        if (size.height > most || size.width > most) && (input.height >= most || input.width >= most) {
            return Err(Error::Invalid("a kernel or a stride has more than 65535 rows or columns"));
        }
        let height = if size.height < most { size.height } else { most };
        let width = if size.width < most { size.width } else { most };
        Ok(Self { height: height as u16, width: width as u16 })
    }

    const fn get(self) -> Size {
        Size::new(self.height as usize, self.width as usize)
    }

    const fn turned(self) -> Self {
        Self { height: self.width, width: self.height }
    }
}

const TOO_LARGE: Error = Error::Invalid("a layer's maps are too large to address");

impl Network {
    /// CONV-WTA: `layers` over images of shape `input`, and a deconvolution with a `decoder_kernel` of its
    /// own.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no layers, more than [`MAX_LAYERS`], sizes of 0, a kernel larger than the image
    /// it is applied to, or more numbers than the machine can address.
    pub const fn convolutional(input: Shape, layers: &[Conv], decoder_kernel: Size) -> Result<Self> {
        let mut network = Self::BLANK;
        if let Err(error) = network.begin(input, layers.len(), decoder_kernel) {
            return Err(error);
        }
        let mut i = 0;
        #[allow(clippy::indexing_slicing, reason = "i < layers.len(); const fn has no iterators")]
        while i < layers.len() {
            if let Err(error) = network.set_layer(i, layers[i]) {
                return Err(error);
            }
            i += 1;
        }
        match network.check() {
            Ok(()) => Ok(network),
            Err(error) => Err(error),
        }
    }

    /// No network, to be made one in its place: a network that is returned lies on the stack twice.
    pub(crate) const BLANK: Self = Self {
        input: [0; 3],
        convs: [SmallConv::NONE; MAX_LAYERS],
        decoder_kernel: SmallSize::ONE,
        depth: 0,
        tied: false,
    };

    /// Becomes a network of so many layers, which [`Network::set_layer`] sets and [`Network::check`] checks.
    pub(crate) const fn begin(&mut self, input: Shape, depth: usize, decoder_kernel: Size) -> Result<()> {
        if input.channels == 0 || input.height == 0 || input.width == 0 {
            return Err(Error::Invalid("an image needs at least one channel, one row and one column"));
        }
        if depth == 0 {
            return Err(Error::Invalid("an encoder needs at least one layer"));
        }
        if depth > MAX_LAYERS {
            return Err(Error::Invalid("an encoder may have at most 8 layers"));
        }
        let most = u32::MAX as u64;
        if input.channels as u64 > most || input.height as u64 > most || input.width as u64 > most {
            return Err(TOO_LARGE);
        }
        self.input = [input.channels as u32, input.height as u32, input.width as u32];
        self.decoder_kernel = match SmallSize::new(decoder_kernel, input) {
            Ok(kernel) => kernel,
            Err(error) => return Err(error),
        };
        // What another network has left beyond the depth would make two equal ones differ.
        self.convs = [SmallConv::NONE; MAX_LAYERS];
        self.depth = depth as u8;
        self.tied = false;
        Ok(())
    }

    /// Sets one of the layers.
    pub(crate) const fn set_layer(&mut self, index: usize, conv: Conv) -> Result<()> {
        if index < MAX_LAYERS {
            #[allow(clippy::indexing_slicing, reason = "index < MAX_LAYERS; const fn has no get_mut")]
            match SmallConv::new(conv, self.input()) {
                Ok(conv) => self.convs[index] = conv,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// FC-WTA: vectors of `inputs` numbers, encoder layers of so many `units`, and a linear decoder.
    ///
    /// # Errors
    ///
    /// As for [`Network::convolutional`].
    pub const fn fully_connected(inputs: usize, units: &[usize]) -> Result<Self> {
        if units.len() > MAX_LAYERS {
            return Err(Error::Invalid("an encoder may have at most 8 layers"));
        }
        let mut convs = [Conv::new(0, Size::ONE); MAX_LAYERS];
        let mut i = 0;
        #[allow(
            clippy::indexing_slicing,
            reason = "i < units.len() <= MAX_LAYERS; const fn has no iterators"
        )]
        while i < units.len() && i < MAX_LAYERS {
            convs[i].maps = units[i];
            i += 1;
        }
        match convs.split_at_checked(units.len()) {
            Some((layers, _)) => Self::convolutional(Shape::vector(inputs), layers, Size::ONE),
            None => Err(Error::Invalid("an encoder may have at most 8 layers")),
        }
    }

    /// The same network with the decoder tied to the encoder: its atoms are the encoder's filters, and the
    /// gradients of both uses are summed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] unless the encoder has one layer whose kernel is the decoder's.
    pub const fn tied(mut self) -> Result<Self> {
        match self.tie() {
            Ok(()) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// [`Network::tied`] in place.
    pub(crate) const fn tie(&mut self) -> Result<()> {
        let Some(layer) = self.layer(0) else {
            return Err(Error::Invalid("an encoder needs at least one layer"));
        };
        let (kernel, decoder) = (layer.conv.kernel, self.decoder_kernel.get());
        if self.depth != 1 || kernel.height != decoder.height || kernel.width != decoder.width {
            return Err(Error::Invalid("tied weights need one encoder layer with the decoder's kernel"));
        }
        self.tied = true;
        Ok(())
    }

    /// The same network for a signal that arrives sample by sample: rows and columns change places if the
    /// input is a single row. The parameters are the same, number for number, and so are codes: they lie in
    /// the same order. A row is then one time step with its channels side by side, of which an extractor
    /// holds a few. Networks of several rows, and fully-connected ones, stay as they are.
    pub const fn turned(mut self) -> Self {
        let [channels, height, width] = self.input;
        if height != 1 || self.is_fully_connected() {
            return self;
        }
        self.input = [channels, width, height];
        self.decoder_kernel = self.decoder_kernel.turned();
        let mut i = 0;
        #[allow(clippy::indexing_slicing, reason = "i < MAX_LAYERS; const fn has no iterators")]
        while i < MAX_LAYERS {
            self.convs[i].kernel = self.convs[i].kernel.turned();
            self.convs[i].stride = self.convs[i].stride.turned();
            i += 1;
        }
        self
    }

    /// `Ok` if the layers fit each other and can be addressed.
    pub(crate) const fn check(&self) -> Result<()> {
        let mut i = 0;
        while let Some(layer) = self.layer(i) {
            if let Err(error) = layer.check() {
                return Err(error);
            }
            i += 1;
        }
        self.decoder().check()
    }

    /// The images' shape.
    pub const fn input(&self) -> Shape {
        let [channels, height, width] = self.input;
        Shape::new(channels as usize, height as usize, width as usize)
    }

    /// The number of encoder layers.
    pub const fn depth(&self) -> usize {
        self.depth as usize
    }

    /// Whether the decoder's atoms are the encoder's filters.
    pub const fn is_tied(&self) -> bool {
        self.tied
    }

    /// Whether every layer has a single position: a fully-connected network.
    pub const fn is_fully_connected(&self) -> bool {
        let [_, height, width] = self.input;
        height == 1 && width == 1
    }

    /// Encoder layer `index`, from 0.
    pub const fn layer(&self, index: usize) -> Option<Layer> {
        if index >= self.depth() {
            return None;
        }
        let mut input = self.input();
        let mut i = 0;
        #[allow(
            clippy::indexing_slicing,
            reason = "i <= index < depth <= MAX_LAYERS; const fn has no iterators"
        )]
        while i < MAX_LAYERS {
            let layer = Layer { input, conv: self.convs[i].get() };
            if i == index {
                return Some(layer);
            }
            input = layer.output();
            i += 1;
        }
        None
    }

    /// The encoder's layers, from the image up.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = Layer> + use<> {
        let network = *self;
        (0..self.depth()).filter_map(move |i| network.layer(i))
    }

    /// [`Network::layers`] in place.
    pub(crate) fn each_layer(&self) -> impl Iterator<Item = Layer> {
        let mut input = self.input();
        self.convs.iter().take(self.depth()).map(move |conv| {
            let layer = Layer { input, conv: conv.get() };
            input = layer.output();
            layer
        })
    }

    /// The last encoder layer: the one whose maps compete.
    pub const fn top(&self) -> Layer {
        match self.layer(self.depth().saturating_sub(1)) {
            Some(layer) => layer,
            // No network without a layer can be built.
            None => Layer { input: self.input(), conv: Conv::new(0, Size::ONE) },
        }
    }

    /// The shape of the code: the last layer's maps.
    pub const fn code(&self) -> Shape {
        self.top().output()
    }

    /// The decoder, as the layer whose adjoint it is: its filters are the dictionary's atoms.
    pub const fn decoder(&self) -> Layer {
        let mut stride = Size::ONE;
        let mut i = 0;
        #[allow(clippy::indexing_slicing, reason = "i < MAX_LAYERS; const fn has no iterators")]
        while i < self.depth() && i < MAX_LAYERS {
            let step = self.convs[i].stride.get();
            stride =
                Size::new(stride.height.saturating_mul(step.height), stride.width.saturating_mul(step.width));
            i += 1;
        }
        Layer {
            input: self.input(),
            conv: Conv::with_stride(self.code().channels, self.decoder_kernel.get(), stride),
        }
    }

    /// Numbers in the flat parameter vector; see [`Network::regions`] for what lies where. Gradients and the
    /// optimiser's moments have the same length.
    pub const fn parameters_len(&self) -> usize {
        self.decoder_bias_start() + self.input().channels
    }

    /// Numbers in the part of the flat parameter vector that encoding reads, its first: filters and biases.
    pub const fn encoder_len(&self) -> usize {
        self.layer_start(self.depth())
    }

    /// Where the decoder's bias starts; the atoms, when there are any, lie right before it.
    pub const fn decoder_bias_start(&self) -> usize {
        self.layer_start(self.depth()) + if self.tied { 0 } else { self.decoder().filters_len() }
    }

    /// Where the parameters of layer `index` start.
    pub(crate) const fn layer_start(&self, index: usize) -> usize {
        let mut start = 0;
        let mut i = 0;
        while i < index {
            if let Some(layer) = self.layer(i) {
                start += layer.filters_len() + layer.conv.maps;
            }
            i += 1;
        }
        start
    }

    /// Numbers in the padded inputs of all layers of one image, one after the other: what
    /// [`Encoder`](crate::Encoder) fills and [`Learner`](crate::Learner) reads.
    pub const fn inputs_len(&self) -> usize {
        self.input_start(self.depth())
    }

    /// Where the padded input of layer `index` starts in those.
    pub const fn input_start(&self, index: usize) -> usize {
        let mut start = 0;
        let mut i = 0;
        while i < index {
            if let Some(layer) = self.layer(i) {
                start += layer.padded().len();
            }
            i += 1;
        }
        start
    }

    /// Where the outputs of layer `index` go: into the next layer's padded input, or, for the last layer,
    /// plainly one position after the other.
    pub(crate) const fn output_layout(&self, index: usize) -> OutputLayout {
        match self.layer(index + 1) {
            Some(next) => next.padded().output_layout(),
            None => {
                let code = self.code();
                OutputLayout { start: 0, row_stride: code.width * code.channels, step: code.channels }
            }
        }
    }

    /// Numbers in the dense code of one image.
    pub const fn code_len(&self) -> usize {
        self.code().len()
    }

    /// Numbers in the residual of one image, with the border that the decoder's kernel needs.
    pub const fn residual_len(&self) -> usize {
        self.decoder().padded().len()
    }

    /// Numbers in the largest padded input of a hidden layer (0 when there is one layer): the scratch in
    /// which [`Learner`](crate::Learner) gathers a layer's deltas.
    pub const fn delta_scratch_len(&self) -> usize {
        let mut longest = 0;
        let mut i = 1;
        while let Some(layer) = self.layer(i) {
            let len = layer.padded().len();
            if len > longest {
                longest = len;
            }
            i += 1;
        }
        longest
    }

    /// The most positions, and the most numbers, in the sparse deltas of a hidden layer of one image.
    pub const fn deltas_len(&self) -> (usize, usize) {
        let (mut positions, mut numbers) = (0, 0);
        let mut i = 1;
        while let Some(layer) = self.layer(i) {
            if layer.input.positions() > positions {
                positions = layer.input.positions();
            }
            if layer.input.len() > numbers {
                numbers = layer.input.len();
            }
            i += 1;
        }
        (positions, numbers)
    }
}
