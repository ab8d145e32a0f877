//! Files of named tensors (safetensors), written whole and read with every shape checked.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::atomic;
use crate::error::{Error, Result};

/// A tensor to be written.
pub(crate) struct Tensor {
    /// Its name.
    pub(crate) name: String,
    /// Its dimensions.
    pub(crate) shape: Vec<usize>,
    /// Its numbers, row by row.
    pub(crate) values: Vec<f32>,
}

/// The tensors of a file in memory.
pub(crate) struct Tensors<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> Tensors<'a> {
    /// Parses `file`, the content of the file at `path`.
    pub(crate) fn of(path: &'a Path, file: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(file)
            .map_err(|e| Error::file(path, format!("is not a whole safetensors file ({e}); train again")))?;
        Ok(Self { path, tensors })
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.tensors.names()
    }

    /// The dimensions of a tensor, if the file has it.
    pub(crate) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.tensors.tensor(name).ok()?.shape().to_vec())
    }

    /// The numbers of a tensor, checked to be finite and of the `shape` that the recipe needs.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let refused = |problem: String| Err(Error::file(self.path, problem));
        let Ok(tensor) = self.tensors.tensor(name) else {
            return refused(format!("has no tensor {name}, which the recipe needs"));
        };
        if tensor.dtype() != Dtype::F32 {
            return refused(format!("tensor {name} is of type {:?}, not F32", tensor.dtype()));
        }
        if tensor.shape() != shape {
            let found = tensor.shape();
            return refused(format!("tensor {name} has shape {found:?}, but the recipe needs {shape:?}"));
        }
        let values = floats_of(tensor.data());
        match values.iter().position(|v| !v.is_finite()) {
            Some(index) => refused(format!("element {index} of tensor {name} is not a finite number")),
            None => Ok(values),
        }
    }
}

/// Writes a file of tensors.
pub(crate) fn write(path: &Path, tensors: &[Tensor]) -> Result<()> {
    write_described(path, tensors, &[])
}

/// Writes a file of tensors with metadata.
pub(crate) fn write_described(path: &Path, tensors: &[Tensor], metadata: &[(&str, &str)]) -> Result<()> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| bytes_of(&t.values)).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
        views.push((tensor.name.as_str(), view.map_err(|e| Error::file(path, e.to_string()))?));
    }
    let metadata = metadata.iter().chain(&[("format", "pt")]);
    let metadata: HashMap<String, String> =
        metadata.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| Error::file(path, e.to_string()))?;
    atomic::write(path, |to| to.write_all(&file))
}

/// Numbers as little-endian bytes.
pub(crate) fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Little-endian bytes as numbers.
pub(crate) fn floats_of(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|w| f32::from_le_bytes(*w)).collect()
}
