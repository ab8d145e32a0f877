//! Layers: forward and backward passes of convolution, deconvolution and dense layers; pooling.

use wta_core::{
    Conv, Deltas, Encoder, Filters, Kernels, Layer, LayerGradient, Learner, Network, OutputLayout,
    Parameters, Pool, PoolKind, Shape, Size,
};

use super::fixture::{Fixture, Tensor, swap_axes};

/// The padded forms of a batch of images or maps.
fn padded(layer: &Layer, batch: &Tensor) -> Vec<Vec<f32>> {
    let lay_out = |image: &[f32]| {
        let mut map = vec![0.0; layer.padded().len()];
        layer.padded().fill(image, &mut map);
        map
    };
    batch.channels_last().chunks_exact(layer.input.len()).map(lay_out).collect()
}

/// A padded map without its border.
fn inside(layer: &Layer, map: &[f32]) -> Vec<f32> {
    layer.padded().rows(map).flatten().copied().collect()
}

pub(crate) fn check_convolution(kernels: impl Kernels, fixture: &Fixture) {
    let input = fixture.maps(fixture.count("in_channels"), "image");
    let conv =
        Conv::with_stride(fixture.count("out_channels"), fixture.size("kernel"), fixture.size("stride"));
    assert!(fixture.flag("relu"), "{fixture}: the encoder's convolutions have a ReLU");
    check_encoder_layer(kernels, fixture, &Layer { input, conv });
}

/// Dense layers are encoder layers with ReLU, and decoder layers without.
pub(crate) fn check_dense(kernels: impl Kernels, fixture: &Fixture) {
    let (inputs, outputs) = (fixture.count("inputs"), fixture.count("outputs"));
    if fixture.flag("relu") {
        let layer = Layer { input: Shape::vector(inputs), conv: Conv::new(outputs, Size::ONE) };
        check_encoder_layer(kernels, fixture, &layer);
        check_dense_block(kernels, fixture, inputs, outputs);
    } else {
        let atoms = fixture.tensor("w").transposed();
        let layer = Layer { input: Shape::vector(outputs), conv: Conv::new(inputs, Size::ONE) };
        let gradient = check_decoder_layer(kernels, fixture, &layer, &atoms);
        // Atom by atom, that is [inputs, outputs]; torch has [outputs, inputs].
        fixture.expect_close("gw", &swap_axes(&gradient, 1, inputs, outputs));
    }
}

fn check_encoder_layer(kernels: impl Kernels, fixture: &Fixture, layer: &Layer) {
    let (fields, output, maps) = (layer.receptive_fields(), layer.output(), layer.conv.maps);
    let (weights, bias) = (fixture.tensor("w").channels_last(), fixture.tensor("b").plain());
    let inputs = padded(layer, fixture.tensor("x"));

    let mut prepared = vec![0.0; kernels.prepared_len(maps, layer.filter_len())];
    kernels.prepare(&weights, layer.filter_len(), &mut prepared);
    let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
    let output_layout = OutputLayout { start: 0, row_stride: output.width * maps, step: maps };
    let mut y = vec![f32::NAN; inputs.len() * output.len()];
    for (input, y) in inputs.iter().zip(y.chunks_exact_mut(output.len())) {
        kernels.convolve(&fields, filters, input, output_layout, y);
    }
    if let Some(tiling) = kernels.tiling(&fields, maps) {
        let mut prepared = vec![f32::NAN; tiling.prepared_len];
        kernels.prepare_tiles(&fields, maps, &weights, &mut prepared);
        let filters = Filters { prepared: &prepared, ..filters };
        let mut scratch = vec![f32::NAN; tiling.scratch_len];
        let mut y = vec![f32::NAN; y.len()];
        for (input, y) in inputs.iter().zip(y.chunks_exact_mut(output.len())) {
            kernels.convolve_tiles(&fields, filters, input, output_layout, &mut scratch, y);
        }
        fixture.expect_close_channels_last("y", &y);
    }
    fixture.expect_close_channels_last("y", &y);

    // Backward: the learner's sparse deltas, with all positions listed, and nothing where the ReLU is 0.
    let positions: Vec<u32> = (0..fields.positions() as u32).collect();
    let from_above = fixture.tensor("g").channels_last();
    let deltas: Vec<f32> = from_above.iter().zip(&y).map(|(g, y)| if *y > 0.0 { *g } else { 0.0 }).collect();
    let network = Network::convolutional(layer.input, &[layer.conv], Size::ONE).unwrap();
    let parameters = vec![0.0; network.parameters_len()];
    let learner = Learner::new(kernels, Parameters::new(network, &parameters).unwrap());
    let (mut gw, mut gb, mut gx) = (vec![0.0; weights.len()], vec![0.0; maps], Vec::new());
    for (input, values) in inputs.iter().zip(deltas.chunks_exact(output.len())) {
        let mut gradient = LayerGradient { filters: &mut gw, bias: &mut gb };
        learner.hidden_gradient(0, 0, Deltas { positions: &positions, values }, input, &mut gradient);
        let mut below = vec![0.0; layer.padded().len()];
        kernels.backpropagate(&fields, &positions, values, &weights, &mut below);
        gx.extend(inside(layer, &below));
    }
    fixture.expect_close_channels_last("gw", &gw);
    fixture.expect_close("gb", &gb);
    fixture.expect_close_channels_last("gx", &gx);
}

/// The encoder runs a block of vectors as one wide convolution.
fn check_dense_block(kernels: impl Kernels, fixture: &Fixture, inputs: usize, units: usize) {
    let network = Network::fully_connected(inputs, &[units]).unwrap();
    let mut parameters = fixture.tensor("w").plain();
    parameters.extend(fixture.tensor("b").plain());
    parameters.resize(network.parameters_len(), 0.0);
    let mut prepared = vec![0.0; Encoder::prepared_len(kernels, &network)];
    let encoder =
        Encoder::new(kernels, Parameters::new(network, &parameters).unwrap(), &mut prepared).unwrap();

    let x = fixture.tensor("x").plain();
    let batch = fixture.count("batch");
    let mut block = vec![f32::NAN; batch * network.inputs_len()];
    for (index, vector) in x.chunks_exact(inputs).enumerate() {
        encoder.load(batch, index, vector, &mut block).unwrap();
    }
    let mut codes = vec![f32::NAN; batch * units];
    let mut scratch = vec![0.0; Encoder::scratch_len(kernels, &network)];
    encoder.top(batch, &block, &mut scratch, &mut codes).unwrap();
    fixture.expect_close("y", &codes);
}

pub(crate) fn check_deconvolution(kernels: impl Kernels, fixture: &Fixture) {
    let image = fixture.maps(fixture.count("out_channels"), "image");
    let conv = Conv::with_stride(fixture.count("maps"), fixture.size("kernel"), fixture.size("stride"));
    let layer = Layer { input: image, conv };
    assert_eq!(layer.output(), fixture.maps(conv.maps, "code"), "{fixture}: the code's shape");
    let atoms = fixture.tensor("w").channels_last();
    let gradient = check_decoder_layer(kernels, fixture, &layer, &atoms);
    fixture.expect_close_channels_last("gw", &gradient);
}

/// A decoder layer is an encoder layer backwards: its input is the image. Returns the atoms' gradient.
fn check_decoder_layer(kernels: impl Kernels, fixture: &Fixture, layer: &Layer, atoms: &[f32]) -> Vec<f32> {
    assert!(!fixture.flag("relu"), "{fixture}: the decoder is linear");
    let (fields, code_len, maps) = (layer.receptive_fields(), layer.output().len(), layer.conv.maps);
    let bias = fixture.tensor("b").plain();
    let codes = fixture.tensor("x").channels_last();
    let from_above = padded(layer, fixture.tensor("g"));

    // The decoder bias's gradient is the learner's, which wants a network with this decoder.
    let encoder = [Conv::with_stride(maps, Size::ONE, layer.conv.stride)];
    let network = Network::convolutional(layer.input, &encoder, layer.conv.kernel).unwrap();
    assert_eq!(network.decoder(), *layer, "{fixture}: the decoder's geometry");
    let parameters = vec![0.0; network.parameters_len()];
    let learner = Learner::new(kernels, Parameters::new(network, &parameters).unwrap());

    let (mut y, mut gx) = (Vec::new(), Vec::new());
    let (mut gw, mut gb) = (vec![0.0; atoms.len()], vec![0.0; bias.len()]);
    for (code, above) in codes.chunks_exact(code_len).zip(&from_above) {
        let mut image = vec![0.0; layer.padded().len()];
        for (position, values) in code.chunks_exact(maps).enumerate() {
            let at = fields.at(position);
            for (map, value) in values.iter().enumerate() {
                let atom = map * fields.len()..(map + 1) * fields.len();
                kernels.add_to_field(&fields, at, *value, &atoms[atom.clone()], &mut image);
                gx.push(kernels.field_dot(&fields, at, above, &atoms[atom.clone()]));
                kernels.add_to_filter(&fields, at, *value, above, &mut gw[atom]);
            }
        }
        y.extend(inside(layer, &image).iter().zip(bias.iter().cycle()).map(|(sum, bias)| sum + bias));
        learner.decoder_bias_gradient(above, &mut gb);
    }
    fixture.expect_close_channels_last("y", &y);
    fixture.expect_close_channels_last("gx", &gx);
    fixture.expect_close("gb", &gb);
    gw
}

pub(crate) fn check_pooling(kernels: impl Kernels, fixture: &Fixture, kind: PoolKind) {
    let maps = fixture.maps(fixture.count("maps"), "image");
    let pool = Pool { kernel: fixture.size("kernel"), stride: fixture.size("stride"), kind, ..Pool::NONE };
    let output = pool.output(maps);
    assert_eq!(output, fixture.maps(maps.channels, "output"), "{fixture}: the output's shape");
    let mut y = Vec::new();
    for image in fixture.tensor("x").channels_last().chunks_exact(maps.len()) {
        let mut pooled = vec![f32::NAN; output.len()];
        pool.run(kernels, maps, image, &mut pooled).unwrap();
        y.extend(pooled);
    }
    let y = swap_axes(&y, fixture.count("batch"), output.positions(), output.channels);
    match kind {
        // Maxima are not rounded.
        PoolKind::Max => fixture.expect_exact("y", &y),
        PoolKind::Average => fixture.expect_close("y", &y),
    }
}
