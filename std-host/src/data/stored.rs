//! Numbers that stay in files: arrays too large for memory are read sample by sample, where they lie.
//!
//! They are read with `pread`, and not through a memory map. Mapped pages count as resident memory until the
//! system takes them back, a file that is cut while it is mapped ends the program, and a map is `unsafe`.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use wta_core::Shape;

use super::element::Element;
use crate::error::{Error, Result};
use crate::layout::interleaved;
use crate::memory::reserve;

/// The most numbers that are read at a time when all are.
const BLOCK: usize = 1 << 18;

/// Numbers in one file, one after the other.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: File,
    /// The name in error messages.
    pub(super) name: Arc<Path>,
    /// Where they begin, in bytes.
    pub(super) offset: u64,
    pub(super) element: Element,
    pub(super) big_endian: bool,
    /// How many there are.
    pub(super) len: usize,
}

/// Numbers in one file or several.
#[derive(Clone, Debug)]
pub struct Stored {
    parts: Arc<[Part]>,
    /// Numbers of a sample.
    sample: usize,
    /// The shape of a sample, if its channels lie one after the other and not side by side.
    planes: Option<Shape>,
    first: usize,
    len: usize,
}

impl Stored {
    /// All numbers of some files, in samples of `sample` numbers. With `planes`, the samples of that shape
    /// have their channels one after the other.
    pub(super) fn new(parts: Vec<Part>, sample: usize, planes: Option<Shape>) -> Self {
        let len = parts.iter().map(|part| part.len).sum();
        let planes = planes.filter(|shape| shape.channels > 1 && shape.positions() > 1);
        Self { parts: parts.into(), sample, planes, first: 0, len }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether every number fits a byte.
    pub(super) fn is_bytes(&self) -> bool {
        self.parts.iter().all(|part| part.element.is_byte())
    }

    /// As [`Vec::split_off`].
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let rest = Self { first: self.first + at, len: self.len - at, ..self.clone() };
        self.len = at;
        rest
    }

    /// Writes a sample, the numbers from `start` on, with the channels side by side. Every number must be
    /// finite. The caller has checked that there are so many.
    pub(super) fn write(&self, start: usize, to: &mut [f32]) -> Result<()> {
        match self.planes {
            None => self.read(start, to),
            Some(shape) => {
                // Plane by plane, as a sample may be large.
                let mut plane = reserve::zeros(shape.positions(), what)?;
                for channel in 0..shape.channels {
                    self.read(start + channel * plane.len(), &mut plane)?;
                    let places = to.iter_mut().skip(channel).step_by(shape.channels);
                    places.zip(&plane).for_each(|(to, v)| *to = *v);
                }
                Ok(())
            }
        }
    }

    /// Calls `each` with all samples, several at a time, with the channels side by side. Every number must be
    /// finite.
    pub(super) fn each(&self, mut each: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let sample = self.sample.max(1);
        let block = (BLOCK / sample).max(1) * sample;
        let (mut numbers, mut ordered) = (reserve::zeros(block.min(self.len), what)?, Vec::new());
        for start in (0..self.len).step_by(block) {
            let numbers = numbers.get_mut(..block.min(self.len - start)).unwrap_or_default();
            self.read(start, numbers)?;
            match self.planes {
                None => each(numbers)?,
                Some(shape) => {
                    ordered.clear();
                    reserve::grow(&mut ordered, numbers.len(), what)?;
                    let samples = numbers.chunks_exact(sample);
                    ordered.extend(samples.flat_map(|sample| interleaved(shape, sample)));
                    each(&ordered)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the numbers from `start` on, in the order of the files.
    pub(super) fn read(&self, start: usize, to: &mut [f32]) -> Result<()> {
        let (mut start, mut to) = (self.first + start, to);
        for part in &*self.parts {
            if to.is_empty() {
                break;
            }
            if start >= part.len {
                start -= part.len;
                continue;
            }
            let (here, rest) = to.split_at_mut(to.len().min(part.len - start));
            part.read(start, here, self.sample)?;
            (start, to) = (0, rest);
        }
        Ok(())
    }
}

impl Part {
    fn read(&self, start: usize, to: &mut [f32], sample: usize) -> Result<()> {
        let size = self.element.bytes();
        // A sample may be large, and its bytes need not lie in memory all at once.
        let mut bytes = vec![0; to.len().min(BLOCK) * size];
        for (to, start) in to.chunks_mut(BLOCK).zip((start..).step_by(BLOCK)) {
            let bytes = bytes.get_mut(..to.len() * size).unwrap_or_default();
            let offset = self.offset + start as u64 * size as u64;
            read_at(&self.file, bytes, offset).map_err(|error| Error::io("read", &self.name, error))?;
            self.element.decode(bytes, self.big_endian, to);
            let numbers = to.iter().zip(bytes.chunks_exact(size)).enumerate();
            if let Some((index, (_, bytes))) = numbers.into_iter().find(|(_, (v, _))| !v.is_finite()) {
                let exact = self.element.number(bytes, self.big_endian);
                return Err(not_usable(&self.name, start + index, sample, exact));
            }
        }
        Ok(())
    }
}

/// What the memory is for.
fn what() -> String {
    "a sample of the data set".to_owned()
}

/// The error of a number that is no `f32`: the `index`-th of a file whose samples have `sample` numbers.
pub(super) fn not_usable(name: &Path, index: usize, sample: usize, exact: f64) -> Error {
    let (image, element) = (index / sample.max(1), index % sample.max(1));
    let problem = if exact.is_finite() {
        format!("is {exact:e}, which is finite but too large for float32; scale the data")
    } else {
        "is not a finite number; clean the data".to_owned()
    };
    Error::file(name, format!("element {element} of sample {image} {problem}"))
}

/// Reads at an offset; several threads may do so at once.
#[cfg(unix)]
pub(super) fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, offset)
}

/// Reads at an offset; several threads may do so at once.
#[cfg(windows)]
pub(super) fn read_at(file: &File, mut to: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !to.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, to, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to = to.get_mut(read..).unwrap_or_default();
        offset += read as u64;
    }
    Ok(())
}
