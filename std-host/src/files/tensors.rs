//! Files of named tensors (safetensors), written whole and read with every shape checked.

use std::borrow::Cow;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::seal::{self, Described, Sealed};
use crate::error::{Error, Result};

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its numbers, row by row.
    pub values: Vec<f32>,
}

/// The tensors of a file in memory.
pub(crate) struct Tensors<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    /// What the file says of itself; nothing if it has no checksum.
    described: Described,
}

impl<'a> Tensors<'a> {
    /// Parses `file`, the content of the file at `path`.
    pub(crate) fn of(path: &'a Path, file: &'a [u8]) -> Result<Self> {
        let damaged = |e| Error::file(path, format!("is not a whole safetensors file ({e}); train again"));
        let tensors = SafeTensors::deserialize(file).map_err(damaged)?;
        let (_, metadata) = SafeTensors::read_metadata(file).map_err(damaged)?;
        let remedy = "train again, or remove the metadata if the numbers were changed on purpose";
        let described = seal::opened(path, &tensors, &metadata, remedy)?.unwrap_or_default();
        Ok(Self { path, tensors, described })
    }

    /// What the file says under this key, if it has a checksum.
    pub(crate) fn said(&self, key: &str) -> Option<&str> {
        self.described.get(key).map(String::as_str)
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

/// Writes a file of tensors with what it says of itself.
pub(crate) fn write(path: &Path, tensors: &[Tensor], described: &[(&str, String)]) -> Result<()> {
    sealed(path, tensors, described)?.write(path)
}

/// Such a file, ready to be written.
pub(crate) fn sealed(path: &Path, tensors: &[Tensor], described: &[(&str, String)]) -> Result<Sealed> {
    let bytes: Vec<Cow<'_, [u8]>> = tensors.iter().map(|t| little_endian(&t.values)).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
        views.push((tensor.name.as_str(), view.map_err(|e| Error::file(path, e.to_string()))?));
    }
    Sealed::new(path, &views, described)
}

/// Numbers as little-endian bytes, where they lie if the machine keeps them so.
pub(crate) fn little_endian(values: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(values))
    } else {
        Cow::Owned(bytes_of(values))
    }
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
