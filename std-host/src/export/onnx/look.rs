//! What an ONNX file holds, for people who ask what it is.

use std::path::Path;

use prost::Message;

use super::message::{Element, Extent, MOST_BYTES, Model, PRODUCER, ValueInfo};
use crate::data::{self, Contents, Range};
use crate::error::{Error, Result};
use crate::files::whole;

/// Whether a file that begins so is one of ONNX: the version of the format, then the name of the program that
/// wrote it.
pub(crate) fn is_onnx(start: &[u8]) -> bool {
    match start {
        [0x08, 1..=0x7f, 0x12, len, name @ ..] => {
            let len = usize::from(*len).min(name.len());
            let name = name.get(..len).unwrap_or_default();
            !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        }
        _ => false,
    }
}

/// What an ONNX file holds.
pub(crate) fn look(path: &Path) -> Contents {
    let contents = Contents::new(
        "a network for other programs (ONNX)",
        "onnxruntime, and other programs that read ONNX",
    );
    match read(path) {
        Ok(model) => of_model(contents, path, &model),
        Err(error) => contents.wrong(error),
    }
}

fn read(path: &Path) -> Result<Model> {
    let bytes = whole::read(path)?;
    let damaged = |problem: String| {
        Error::file(path, format!("is an ONNX file that is cut off or damaged ({problem}); export it again"))
    };
    if bytes.len() > MOST_BYTES {
        return Err(damaged("it is larger than 2 GiB".to_owned()));
    }
    let model = Model::decode(&bytes[..]).map_err(|error| damaged(error.to_string()))?;
    if model.graph.is_none() || model.opset_import.is_empty() {
        return Err(damaged("it has no graph or no version of the operators".to_owned()));
    }
    // Messages have no length of their own: of ours, what stands last must be there.
    let lines: Vec<&str> = model.metadata_props.iter().map(|entry| entry.key.as_str()).collect();
    let outputs = model.graph.iter().flat_map(|graph| &graph.output).count();
    let last = if outputs > 1 { "classes" } else { "features" };
    if model.producer_name == PRODUCER && !lines.contains(&last) {
        return Err(damaged(format!("its metadata lacks {last}")));
    }
    Ok(model)
}

fn of_model(contents: Contents, path: &Path, model: &Model) -> Contents {
    let mut contents =
        contents.with("written by", format!("{} {}", model.producer_name, model.producer_version));
    for operators in &model.opset_import {
        contents = contents.with("operators", format!("version {}", operators.version));
    }
    for entry in &model.metadata_props {
        contents = match entry.key.as_str() {
            "recipe" => contents.with("recipe", &entry.value),
            "weights" => contents.with("weights", &entry.value),
            "features" => contents.with("features", &entry.value),
            "classes" => contents.with("classes", &entry.value),
            _ => contents,
        };
    }
    let Some(graph) = &model.graph else { return contents };
    for input in &graph.input {
        contents = contents.with("input", value(input));
    }
    for output in &graph.output {
        contents = contents.with("output", value(output));
    }
    contents = contents.with("nodes", graph.node.len());
    for tensor in &graph.initializer {
        let shape: Vec<usize> = tensor.dims.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
        let element = stored(tensor.data_type);
        let name = element.map_or("other".to_owned(), |element| element.name().to_owned());
        let range = match (element, &tensor.raw_data) {
            (Some(element), Some(bytes)) => {
                let len = shape.iter().try_fold(element.bytes(), |len, size| len.checked_mul(*size));
                if len != Some(bytes.len()) {
                    let problem =
                        format!("tensor {} has another length than its shape; export it again", tensor.name);
                    contents = contents.wrong(Error::file(path, problem));
                }
                let mut range = Range::default();
                range.add_stored(element, bytes, false);
                Some(range)
            }
            _ => None,
        };
        contents = contents.array(&tensor.name, &name, &shape, range);
    }
    contents
}

/// The numbers of a tensor of this type.
fn stored(kind: i32) -> Option<data::Element> {
    let known = [
        (Element::F32, data::Element::F32),
        (Element::U8, data::Element::U8),
        (Element::I8, data::Element::I8),
        (Element::I32, data::Element::I32),
        (Element::I64, data::Element::I64),
    ];
    known.into_iter().find(|(element, _)| *element as i32 == kind).map(|(_, element)| element)
}

/// An input or an output: `samples: N x 1 x 28 x 28`.
fn value(info: &ValueInfo) -> String {
    let tensor = info.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
    let dimensions = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let sizes: Vec<String> = dimensions
        .iter()
        .map(|dimension| match &dimension.extent {
            Some(Extent::Value(size)) => size.to_string(),
            Some(Extent::Name(name)) => name.clone(),
            None => "?".to_owned(),
        })
        .collect();
    format!("{}: {}", info.name, sizes.join(" x "))
}
