//! The gradient by the definition, in f64: dense convolutions with zeros beyond the border, a dense mask, a dense
//! deconvolution, and the chain rule through all of it. No receptive field, border or survivor is known here; only
//! the layout of the flat parameter vector is shared with the core.

use wta_core::{Conv, Layer, Network, Role, Shape};

/// What f32 decided, image by image: the gradient is that of a function in which these are constants.
pub(crate) struct Decisions {
    /// For each layer but the last: which of its units are active (above the ReLU).
    pub(crate) hidden: Vec<Vec<bool>>,
    /// Which units of the dense code survived.
    pub(crate) survivors: Vec<bool>,
}

/// What the definition gives for one image.
pub(crate) struct Outcome {
    /// For each layer, before the ReLU.
    pub(crate) sums: Vec<Vec<f64>>,
    /// Half the squared error.
    pub(crate) loss: f64,
}

/// A gradient, and how much its sums cancelled.
pub(crate) struct Gradient {
    /// One number per parameter.
    pub(crate) values: Vec<f64>,
    /// The sums of their terms' magnitudes.
    pub(crate) magnitudes: Vec<f64>,
}

impl Gradient {
    /// Nothing yet, for so many parameters.
    pub(crate) fn new(parameters: usize) -> Self {
        Self { values: vec![0.0; parameters], magnitudes: vec![0.0; parameters] }
    }

    fn add(&mut self, parameter: usize, term: f64) {
        self.values[parameter] += term;
        self.magnitudes[parameter] += term.abs();
    }
}

/// The rows (columns) of a layer's input that a kernel of length `kernel` covers at position `position`: pairs of
/// the index in the kernel and the index in the input.
fn covered(
    position: usize,
    stride: usize,
    kernel: usize,
    length: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let before = (kernel - 1) / 2;
    (0..kernel).filter_map(move |k| {
        let place = (position * stride + k).checked_sub(before)?;
        (place < length).then_some((k, place))
    })
}

/// Calls `visit(unit, weight, input)` with the indices of every output unit, weight and input of the layer that
/// meet in a product, in channels-last layout.
fn for_each_product(layer: &Layer, mut visit: impl FnMut(usize, usize, usize)) {
    let Layer { input, conv: Conv { maps, kernel, stride } } = *layer;
    let output = layer.output();
    for y in 0..output.height {
        for x in 0..output.width {
            for (ky, row) in covered(y, stride.height, kernel.height, input.height) {
                for (kx, column) in covered(x, stride.width, kernel.width, input.width) {
                    for map in 0..maps {
                        for channel in 0..input.channels {
                            let unit = (y * output.width + x) * maps + map;
                            let weight =
                                ((map * kernel.height + ky) * kernel.width + kx) * input.channels + channel;
                            visit(unit, weight, (row * input.width + column) * input.channels + channel);
                        }
                    }
                }
            }
        }
    }
}

/// The parameters of a region, or their gradient.
fn region(network: &Network, role: Role) -> std::ops::Range<usize> {
    let regions = network.regions();
    regions.iter().find(|region| region.role == role).map(|region| region.range.clone()).unwrap()
}

/// Where the atoms are: with the first layer's filters when tied.
fn atoms(network: &Network) -> std::ops::Range<usize> {
    region(network, if network.is_tied() { Role::Filters { layer: 0 } } else { Role::Atoms })
}

/// Adds `scale` times the gradient of the loss of one image to `gradient`.
pub(crate) fn add_gradient(
    network: &Network,
    parameters: &[f64],
    image: &[f64],
    decisions: &Decisions,
    scale: f64,
    gradient: &mut Gradient,
) -> Outcome {
    let layers: Vec<Layer> = network.layers().collect();
    let last = layers.len() - 1;

    // Forward.
    let (mut inputs, mut sums) = (vec![image.to_vec()], Vec::new());
    for (index, layer) in layers.iter().enumerate() {
        let weights = &parameters[region(network, Role::Filters { layer: index })];
        let bias = &parameters[region(network, Role::Bias { layer: index })];
        let mut sum: Vec<f64> = bias.iter().copied().cycle().take(layer.output().len()).collect();
        for_each_product(layer, |unit, weight, input| sum[unit] += weights[weight] * inputs[index][input]);
        let lives = if index == last { &decisions.survivors } else { &decisions.hidden[index] };
        inputs.push(sum.iter().zip(lives).map(|(sum, lives)| if *lives { *sum } else { 0.0 }).collect());
        sums.push(sum);
    }
    let code = &inputs[last + 1];
    let decoder = network.decoder();
    let Shape { channels, .. } = network.input();
    let bias = &parameters[region(network, Role::DecoderBias)];
    let mut residual: Vec<f64> = bias.iter().copied().cycle().take(image.len()).collect();
    for_each_product(&decoder, |unit, weight, pixel| {
        residual[pixel] += code[unit] * parameters[atoms(network)][weight];
    });
    residual.iter_mut().zip(image).for_each(|(to, pixel)| *to -= pixel);
    let loss = 0.5 * residual.iter().map(|r| r * r).sum::<f64>();

    // Backward.
    residual.iter_mut().for_each(|r| *r *= scale);
    let bias = region(network, Role::DecoderBias).start;
    for (index, residual) in residual.iter().enumerate() {
        gradient.add(bias + index % channels, *residual);
    }
    let mut from_above = vec![0.0; code.len()];
    let atoms = atoms(network);
    for_each_product(&decoder, |unit, weight, pixel| {
        gradient.add(atoms.start + weight, code[unit] * residual[pixel]);
        from_above[unit] += parameters[atoms.start + weight] * residual[pixel];
    });
    for (index, layer) in layers.iter().enumerate().rev() {
        let lives = if index == last { &decisions.survivors } else { &decisions.hidden[index] };
        let deltas: Vec<f64> =
            from_above.iter().zip(lives).map(|(delta, lives)| if *lives { *delta } else { 0.0 }).collect();
        let bias = region(network, Role::Bias { layer: index }).start;
        for (unit, delta) in deltas.iter().enumerate() {
            gradient.add(bias + unit % layer.conv.maps, *delta);
        }
        let filters = region(network, Role::Filters { layer: index });
        from_above = vec![0.0; layer.input.len()];
        for_each_product(layer, |unit, weight, input| {
            gradient.add(filters.start + weight, deltas[unit] * inputs[index][input]);
            from_above[input] += deltas[unit] * parameters[filters.start + weight];
        });
    }
    Outcome { sums, loss }
}
