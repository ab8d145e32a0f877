//! An array in a file: `.npy`, one of a `.npz` archive, or a tensor of a safetensors file.
//!
//! The headers are parsed here: there is little in them, and the length that a header promises is compared
//! with the file's before anything is allocated.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::archive;
use super::header::{Content, Header, by};
use super::npy::{self, npy};
use super::safetensors::tensors;
use crate::data::element::Element;
use crate::data::stored::{Part, read_at};
use crate::error::{Error, Result};
use crate::memory::reserve;

/// An array whose numbers have not been read yet.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) header: Header,
    file: File,
    /// Its name in errors: the file's, and behind it that of the array in an archive.
    pub(super) name: Arc<Path>,
}

/// The kinds of files that hold arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Npy,
    Npz,
    Safetensors,
}

/// The kind of a file, by its name or, if that says nothing, by its first bytes.
pub(super) fn container(path: &Path) -> Option<Container> {
    match ending(path).as_str() {
        "npy" => return Some(Container::Npy),
        "npz" => return Some(Container::Npz),
        "safetensors" => return Some(Container::Safetensors),
        _ => {}
    }
    let mut start = [0; 6];
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    if start == *npy::MAGIC {
        Some(Container::Npy)
    } else {
        start.starts_with(archive::MAGIC).then_some(Container::Npz)
    }
}

/// The extension in lower case; empty when there is none.
pub(in crate::data) fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

impl Array {
    /// Opens an array; `tensor` is its name, where the file holds several.
    pub(super) fn open(path: &Path, tensor: Option<&str>) -> Result<Self> {
        let stored = length(path)?;
        let failed = |error| Error::io("read", path, error);
        let refuse = |problem: String| Error::file(path, problem);
        match container(path) {
            Some(Container::Npy) => {
                let file = File::open(path).map_err(failed)?;
                let header = npy(&mut BufReader::new(&file), stored).map_err(refuse)?;
                Ok(Self { header, file, name: path.into() })
            }
            Some(Container::Npz) => {
                let names = archive::names(path)?;
                let name = chosen(path, "arrays", &names, tensor)?;
                let (header, file) = archive::array(path, name)?;
                Ok(Self { header, file, name: path.join(name).into() })
            }
            Some(Container::Safetensors) => {
                let file = File::open(path).map_err(failed)?;
                let mut tensors = tensors(&mut BufReader::new(&file), stored).map_err(refuse)?;
                let names: Vec<String> = tensors.keys().cloned().collect();
                let name = chosen(path, "tensors", &names, tensor)?;
                let header = tensors.remove(name).unwrap_or_else(|| Err(String::new())).map_err(refuse)?;
                Ok(Self { header, file, name: path.into() })
            }
            None => Err(Error::file(
                path,
                "is neither .npy, .npz, .safetensors nor .csv; save the array in one of these",
            )),
        }
    }

    /// The shape, for people.
    pub(super) fn shape(&self) -> String {
        by(&self.header.shape)
    }

    /// The type of its numbers.
    pub(super) fn element(&self) -> Result<Element> {
        match self.header.content {
            Content::Numbers(element) => Ok(element),
            Content::Text { .. } => Err(Error::file(&self.name, "holds strings, but samples are numbers")),
        }
    }

    /// Its numbers, where they lie.
    pub(super) fn part(self) -> Result<Part> {
        let (element, len) = (self.element()?, self.header.len());
        let Header { start: offset, big_endian, .. } = self.header;
        Ok(Part { file: self.file, name: self.name, offset, element, big_endian, len })
    }

    /// The bytes of `count` numbers or strings from the index `start` on, which must be there.
    pub(super) fn bytes_of(&self, start: usize, count: usize) -> Result<Vec<u8>> {
        let size = self.header.content.bytes();
        let what = || format!("{}: the array", self.name.display());
        let mut bytes = reserve::zeros(count.saturating_mul(size), what)?;
        let place = self.header.start + (start as u64).saturating_mul(size as u64);
        read_at(&self.file, &mut bytes, place).map_err(|error| Error::io("read", &self.name, error))?;
        Ok(bytes)
    }
}

/// The shapes in a file, for people.
pub(in crate::data) fn describe(path: &Path) -> Result<String> {
    let stored = length(path)?;
    let named = |name: &str, shape: &[usize]| format!("{name}: {}", by(shape));
    let shapes: Vec<String> = match container(path) {
        Some(Container::Npz) => {
            let mut shapes = Vec::new();
            for name in archive::names(path)? {
                let (header, _) = archive::array(path, &name)?;
                shapes.push(named(&name, &header.shape));
            }
            shapes
        }
        Some(Container::Safetensors) => {
            let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
            let tensors = tensors(&mut BufReader::new(&file), stored);
            let mut shapes = Vec::new();
            for (name, header) in tensors.map_err(|problem| Error::file(path, problem))? {
                let header = header.map_err(|problem| Error::file(path, problem))?;
                shapes.push(named(&name, &header.shape));
            }
            shapes
        }
        _ => vec![Array::open(path, None)?.shape()],
    };
    Ok(shapes.join(", "))
}

/// The names of the arrays in a file, if it is of a kind that holds several.
pub(super) fn names(path: &Path) -> Result<Option<Vec<String>>> {
    match container(path) {
        Some(Container::Npz) => archive::names(path).map(Some),
        Some(Container::Safetensors) => {
            let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
            let tensors = tensors(&mut BufReader::new(&file), length(path)?);
            let tensors = tensors.map_err(|problem| Error::file(path, problem))?;
            Ok(Some(tensors.into_keys().collect()))
        }
        _ => Ok(None),
    }
}

/// The length of a file, which must not be empty.
pub(super) fn length(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is not a file; give a .npy, .npz, .safetensors or .csv file"));
    }
    if metadata.len() == 0 {
        return Err(Error::file(path, "is empty; write it again"));
    }
    Ok(metadata.len())
}

/// The array that was asked for, or the only one.
fn chosen<'a>(path: &Path, what: &str, names: &'a [String], asked: Option<&'a str>) -> Result<&'a str> {
    let all = names.join(", ");
    let found = match (asked, names) {
        (Some(asked), _) => names
            .iter()
            .find(|name| *name == asked)
            .ok_or_else(|| format!("has no {} {asked}, only {all}", what.trim_end_matches('s'))),
        (None, [only]) => Ok(only),
        (None, []) => Err(format!("holds no {what}")),
        (None, _) => Err(format!("has the {what} {all}; say which by tensor or label_tensor")),
    };
    found.map(String::as_str).map_err(|problem| Error::file(path, problem))
}
