//! Preprocessing as operators.

use wta_core::{Shape, Size};

use super::graph::{Convolution, Graph, Stream};
use super::message::Attribute;
use crate::layout::planar;
use crate::preprocess::Arithmetic;
use crate::recipe::Per;

/// Adds a step.
pub(super) fn add(graph: &mut Graph, stream: Stream, step: &Arithmetic<'_>) -> Stream {
    let shape = stream.shape;
    match step {
        Arithmetic::Contrast { regulariser } => contrast(graph, stream, *regulariser),
        Arithmetic::LocalContrast { weights, rows, columns } => {
            local_contrast(graph, stream, weights, rows, columns)
        }
        Arithmetic::Affine { per, mean, factor } => {
            let stream = graph.maps(stream);
            let dimensions = match per {
                Per::Number => vec![shape.channels, shape.height, shape.width],
                Per::Channel => vec![shape.channels, 1, 1],
                Per::All => Vec::new(),
            };
            let mut numbers = |what: &str, numbers: &[f32]| match per {
                Per::Number => graph.floats(what, &dimensions, &planar(shape, numbers).collect::<Vec<_>>()),
                Per::Channel | Per::All => graph.floats(what, &dimensions, numbers),
            };
            let (mean, factor) = (numbers("mean", mean), numbers("factor", factor));
            let stream = graph.map("Sub", stream, &[&mean]);
            graph.map("Mul", stream, &[&factor])
        }
        Arithmetic::Matrix { mean, matrix } => {
            let stream = graph.flat(stream);
            let mean: Vec<f32> = planar(shape, mean).collect();
            let mean = graph.floats("mean", &[shape.len()], &mean);
            let stream = graph.map("Sub", stream, &[&mean]);
            // Rows and columns in the order of channels first; a sample is a row, so it is x M^T.
            let rows: Vec<&[f32]> = matrix.chunks_exact(shape.len().max(1)).collect();
            let order: Vec<usize> = places(shape);
            let rows = order.iter().filter_map(|place| rows.get(*place));
            let matrix: Vec<f32> = rows.flat_map(|row| planar(shape, row)).collect();
            let matrix = graph.floats("whitening", &[shape.len(), shape.len()], &matrix);
            let attributes = vec![Attribute::int("transB", 1)];
            Stream { name: graph.add("Gemm", &[&stream.name, &matrix], attributes), ..stream }
        }
        Arithmetic::Filter { kernel, mean, filters, rows, columns } => {
            let stream = graph.maps(stream);
            let mean = graph.floats("mean", &[shape.channels, 1, 1], mean);
            let mut stream = graph.map("Sub", stream, &[&mean]);
            for (axis, places) in [(2, rows), (3, columns)] {
                let places = graph.sizes("mirrored", places);
                let attributes = vec![Attribute::int("axis", axis)];
                stream.name = graph.add("Gather", &[&stream.name, &places], attributes);
            }
            let filters = filters_first(filters, *kernel, shape.channels);
            let dimensions = [shape.channels, shape.channels, kernel.height, kernel.width];
            let filters = graph.floats("whitening", &dimensions, &filters);
            let convolution = Convolution { kernel: *kernel, stride: Size::ONE, border: [0; 4], groups: 1 };
            Stream { name: graph.convolution(&[&stream.name, &filters], convolution), ..stream }
        }
    }
}

/// For each number of a sample with its channels first, its place with the channels last.
fn places(shape: Shape) -> Vec<usize> {
    let positions = shape.positions();
    (0..shape.len()).map(|index| index % positions * shape.channels + index / positions).collect()
}

/// Filters of row, column, channel as filters of channel, row, column.
pub(super) fn filters_first(filters: &[f32], kernel: Size, channels: usize) -> Vec<f32> {
    let shape = Shape::new(channels, kernel.height, kernel.width);
    filters.chunks_exact(shape.len().max(1)).flat_map(|filter| planar(shape, filter)).collect()
}

fn contrast(graph: &mut Graph, stream: Stream, regulariser: f32) -> Stream {
    let stream = graph.flat(stream);
    let over = || vec![Attribute::ints("axes", [1]), Attribute::int("keepdims", 1)];
    // Twice: what is left of the mean of large numbers would be lost in f32.
    let mut stream = stream;
    let given = stream.name.clone();
    for _ in 0..2 {
        let mean = graph.add("ReduceMean", &[&stream.name], over());
        stream = graph.map("Sub", stream, &[&mean]);
    }
    let squares = graph.add("Mul", &[&stream.name, &stream.name], Vec::new());
    let mut variance = graph.add("ReduceMean", &[&squares], over());
    if regulariser > 0.0 {
        let regulariser = graph.float("regulariser", regulariser);
        variance = graph.add("Add", &[&variance, &regulariser], Vec::new());
    }
    let deviation = graph.add("Sqrt", &[&variance], Vec::new());
    if regulariser > 0.0 {
        return graph.map("Div", stream, &[&deviation]);
    }
    // A sample of equal numbers becomes 0, whatever is left by rounding.
    let largest = graph.add("ReduceMax", &[&given], over());
    let least = graph.add("ReduceMin", &[&given], over());
    let varies = graph.add("Greater", &[&largest, &least], Vec::new());
    let one = graph.float("one", 1.0);
    let deviation = graph.add("Where", &[&varies, &deviation, &one], Vec::new());
    let zero = graph.float("zero", 0.0);
    let factor = graph.add("Where", &[&varies, &one, &zero], Vec::new());
    let stream = graph.map("Div", stream, &[&deviation]);
    graph.map("Mul", stream, &[&factor])
}

fn local_contrast(
    graph: &mut Graph,
    stream: Stream,
    weights: &[f32],
    rows: &[f32],
    columns: &[f32],
) -> Stream {
    let stream = graph.maps(stream);
    let window = Window::new(graph, stream.shape.channels, weights, rows, columns);
    let mean = window.mean(graph, &stream.name);
    let squares = graph.add("Mul", &[&stream.name, &stream.name], Vec::new());
    let square = window.mean(graph, &squares);
    let one = graph.float("one", 1.0);
    let sum = graph.add("Add", &[&square, &one], Vec::new());
    let deviation = graph.add("Sqrt", &[&sum], Vec::new());
    let stream = graph.map("Sub", stream, &[&mean]);
    graph.map("Div", stream, &[&deviation])
}

/// The window of local contrast: the names of its weights along rows and across them, and of the factors that
/// make means of sums.
struct Window {
    channels: usize,
    side: usize,
    along: String,
    across: String,
    rows: String,
    columns: String,
}

impl Window {
    fn new(graph: &mut Graph, channels: usize, weights: &[f32], rows: &[f32], columns: &[f32]) -> Self {
        let window: Vec<f32> = weights.iter().skip(1).rev().chain(weights).copied().collect();
        let windows = window.repeat(channels);
        Self {
            channels,
            side: weights.len().saturating_sub(1),
            along: graph.floats("window", &[channels, 1, 1, window.len()], &windows),
            across: graph.floats("window", &[channels, 1, window.len(), 1], &windows),
            rows: graph.floats("rows", &[rows.len(), 1], rows),
            columns: graph.floats("columns", &[columns.len()], columns),
        }
    }

    /// The means in the window around each number, each channel by itself.
    fn mean(&self, graph: &mut Graph, name: &str) -> String {
        let (side, window) = (self.side, 2 * self.side + 1);
        let convolution = |kernel: Size, border: [usize; 4]| Convolution {
            kernel,
            stride: Size::ONE,
            border,
            groups: self.channels,
        };
        let along = convolution(Size::new(1, window), [0, side, 0, side]);
        let across = convolution(Size::new(window, 1), [side, 0, side, 0]);
        let sums = graph.convolution(&[name, &self.along], along);
        let means = graph.add("Mul", &[&sums, &self.columns], Vec::new());
        let sums = graph.convolution(&[&means, &self.across], across);
        graph.add("Mul", &[&sums, &self.rows], Vec::new())
    }
}
