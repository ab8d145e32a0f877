//! From a run to ONNX: scale, preprocessing, all layers, pooling and classifier in one graph, in f32 or in 8
//! bits between the operators (QDQ).
//!
//! A stack is one graph. Numbers are in the order of files: channel after channel, map after map. The same
//! source gives the same bytes. `docs/onnx.md` describes inputs and outputs.

mod classifier;
mod graph;
mod look;
mod message;
mod network;
mod preprocessing;
mod quantized;

use prost::Message;
use wta_core::{Pool, Shape};

use super::quantize::Quantized;
use super::source::Source;
use crate::data::Form;
use crate::error::{Error, Result};
use crate::numbers::channels_rows_columns;
use crate::run::Trained;
pub(crate) use look::{is_onnx, look};

use graph::{Graph, Layout, Stream};
use message::{Element, Entry, GraphMessage, MOST_BYTES, Model, OperatorSet, PRODUCER, ValueInfo};
use quantized::Activations;

/// The version of the operators: widely taken, with all that is needed.
const OPERATORS: i64 = 17;

/// The version of the file format that came with them.
const IR_VERSION: i64 = 8;

/// The input's name.
const INPUT: &str = "samples";

/// How a graph is written.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The graph's name.
    pub name: &'a str,
    /// Whether the names of classes that are not numbers from 0 are an output. Some programs know no texts.
    pub class_names: bool,
}

/// The graph of a source as an ONNX file; with `int8`, of the quantised network.
///
/// # Errors
///
/// [`Error::Invalid`] if the file would be larger than the 2 GiB of the format, or if the preprocessing
/// cannot be applied to samples of this shape.
pub fn model(source: &Source, options: Options<'_>, int8: Option<&Quantized>) -> Result<Vec<u8>> {
    let mut graph = Graph::default();
    let (trained, image) = (&source.trained, source.image);
    let (form, dimensions) = match source.form {
        Form::Vector => (Layout::Flat, vec![image.len()]),
        Form::Signal => (Layout::Signal, vec![image.channels, image.positions()]),
        Form::Image => (Layout::Maps, vec![image.channels, image.height, image.width]),
    };
    let input = Stream { name: INPUT.to_owned(), shape: image, form };
    let (mut below, columns) = (Vec::new(), &source.columns);
    let shape = columns.layers.last().copied().unwrap_or(trained.features());
    let mut top = features(&mut graph, input, (trained, (source.pool, shape)), int8, &mut below)?;
    if let Some(int8) = int8 {
        let activations = Activations { scale: f64::from(int8.feature_scale()), of: Element::U8 };
        top = quantized::quantized(&mut graph, top, activations, None);
    }
    let features = joined(&mut graph, below, top, columns.factors.as_deref());
    graph.add_as("features", "Identity", &[&features.name], Vec::new());
    let mut output = vec![ValueInfo::of_batch(
        "features",
        Element::F32,
        &[features.shape.len()],
        "map after map, row by row",
    )];
    if let Some(svm) = &source.svm {
        let classes = (&source.classes, options.class_names);
        output.extend(classifier::add(&mut graph, &features, (svm, columns), classes, int8));
    }
    let about = "samples as they are in the data: neither scaled nor preprocessed";
    let graph = GraphMessage {
        node: graph.nodes,
        name: options.name.to_owned(),
        initializer: graph.tensors,
        input: vec![ValueInfo::of_batch(INPUT, Element::F32, &dimensions, about)],
        output,
    };
    let file = Model {
        ir_version: IR_VERSION,
        producer_name: PRODUCER.to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: trained.recipe().about.clone(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: Some(String::new()), version: OPERATORS }],
        metadata_props: metadata(source)?,
    };
    let len = file.encoded_len();
    if len > MOST_BYTES {
        let name = &trained.recipe().name;
        return Err(Error::Invalid(format!("recipe {name}: {len} bytes are too many for an ONNX file")));
    }
    Ok(file.encode_to_vec())
}

/// Adds the features of a layer, after those below it, which are appended to `below`.
fn features(
    graph: &mut Graph,
    input: Stream,
    (trained, shape): (&Trained, (Pool, Shape)),
    int8: Option<&Quantized>,
    below: &mut Vec<Stream>,
) -> Result<Stream> {
    let Some(lower) = &trained.below else {
        let mut stream = input;
        let scale = 1.0 / trained.recipe().data.divide_by;
        if scale != 1.0 {
            let scale = graph.float("scale", scale);
            stream = graph.map("Mul", stream, &[&scale]);
        }
        for step in trained.preprocess.arithmetic(stream.shape)? {
            stream = preprocessing::add(graph, stream, &step);
        }
        if let Some(int8) = int8 {
            stream = quantized_input(graph, stream, int8, scale);
        }
        return network::add(graph, stream, trained, shape, int8);
    };
    let next = &lower.trained;
    let int8_below = int8.and_then(Quantized::below);
    let pooling = (next.resolved.pool(), next.features());
    let stream = features(graph, input, (next, pooling), int8_below, below)?;
    below.push(stream.clone());
    let stream = match int8_below {
        Some(int8) => {
            let scale = f64::from(int8.feature_scale());
            let activations = Activations { scale, of: Element::U8 };
            quantized::quantized(graph, stream, activations, Some(scale * f64::from(lower.scale)))
        }
        None => {
            let scale = graph.float("scale", lower.scale);
            graph.map("Mul", stream, &[&scale])
        }
    };
    network::add(graph, stream, trained, shape, int8)
}

/// The input in integers: bytes as they are, or signed ones.
fn quantized_input(graph: &mut Graph, stream: Stream, int8: &Quantized, scale: f32) -> Stream {
    let activations = match int8.input_step() {
        None => Activations { scale: f64::from(scale), of: Element::U8 },
        // The device's step is for 9 bits with the sign.
        Some(_) => Activations { scale: int8.byte_step(), of: Element::I8 },
    };
    quantized::quantized(graph, stream, activations, None)
}

/// The features of the last layer, or of all layers one after the other.
fn joined(graph: &mut Graph, below: Vec<Stream>, top: Stream, factors: Option<&[f32]>) -> Stream {
    let Some(factors) = factors else { return graph.flat(top) };
    let mut scaled = Vec::new();
    for (stream, factor) in below.into_iter().chain([top]).zip(factors) {
        let (stream, factor) = (graph.flat(stream), graph.float("factor", *factor));
        scaled.push(graph.map("Mul", stream, &[&factor]));
    }
    let names: Vec<&str> = scaled.iter().map(|stream| &stream.name[..]).collect();
    let name = graph.add("Concat", &names, vec![message::Attribute::int("axis", 1)]);
    let len = scaled.iter().map(|stream| stream.shape.len()).sum();
    Stream { name, shape: Shape::vector(len), form: Layout::Flat }
}

/// What a reader may want to know.
fn metadata(source: &Source) -> Result<Vec<Entry>> {
    let shapes: Vec<String> = source.columns.layers.iter().copied().map(channels_rows_columns).collect();
    let mut lines = vec![
        ("recipe", source.trained.recipe().name.clone()),
        ("weights", format!("{:08x}", source.trained.checksum())),
        ("feature_order", "map, row, column".to_owned()),
        ("features", shapes.join(" + ")),
    ];
    if source.svm.is_some() {
        let names = serde_json::to_string(source.classes.names());
        lines.push(("classes", names.map_err(|error| Error::Invalid(error.to_string()))?));
    }
    Ok(lines.into_iter().map(|(key, value)| Entry { key: key.to_owned(), value }).collect())
}
