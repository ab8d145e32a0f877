//! A graph in the making: operators and the numbers that they use.

use wta_core::{Shape, Size};

use super::message::{Attribute, Element, Node, Tensor};

/// Operators and numbers, in the order in which they were added.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) tensors: Vec<Tensor>,
}

/// A tensor of samples: its name and the shape of a sample.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) name: String,
    /// Channels or maps, rows and columns.
    pub(super) shape: Shape,
    pub(super) form: Layout,
}

/// Where the kernel of a convolution lies.
#[derive(Clone, Copy)]
pub(super) struct Convolution {
    pub(super) kernel: Size,
    pub(super) stride: Size,
    /// Zeros above, before, below and behind.
    pub(super) border: [usize; 4],
    /// 1, or as many as there are channels if each is by itself.
    pub(super) groups: usize,
}

/// The dimensions behind the first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Channels x rows x columns.
    Maps,
    /// One.
    Flat,
    /// Channels x columns, of one row.
    Signal,
}

impl Graph {
    /// Adds an operator; its output is called after it.
    pub(super) fn add(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let name = format!("{}_{}", operator.to_lowercase(), self.nodes.len());
        self.add_as(&name, operator, inputs, attributes);
        name
    }

    /// Adds an operator whose output has this name.
    pub(super) fn add_as(&mut self, name: &str, operator: &str, inputs: &[&str], attribute: Vec<Attribute>) {
        self.nodes.push(Node {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: format!("{operator}_{}", self.nodes.len()),
            op_type: operator.to_owned(),
            attribute,
        });
    }

    /// Adds a convolution. All of its settings are written: some programs take none for granted.
    pub(super) fn convolution(&mut self, inputs: &[&str], shape: Convolution) -> String {
        let Convolution { kernel, stride, border, groups } = shape;
        let attributes = vec![
            Attribute::ints("kernel_shape", [kernel.height, kernel.width]),
            Attribute::ints("strides", [stride.height, stride.width]),
            Attribute::ints("dilations", [1, 1]),
            Attribute::ints("pads", border),
            Attribute::int("group", groups as i64),
        ];
        self.add("Conv", inputs, attributes)
    }

    /// Adds an operator on a stream that keeps its shape.
    pub(super) fn map(&mut self, operator: &str, stream: Stream, others: &[&str]) -> Stream {
        let inputs = [&[&stream.name[..]], others].concat();
        let name = self.add(operator, &inputs, Vec::new());
        Stream { name, ..stream }
    }

    /// Adds a number or an array of numbers; without dimensions, a single one.
    pub(super) fn floats(&mut self, what: &str, dimensions: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(what, Element::F32, dimensions, bytes)
    }

    /// Adds a single number.
    pub(super) fn float(&mut self, what: &str, value: f32) -> String {
        self.floats(what, &[], &[value])
    }

    /// Adds an array of signed bytes.
    pub(super) fn bytes(&mut self, what: &str, dimensions: &[usize], values: &[i8]) -> String {
        let bytes = values.iter().map(|value| *value as u8).collect();
        self.tensor(what, Element::I8, dimensions, bytes)
    }

    /// Adds the zero of an integer type.
    pub(super) fn zero(&mut self, element: Element) -> String {
        self.tensor("zero", element, &[], vec![0])
    }

    /// Adds a list of 32-bit integers.
    pub(super) fn words(&mut self, what: &str, values: &[i32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(what, Element::I32, &[values.len()], bytes)
    }

    /// Adds a list of sizes or of places.
    pub(super) fn sizes(&mut self, what: &str, values: &[usize]) -> String {
        let bytes = values.iter().flat_map(|value| (*value as i64).to_le_bytes()).collect();
        self.tensor(what, Element::I64, &[values.len()], bytes)
    }

    /// Adds a list of texts.
    pub(super) fn texts(&mut self, what: &str, values: &[String]) -> String {
        let name = self.named(what);
        self.tensors.push(Tensor {
            dims: vec![values.len() as i64],
            data_type: Element::Text as i32,
            string_data: values.iter().map(|value| value.clone().into_bytes()).collect(),
            name: name.clone(),
            raw_data: None,
        });
        name
    }

    fn tensor(&mut self, what: &str, element: Element, dimensions: &[usize], bytes: Vec<u8>) -> String {
        let name = self.named(what);
        self.tensors.push(Tensor {
            dims: dimensions.iter().map(|len| *len as i64).collect(),
            data_type: element as i32,
            string_data: Vec::new(),
            name: name.clone(),
            raw_data: Some(bytes),
        });
        name
    }

    fn named(&self, what: &str) -> String {
        format!("{what}_{}", self.tensors.len())
    }

    /// The stream as channels x rows x columns.
    pub(super) fn maps(&mut self, stream: Stream) -> Stream {
        let Shape { channels, height, width } = stream.shape;
        self.reshaped(stream, Layout::Maps, &[channels, height, width])
    }

    /// The stream as a vector for each sample, channel after channel.
    pub(super) fn flat(&mut self, stream: Stream) -> Stream {
        let len = stream.shape.len();
        self.reshaped(stream, Layout::Flat, &[len])
    }

    fn reshaped(&mut self, stream: Stream, form: Layout, dimensions: &[usize]) -> Stream {
        if stream.form == form {
            return stream;
        }
        // A 0 keeps the number of samples.
        let sizes = self.sizes("shape", &[&[0], dimensions].concat());
        Stream { name: self.add("Reshape", &[&stream.name, &sizes], Vec::new()), form, ..stream }
    }
}
