//! Quantised numbers as operators (QDQ): what is between two operators is brought to integers and back.

use super::graph::{Graph, Stream};
use super::message::{Attribute, Element};

/// Integers that stand for numbers between two operators.
#[derive(Clone, Copy)]
pub(super) struct Activations {
    /// What 1 stands for.
    pub(super) scale: f64,
    /// 8 bits with or without a sign.
    pub(super) of: Element,
}

/// Brings a stream to integers and back. With `again`, 1 stands for that number on the way back.
pub(super) fn quantized(
    graph: &mut Graph,
    stream: Stream,
    Activations { scale, of }: Activations,
    again: Option<f64>,
) -> Stream {
    let (name, zero) = (graph.float("scale", scale as f32), graph.zero(of));
    let stream = graph.map("QuantizeLinear", stream, &[&name, &zero]);
    let name = again.map_or(name, |scale| graph.float("scale", scale as f32));
    graph.map("DequantizeLinear", stream, &[&name, &zero])
}

/// The numbers that integers stand for, with a scale for each map or class.
pub(super) fn dequantized(graph: &mut Graph, integers: &str, scales: &[f64]) -> String {
    let scales: Vec<f32> = scales.iter().map(|scale| *scale as f32).collect();
    let scales = graph.floats("scale", &[scales.len()], &scales);
    graph.add("DequantizeLinear", &[integers, &scales], vec![Attribute::int("axis", 0)])
}
