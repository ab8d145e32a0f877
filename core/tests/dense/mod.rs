//! The gradient by the definition, in f64: dense convolutions with zeros beyond the border, a dense mask, a
//! dense deconvolution, and the chain rule through all of it. No receptive field, border or survivor is known
//! here; only the layout of the flat parameter vector is shared with the core.

use wta_core::{Conv, Layer, Network, Role};

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
    pub(crate) sums: Vec<Vec<Sum>>,
    /// Half the squared error.
    pub(crate) loss: Sum,
}

/// A sum of products, and what it would be if no term had another's sign, in it or in the sums that it was
/// made from: rounding errors are proportional to that, however much the sum cancels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) magnitude: f64,
}

impl Sum {
    fn exact(value: f64) -> Self {
        Self { value, magnitude: value.abs() }
    }

    fn add(&mut self, term: Self) {
        self.value += term.value;
        self.magnitude += term.magnitude;
    }

    fn add_product(&mut self, a: Self, b: Self) {
        self.add(Self { value: a.value * b.value, magnitude: a.magnitude * b.magnitude });
    }
}

/// The rows (columns) of a layer's input that a kernel of length `kernel` covers at position `position`:
/// pairs of the index in the kernel and the index in the input.
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

/// Calls `visit(unit, weight, input)` with the indices of every output unit, weight and input of the layer
/// that meet in a product, in channels-last layout.
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

/// The units that live; 0 for the others.
fn masked(sums: &[Sum], lives: &[bool]) -> Vec<Sum> {
    sums.iter().zip(lives).map(|(sum, lives)| if *lives { *sum } else { Sum::default() }).collect()
}

/// Adds `scale` times the gradient of the loss of one image to `gradient`.
pub(crate) fn add_gradient(
    network: &Network,
    parameters: &[f32],
    image: &[f32],
    decisions: &Decisions,
    scale: f64,
    gradient: &mut [Sum],
) -> Outcome {
    let exact = |values: &[f32]| values.iter().map(|v| Sum::exact(f64::from(*v))).collect::<Vec<_>>();
    let (parameters, image) = (exact(parameters), exact(image));
    let layers: Vec<Layer> = network.layers().collect();
    let last = layers.len() - 1;
    let lives = |layer| if layer == last { &decisions.survivors } else { &decisions.hidden[layer] };

    // Forward.
    let (mut inputs, mut sums) = (vec![image.clone()], Vec::new());
    for (index, layer) in layers.iter().enumerate() {
        let filters = region(network, Role::Filters { layer: index }).start;
        let bias = &parameters[region(network, Role::Bias { layer: index })];
        let mut sum: Vec<Sum> = bias.iter().copied().cycle().take(layer.output().len()).collect();
        for_each_product(layer, |unit, weight, input| {
            sum[unit].add_product(parameters[filters + weight], inputs[index][input]);
        });
        inputs.push(masked(&sum, lives(index)));
        sums.push(sum);
    }
    let code = &inputs[last + 1];
    let (decoder, atoms) = (network.decoder(), atoms(network).start);
    let bias = region(network, Role::DecoderBias);
    let channels = bias.len();
    let mut residual: Vec<Sum> = parameters[bias.clone()].iter().copied().cycle().take(image.len()).collect();
    for_each_product(&decoder, |unit, weight, pixel| {
        residual[pixel].add_product(code[unit], parameters[atoms + weight]);
    });
    let mut loss = Sum::default();
    for (residual, pixel) in residual.iter_mut().zip(&image) {
        residual.add_product(*pixel, Sum { value: -1.0, magnitude: 1.0 });
        loss.add_product(*residual, Sum { value: 0.5 * residual.value, magnitude: 0.5 * residual.magnitude });
    }

    // Backward.
    for (index, residual) in residual.iter_mut().enumerate() {
        *residual = Sum { value: scale * residual.value, magnitude: scale * residual.magnitude };
        gradient[bias.start + index % channels].add(*residual);
    }
    let mut from_above = vec![Sum::default(); code.len()];
    for_each_product(&decoder, |unit, weight, pixel| {
        gradient[atoms + weight].add_product(code[unit], residual[pixel]);
        from_above[unit].add_product(parameters[atoms + weight], residual[pixel]);
    });
    for (index, layer) in layers.iter().enumerate().rev() {
        let deltas = masked(&from_above, lives(index));
        let bias = region(network, Role::Bias { layer: index }).start;
        for (unit, delta) in deltas.iter().enumerate() {
            gradient[bias + unit % layer.conv.maps].add(*delta);
        }
        let filters = region(network, Role::Filters { layer: index }).start;
        from_above = vec![Sum::default(); layer.input.len()];
        for_each_product(layer, |unit, weight, input| {
            gradient[filters + weight].add_product(deltas[unit], inputs[index][input]);
            from_above[input].add_product(deltas[unit], parameters[filters + weight]);
        });
    }
    Outcome { sums, loss }
}
