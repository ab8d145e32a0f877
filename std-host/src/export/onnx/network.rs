//! The layers of a network, its pooling and its roots as operators.

use wta_core::{Layer, Parameters, Pool, PoolKind, Shape, Threshold};

use super::graph::{Convolution, Graph, Layout, Stream};
use super::message::{Attribute, Element};
use super::preprocessing::filters_first;
use super::quantized::{Activations, dequantized, quantized};
use crate::error::Result;
use crate::export::quantize::{Quantized, rounded};
use crate::run::Trained;

/// Adds the features of a trained layer: its network, square roots and pooling to the shape `features`.
///
/// # Errors
///
/// [`Error::Core`](crate::Error::Core) if the core refuses the parameters.
pub(super) fn add(
    graph: &mut Graph,
    mut stream: Stream,
    trained: &Trained,
    (pool, features): (Pool, Shape),
    int8: Option<&Quantized>,
) -> Result<Stream> {
    let (network, parameters) = trained.encoding();
    let parameters = Parameters::from_outside(network, &parameters)?;
    let dense = network.is_fully_connected();
    if dense {
        stream = graph.flat(stream);
        stream.shape = Shape::vector(stream.shape.len());
    } else {
        stream = graph.maps(stream);
    }
    let is_rbm = trained.recipe().gibbs().is_some();
    for (index, layer) in network.layers().enumerate() {
        let filters = parameters.filters(index);
        let numbers = Numbers { layer: &layer, dense, weights: filters.weights, bias: filters.bias };
        let (weights, bias) = match int8 {
            None => numbers.floats(graph),
            Some(int8) => numbers.int8(graph, int8, index),
        };
        stream = linear(graph, stream, &layer, &weights, &bias);
        stream = graph.map(if is_rbm { "Sigmoid" } else { "Relu" }, stream, &[]);
        if let Some(scale) = int8.and_then(|int8| int8.activation_scale(index)) {
            stream = quantized(graph, stream, Activations { scale, of: Element::U8 }, None);
        }
    }
    if pool.threshold == Threshold::Triangle {
        // Over the maps, which are the second axis of both layouts.
        let attributes = vec![Attribute::ints("axes", [1]), Attribute::int("keepdims", 1)];
        let mean = graph.add("ReduceMean", &[&stream.name], attributes);
        let above = graph.add("Sub", &[&stream.name, &mean], Vec::new());
        stream = graph.map("Relu", Stream { name: above, ..stream }, &[]);
    }
    if let Some(thresholds) = &trained.thresholds {
        let least = graph.floats("thresholds", &[thresholds.len()], thresholds);
        let above = graph.add("Greater", &[&stream.name, &least], Vec::new());
        let zero = graph.float("below_threshold", 0.0);
        let name = graph.add("Where", &[&above, &stream.name, &zero], Vec::new());
        stream = Stream { name, ..stream };
    }
    let root = trained.recipe().features.root;
    // Means are of roots. Of the largest it does not matter, and there are fewer after pooling.
    let roots_first = pool.kind == PoolKind::Average && !is_rbm;
    if root && roots_first {
        stream = graph.map("Sqrt", stream, &[]);
    }
    stream = pooled(graph, stream, pool, features);
    if root && !roots_first {
        stream = graph.map("Sqrt", stream, &[]);
    }
    Ok(stream)
}

/// The numbers of a layer.
struct Numbers<'a> {
    layer: &'a Layer,
    dense: bool,
    weights: &'a [f32],
    bias: &'a [f32],
}

impl Numbers<'_> {
    /// The dimensions of the weights: units x inputs, or maps x channels x rows x columns.
    fn dimensions(&self) -> Vec<usize> {
        let (input, conv) = (self.layer.input, self.layer.conv);
        if self.dense {
            vec![conv.maps, input.channels]
        } else {
            vec![conv.maps, input.channels, conv.kernel.height, conv.kernel.width]
        }
    }

    /// The weights in the order of ONNX.
    fn ordered(&self) -> Vec<f32> {
        filters_first(self.weights, self.layer.conv.kernel, self.layer.input.channels)
    }

    fn floats(&self, graph: &mut Graph) -> (String, String) {
        let weights = graph.floats("weights", &self.dimensions(), &self.ordered());
        (weights, graph.floats("bias", &[self.bias.len()], self.bias))
    }

    /// The integers of a quantised layer, and what they stand for.
    fn int8(&self, graph: &mut Graph, int8: &Quantized, index: usize) -> (String, String) {
        let (scales, input_scale) = int8.weight_scales(index);
        let filter_len = self.layer.filter_len().max(1);
        let ordered = self.ordered();
        let filters = ordered.chunks_exact(filter_len).zip(scales);
        let values: Vec<i8> = filters
            .flat_map(|(filter, scale)| filter.iter().map(|weight| rounded(*weight, *scale)))
            .collect();
        let weights = graph.bytes("weights", &self.dimensions(), &values);
        let weights = dequantized(graph, &weights, scales);
        let biases = graph.words("bias", int8.biases(index));
        let scales: Vec<f64> = scales.iter().map(|scale| scale * input_scale).collect();
        (weights, dequantized(graph, &biases, &scales))
    }
}

/// A matrix product, or a convolution with a border of zeros.
fn linear(graph: &mut Graph, stream: Stream, layer: &Layer, weights: &str, bias: &str) -> Stream {
    let shape = layer.output();
    if stream.form == Layout::Flat {
        let attributes = vec![Attribute::int("transB", 1)];
        return Stream {
            name: graph.add("Gemm", &[&stream.name, weights, bias], attributes),
            shape,
            ..stream
        };
    }
    let (kernel, stride) = (layer.conv.kernel, layer.conv.stride);
    let (top, left) = ((kernel.height - 1) / 2, (kernel.width - 1) / 2);
    let border = [top, left, kernel.height - 1 - top, kernel.width - 1 - left];
    let convolution = Convolution { kernel, stride, border, groups: 1 };
    Stream { name: graph.convolution(&[&stream.name, weights, bias], convolution), shape, ..stream }
}

/// Pools to the shape `features`: windows that the border cuts are shorter, or left out.
fn pooled(graph: &mut Graph, stream: Stream, pool: Pool, features: Shape) -> Stream {
    let (all, maps) = (pool.output(stream.shape), stream.shape);
    if all == maps && pool.kernel.area() == 1 {
        return stream;
    }
    // So many rows or columns the last window lacks.
    let lacking = |count: usize, stride: usize, kernel: usize, len: usize| {
        ((count.saturating_sub(1)) * stride + kernel).saturating_sub(len)
    };
    let pads = [
        0,
        0,
        lacking(features.height, pool.stride.height, pool.kernel.height, maps.height),
        lacking(features.width, pool.stride.width, pool.kernel.width, maps.width),
    ];
    let mut attributes = vec![
        Attribute::ints("kernel_shape", [pool.kernel.height, pool.kernel.width]),
        Attribute::ints("strides", [pool.stride.height, pool.stride.width]),
        Attribute::ints("pads", pads),
    ];
    let operator = match pool.kind {
        PoolKind::Max => "MaxPool",
        PoolKind::Average => {
            attributes.push(Attribute::int("count_include_pad", 0));
            "AveragePool"
        }
    };
    Stream { name: graph.add(operator, &[&stream.name], attributes), shape: features, ..stream }
}
