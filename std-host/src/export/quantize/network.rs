//! From a trained network to 8-bit integers, without further training. [`wta_core::int8`] computes with the
//! numbers that [`Quantized`] holds.
//!
//! Weights get one scale per map (per class in the classifier), so that the largest becomes 127. Activations
//! get one scale per layer, which determines where they saturate: `calibrate` chooses the one that loses
//! least on training images. Pixels stay the bytes that they are; other numbers get a step, likewise. Biases
//! and sums are integers in units of input scale x weight scale.

use wta_core::Layer;
use wta_core::int8::{Int8Network, Int8Svm, Int8Weights, packed_len};
use wta_core::{Network, Parameters, Pool, Shape};

use super::calibrate::{self, Limits, MAX_ACTIVATION, MAX_SIGNED};
use crate::error::Result;
use crate::export::source::{Source, turned};
use crate::preprocess::Samples;
use crate::run::Trained;
use crate::svm;

/// The largest bias, so that half of a sum's range is left for the products.
const LARGEST_BIAS: f64 = (1 << 30) as f64;
/// Multipliers are fixed-point factors with 32 fractional bits.
const FACTOR: f64 = 4_294_967_296.0;

/// A quantised network, and its classifier.
#[derive(Clone, Debug)]
pub struct Quantized {
    network: Network,
    pool: Pool,
    root: bool,
    below: Option<Box<Quantized>>,
    input_step: Option<f32>,
    byte_step: f64,
    filters: QuantizedFilters,
    scales: Vec<Scales>,
    feature_scale: f32,
    svm: Option<QuantizedSvm>,
    /// What a weight of 1 stands for, class by class.
    class_scales: Option<Vec<f64>>,
}

/// What 1 stands for in a layer.
#[derive(Clone, Debug)]
struct Scales {
    input: f64,
    /// Map by map.
    weights: Vec<f64>,
    activations: f64,
}

/// The numbers of layers, layer after layer, in the layout of [`Int8Network`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuantizedFilters {
    /// The weights, packed for the kernels.
    pub weights: Vec<i8>,
    /// One per map.
    pub biases: Vec<i32>,
    /// One per map.
    pub multipliers: Vec<i32>,
}

/// A classifier's numbers, in the layout of [`Int8Svm`].
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedSvm {
    /// The weights, packed row by row of the features.
    pub weights: Vec<i8>,
    /// One per class.
    pub biases: Vec<i32>,
    /// One per class.
    pub scales: Vec<f32>,
}

impl Quantized {
    /// Quantises a network and its classifier; of a stack, all layers. The scales of inputs and activations
    /// are calibrated with `images`, which should be training images.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) for average pooling, or if the core refuses the network; one
    /// sentence for images of another shape.
    pub fn new(source: &Source, images: &Samples<'_>) -> Result<Self> {
        source.trained.resolved.expect_image(images.image_shape())?;
        Self::of(&source.trained, source.pool, source.svm.as_ref(), images)
    }

    fn of(trained: &Trained, pool: Pool, svm: Option<&svm::Model>, images: &Samples<'_>) -> Result<Self> {
        pool.check_int8()?;
        let below = match &trained.below {
            Some(below) => {
                let lower = &below.trained;
                Some((Box::new(Self::of(lower, lower.resolved.pool(), None, images)?), below.scale))
            }
            None => None,
        };
        let (network, parameters) = trained.encoding();
        let parameters = Parameters::from_outside(network, &parameters)?;
        let Limits { input, byte_input, layers: limits } = calibrate::limits(trained, pool, images)?;
        let plain = images.are_bytes() && trained.preprocess.is_none();
        let step = (input / MAX_ACTIVATION).max(f64::from(f32::MIN_POSITIVE)) as f32;
        let byte_step = (byte_input / MAX_SIGNED).max(f64::from(f32::MIN_POSITIVE));
        // What an input of 1 stands for in the network in f32.
        let (mut input_scale, input_step) = match &below {
            Some((below, scale)) => (f64::from(below.feature_scale) * f64::from(*scale), None),
            None if plain => (1.0 / f64::from(trained.recipe().data.divide_by), None),
            None => (f64::from(step), Some(step)),
        };
        let (network, pool) = turned(network, pool);
        let root = trained.recipe().features.root;
        let (mut all, mut scales) = (QuantizedFilters::default(), Vec::new());
        for (index, (layer, limit)) in network.layers().zip(limits).enumerate() {
            let filters = parameters.filters(index);
            let (quantized, found) =
                quantize_layer(&layer, filters.weights, filters.bias, input_scale, limit)?;
            all.weights.extend(quantized.weights);
            all.biases.extend(quantized.biases);
            all.multipliers.extend(quantized.multipliers);
            input_scale = found.activations;
            scales.push(found);
        }
        let feature_scale = if root { (input_scale / MAX_ACTIVATION).sqrt() } else { input_scale };
        let shape = pool.output(network.code());
        let (svm, class_scales) = svm.map(|svm| quantize_svm(svm, shape, feature_scale)).transpose()?.unzip();
        let (below, feature_scale) = (below.map(|(below, _)| below), feature_scale as f32);
        Ok(Self {
            network,
            pool,
            root,
            below,
            input_step,
            byte_step,
            filters: all,
            scales,
            feature_scale,
            svm,
            class_scales,
        })
    }

    /// The quantised layer below, in a stack.
    pub fn below(&self) -> Option<&Self> {
        self.below.as_deref()
    }

    /// What an input of 1 stands for. `None` if the input are bytes as they are, or the features of the layer
    /// below.
    pub fn input_step(&self) -> Option<f32> {
        self.input_step
    }

    /// What an input of 1 would stand for in signed bytes.
    pub(in crate::export) fn byte_step(&self) -> f64 {
        self.byte_step
    }

    /// The numbers of all layers.
    pub fn filters(&self) -> &QuantizedFilters {
        &self.filters
    }

    /// The biases of a layer.
    pub(in crate::export) fn biases(&self, layer: usize) -> &[i32] {
        let maps = |layer: Layer| layer.conv.maps;
        let start: usize = self.network.layers().take(layer).map(maps).sum();
        let len = self.network.layers().nth(layer).map_or(0, maps);
        self.filters.biases.get(start..start + len).unwrap_or_default()
    }

    /// What a weight of 1 stands for in a layer, map by map, and what an input of 1 does.
    pub(in crate::export) fn weight_scales(&self, layer: usize) -> (&[f64], f64) {
        self.scales.get(layer).map_or((&[], 1.0), |scales| (&scales.weights, scales.input))
    }

    /// What an activation of 1 stands for in a layer.
    pub(in crate::export) fn activation_scale(&self, layer: usize) -> Option<f64> {
        self.scales.get(layer).map(|scales| scales.activations)
    }

    /// What a weight of 1 of the classifier stands for, class by class.
    pub(in crate::export) fn class_scales(&self) -> Option<&[f64]> {
        self.class_scales.as_deref()
    }

    /// The classifier's numbers.
    pub fn classifier(&self) -> Option<&QuantizedSvm> {
        self.svm.as_ref()
    }

    /// The factor that turns a quantised feature into one of the network in `f32`.
    pub fn feature_scale(&self) -> f32 {
        self.feature_scale
    }

    /// The pooling of the code.
    pub fn pool(&self) -> Pool {
        self.pool
    }

    /// Whether features are square roots.
    pub fn sqrt_features(&self) -> bool {
        self.root
    }

    /// The network in the form that the core computes with.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if a filter is so long that its sums could overflow 32 bits.
    pub fn int8(&self) -> Result<Int8Network<'_>> {
        let QuantizedFilters { weights, biases, multipliers } = &self.filters;
        Ok(Int8Network::new(self.network, weights, biases, multipliers)?)
    }

    /// The classifier in the form that the core computes with.
    ///
    /// # Errors
    ///
    /// None for a classifier that this module has quantised.
    pub fn int8_svm(&self) -> Result<Option<Int8Svm<'_>>> {
        let shape = self.pool.output(self.network.code());
        let svm = self.svm.as_ref();
        Ok(svm.map(|svm| Int8Svm::new(shape, &svm.weights, &svm.biases, &svm.scales)).transpose()?)
    }
}

/// A quantised layer whose inputs are in units of `input_scale` and whose activations saturate at `limit`,
/// with its scales.
fn quantize_layer(
    layer: &Layer,
    weights: &[f32],
    bias: &[f32],
    input_scale: f64,
    limit: f64,
) -> Result<(QuantizedFilters, Scales)> {
    let len = layer.filter_len();
    let scales: Vec<f64> = weights
        .chunks_exact(len)
        .zip(bias)
        .map(|(filter, bias)| {
            (largest(filter) / MAX_SIGNED).max(f64::from(bias.abs()) / input_scale / LARGEST_BIAS)
        })
        .collect();
    // A factor must be below a half. If a filter's scale is too coarse for that, the activations get a
    // coarser scale.
    let coarsest = scales.iter().copied().fold(0.0, f64::max) * input_scale;
    let scale = (limit / MAX_ACTIVATION).max(coarsest * 2.001).max(f64::from(f32::MIN_POSITIVE));
    let mut plain = Vec::with_capacity(weights.len());
    let (mut biases, mut multipliers, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for ((filter, bias), weight_scale) in weights.chunks_exact(len).zip(bias).zip(scales) {
        // A filter of zeros needs a scale too: its activation is its bias.
        let weight_scale = if weight_scale > 0.0 { weight_scale } else { scale / input_scale / 4.0 };
        used.push(weight_scale);
        plain.extend(filter.iter().map(|weight| rounded(*weight, weight_scale)));
        biases.push((f64::from(*bias) / (input_scale * weight_scale)).round() as i32);
        multipliers.push((input_scale * weight_scale / scale * FACTOR).round() as i32);
    }
    let weights = packed(&plain, len)?;
    let scales = Scales { input: input_scale, weights: used, activations: scale };
    Ok((QuantizedFilters { weights, biases, multipliers }, scales))
}

/// A quantised classifier of features in units of `feature_scale`, and what a weight of 1 stands for in each
/// class.
fn quantize_svm(svm: &svm::Model, features: Shape, feature_scale: f64) -> Result<(QuantizedSvm, Vec<f64>)> {
    let row_len = features.width * features.channels;
    let (mut biases, mut scales, mut used) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = vec![Vec::new(); features.height];
    for (weights, bias) in svm.weights.chunks_exact(svm.features).zip(&svm.bias) {
        // Fine enough for the largest weight, and coarse enough for the sum of all weights and for the bias.
        let sum: f64 = weights.iter().map(|weight| f64::from(weight.abs())).sum();
        let bias = f64::from(*bias) / feature_scale;
        let scale = (largest(weights) / MAX_SIGNED)
            .max(MAX_ACTIVATION * sum / LARGEST_BIAS)
            .max(bias.abs() / LARGEST_BIAS)
            .max(f64::from(f32::MIN_POSITIVE));
        for (row, weights) in rows.iter_mut().zip(weights.chunks_exact(row_len)) {
            row.extend(weights.iter().map(|weight| rounded(*weight, scale)));
        }
        biases.push((bias / scale).round() as i32);
        used.push(scale);
        scales.push((scale * feature_scale) as f32);
    }
    let rows: Result<Vec<Vec<i8>>> = rows.iter().map(|row| packed(row, row_len)).collect();
    Ok((QuantizedSvm { weights: rows?.concat(), biases, scales }, used))
}

fn largest(weights: &[f32]) -> f64 {
    f64::from(weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs())))
}

pub(in crate::export) fn rounded(weight: f32, scale: f64) -> i8 {
    (f64::from(weight) / scale).round().clamp(-MAX_SIGNED, MAX_SIGNED) as i8
}

fn packed(weights: &[i8], filter_len: usize) -> Result<Vec<i8>> {
    let mut packed = vec![0; packed_len(weights.len() / filter_len.max(1), filter_len)];
    Int8Weights::pack(weights, filter_len, &mut packed)?;
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use wta_core::int8::{Int8Extractor, Int8Filters, Portable, requantise};
    use wta_core::{Conv, Encoder, Initial, Scalar, Size};

    use crate::data;
    use crate::preprocess::{Preprocess, Preprocessor};
    use crate::recipe;
    use crate::run::Trained;

    fn layer(inputs: usize, maps: usize) -> Layer {
        Layer { input: Shape::vector(inputs), conv: Conv::new(maps, Size::ONE) }
    }

    /// The activations of the quantised layer, in units of the original one.
    fn outputs(layer: &Layer, quantized: &QuantizedFilters, scale: f64, inputs: &[i16]) -> Vec<f64> {
        let QuantizedFilters { weights, biases, multipliers } = quantized;
        let filters = Int8Filters::new(layer.filter_len(), weights, biases, multipliers).unwrap();
        let sum = |map: usize| {
            let products = filters.weights.filter(map).zip(inputs).map(|(w, x)| i32::from(w) * i32::from(*x));
            filters.bias[map] + products.sum::<i32>()
        };
        (0..layer.conv.maps).map(|map| f64::from(requantise(sum(map), multipliers[map])) * scale).collect()
    }

    #[test]
    fn a_layer_is_what_it_was_but_for_rounding() {
        let weights = [0.5, -0.25, 0.125, 1e-3, 2e-3, -1e-3, 0.0, 0.0, 0.0];
        let bias = [-10.0, 0.05, 3.0];
        let (quantized, Scales { activations: scale, .. }) =
            quantize_layer(&layer(3, 3), &weights, &bias, 0.5, 51.0).unwrap();
        assert_eq!(scale, 0.2, "the limit is 255");
        let inputs = [200i16, 100, 7];
        let found = outputs(&layer(3, 3), &quantized, scale, &inputs);
        for (map, found) in found.iter().enumerate() {
            let products = weights[3 * map..].iter().zip(&inputs).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let expected = f64::from(bias[map]) + 0.5 * products.take(3).sum::<f64>();
            // Half a step of the activation, and half a step of each weight.
            let largest = largest(&weights[3 * map..3 * map + 3]);
            let bound = 0.5 * scale + 0.5 * largest / 127.0 * 0.5 * 307.0 + 0.01;
            assert!((found - expected).abs() <= bound, "map {map}: {found} {expected}");
        }
        assert!(found[0] > 20.0 && found[1] > 0.1 && (found[2] - 3.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn factors_and_biases_stay_in_their_range() {
        // Activations that are tiny against the products, and biases that are huge against the weights.
        let (quantized, Scales { activations: scale, .. }) =
            quantize_layer(&layer(1, 2), &[1.0, -1.0], &[0.0, 0.0], 1.0, 1e-3).unwrap();
        assert!(quantized.multipliers.iter().all(|multiplier| *multiplier > 0), "{quantized:?}");
        assert!((outputs(&layer(1, 2), &quantized, scale, &[2])[0] - 2.0).abs() < 2.0 * scale);
        let (quantized, Scales { activations: scale, .. }) =
            quantize_layer(&layer(1, 1), &[1e-9], &[7.0], 1e-2, 10.0).unwrap();
        assert!(quantized.biases[0] <= 1 << 30);
        assert!((outputs(&layer(1, 1), &quantized, scale, &[255])[0] - 7.0).abs() < scale);
        let (quantized, _) = quantize_layer(&layer(1, 1), &[0.0], &[0.0], 1.0, 0.0).unwrap();
        assert_eq!(outputs(&layer(1, 1), &quantized, 1.0, &[255]), [0.0]);
    }

    #[test]
    fn a_classifier_keeps_its_scores() {
        let features = Shape::new(3, 2, 2);
        let weights: Vec<f32> =
            (0..24).map(|i| (i as f32 * 1.3).sin() * if i < 12 { 1.0 } else { 1e-4 }).collect();
        let model = svm::Model { classes: 2, features: 12, weights, bias: vec![-2.0, 1e-3] };
        let (quantized, _) = quantize_svm(&model, features, 0.01).unwrap();
        let int8 = Int8Svm::new(features, &quantized.weights, &quantized.biases, &quantized.scales).unwrap();
        assert_eq!(int8.classes(), 2);
        for class in 0..2 {
            let rows: Vec<i8> = quantized
                .weights
                .chunks_exact(packed_len(2, 6))
                .flat_map(|row| Int8Weights::new(row, 2, 6).unwrap().filter(class).collect::<Vec<_>>())
                .collect();
            let scale = f64::from(quantized.scales[class]) / 0.01;
            for (found, expected) in rows.iter().zip(&model.weights[12 * class..]) {
                assert!((f64::from(*found) * scale - f64::from(*expected)).abs() <= 0.51 * scale);
            }
            let bias = f64::from(quantized.biases[class]) * f64::from(quantized.scales[class]);
            assert!((bias - f64::from(model.bias[class])).abs() <= f64::from(quantized.scales[class]));
        }
    }

    #[test]
    fn features_of_digits_are_those_of_f32_within_a_few_per_cent() {
        let text = r#"
            name = "two"
            about = "test"
            data = { set = "digits" }
            network = { kind = "convolutional", encoder = [{ maps = 6, kernel = 5 }, { maps = 9, kernel = [3, 4], stride = [1, 2] }], decoder_kernel = 7, initial = "he" }
            sparsity = {}
            training = { epochs = 1, batch = 20, optimizer = "adam", rate = 1e-3 }
            features = { pool = { kernel = 5, stride = 3 } }
        "#;
        let recipe = recipe::parse(text, "test").unwrap();
        let images = Samples::new(&recipe, data::digits().unwrap().train).unwrap();
        let network = recipe.resolve(images.image_shape()).unwrap().network();
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, 3, &mut parameters).unwrap();
        for root in [false, true] {
            let mut recipe = recipe.clone();
            recipe.features.root = root;
            let trained = Trained {
                resolved: recipe.resolve(images.image_shape()).unwrap().into(),
                parameters: parameters.clone(),
                preprocess: Arc::new(Preprocess::none(images.image_shape())),
                below: None,
                thresholds: None,
            };
            let pool = trained.resolved.pool();
            let source = Source { pool, ..Source::of(trained) };
            let quantized = Quantized::new(&source, &images).unwrap();
            let mut memory = vec![0; Int8Extractor::<Portable>::memory_len(&network, &pool)];
            let mut extractor =
                Int8Extractor::new(Portable, quantized.int8().unwrap(), pool, root, &mut memory).unwrap();
            let encoder =
                Encoder::new(Scalar, Parameters::new(network, &parameters).unwrap(), &mut []).unwrap();
            let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
            let mut features = vec![0; pool.output(network.code()).len()];
            let mut expected = vec![0.0; features.len()];
            let (mut square, mut lost) = (0.0, 0.0);
            for index in 0..20 {
                let mut pixels = vec![0.0f32; 784];
                let plain = Preprocessor::none(images.image_shape());
                images.write_all(&plain, &[index], &mut pixels).unwrap();
                let bytes: Vec<u8> = pixels.iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
                extractor.features(&bytes[..], &mut features).unwrap();
                encoder.load(1, 0, &pixels, &mut inputs).unwrap();
                encoder.hidden(1, &mut inputs, &mut []).unwrap();
                encoder.top(1, &inputs, &mut [], &mut code).unwrap();
                pool.run(Scalar, network.code(), &code, &mut expected).unwrap();
                for (found, expected) in features.iter().zip(&expected) {
                    let expected = if root { expected.sqrt() } else { *expected };
                    square += expected * expected;
                    lost += (f32::from(*found) * quantized.feature_scale() - expected).powi(2);
                }
            }
            let share = (lost / square).sqrt();
            assert!(share > 0.0 && share < 0.03, "root {root}: {share}");
        }
    }
}
