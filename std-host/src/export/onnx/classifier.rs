//! The classifier as operators: scores, classes and their names.

use super::graph::{Graph, Stream};
use super::message::{Attribute, Element, ValueInfo};
use super::quantized::dequantized;
use crate::data::Classes;
use crate::export::quantize::{Quantized, rounded};
use crate::svm::{Columns, Model};

/// Adds the classifier of a stream of features, and returns its outputs. `names` is whether the names of the
/// classes, unless they are numbers from 0, are an output too.
pub(super) fn add(
    graph: &mut Graph,
    features: &Stream,
    (svm, columns): (&Model, &Columns),
    (classes, names): (&Classes, bool),
    int8: Option<&Quantized>,
) -> Vec<ValueInfo> {
    let dimensions = [svm.classes, svm.features];
    let weights = columns.in_file_order(&svm.weights);
    let scaled = int8.and_then(|int8| Some((int8, int8.classifier()?, int8.class_scales()?)));
    let (weights, bias) = match scaled {
        None => {
            (graph.floats("weights", &dimensions, &weights), graph.floats("bias", &[svm.classes], &svm.bias))
        }
        Some((int8, classifier, scales)) => {
            let rows = weights.chunks_exact(svm.features.max(1)).zip(scales);
            let values: Vec<i8> =
                rows.flat_map(|(row, scale)| row.iter().map(|weight| rounded(*weight, *scale))).collect();
            let weights = graph.bytes("weights", &dimensions, &values);
            let biases = graph.words("bias", &classifier.biases);
            let of_biases: Vec<f64> =
                scales.iter().map(|scale| scale * f64::from(int8.feature_scale())).collect();
            (dequantized(graph, &weights, scales), dequantized(graph, &biases, &of_biases))
        }
    };
    let mut outputs = vec![ValueInfo::of_batch(
        "scores",
        Element::F32,
        &[svm.classes],
        "the score of each class; the highest wins",
    )];
    graph.add_as("scores", "Gemm", &[&features.name, &weights, &bias], vec![Attribute::int("transB", 1)]);
    let attributes = vec![Attribute::int("axis", 1), Attribute::int("keepdims", 0)];
    graph.add_as("class", "ArgMax", &["scores"], attributes);
    outputs.push(ValueInfo::of_batch("class", Element::I64, &[], "the index of the class, from 0"));
    if names && !classes.are_numbers() {
        let names = graph.texts("class_names", classes.names());
        graph.add_as("label", "Gather", &[&names, "class"], Vec::new());
        outputs.push(ValueInfo::of_batch("label", Element::Text, &[], "the name of the class"));
    }
    outputs
}
