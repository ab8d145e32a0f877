//! The pixels of a data set: bytes or floats, in memory or, if there are too many, in a temporary file.
//!
//! IDX and CIFAR files are read as bytes in memory. A [`Collector`] gathers any other data set image by
//! image. Beyond [`IN_MEMORY`] bytes it continues in a file without a name, which the operating system
//! removes with the last handle, however the program ends.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};

/// A larger data set is kept in a temporary file: 1 GiB.
pub(super) const IN_MEMORY: u64 = 1 << 30;

/// The pixels of all images, image by image, each `height x width x channels`, channels last.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// 0 to 255.
    Bytes(Vec<u8>),
    /// Any finite numbers.
    Floats(Vec<f32>),
    /// Bytes or floats in a file.
    Stored(Stored),
}

/// The type of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `u8`.
    Byte,
    /// `f32`, little-endian in a file.
    Float,
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Self::Byte => size_of::<u8>(),
            Self::Float => size_of::<f32>(),
        }
    }
}

/// A range of elements of a file.
#[derive(Clone, Debug)]
pub struct Stored {
    file: Arc<File>,
    /// The name in error messages.
    name: Arc<Path>,
    element: Element,
    first: usize,
    len: usize,
}

impl From<Vec<u8>> for Pixels {
    fn from(pixels: Vec<u8>) -> Self {
        Self::Bytes(pixels)
    }
}

impl From<Vec<f32>> for Pixels {
    fn from(pixels: Vec<f32>) -> Self {
        Self::Floats(pixels)
    }
}

impl Pixels {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(pixels) => pixels.len(),
            Self::Floats(pixels) => pixels.len(),
            Self::Stored(stored) => stored.len,
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels, if they are bytes in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(pixels) = self { Some(pixels) } else { None }
    }

    /// The type of the elements.
    pub fn element(&self) -> Element {
        match self {
            Self::Bytes(_) => Element::Byte,
            Self::Floats(_) => Element::Float,
            Self::Stored(stored) => stored.element,
        }
    }

    /// Writes the elements from `start` on to `to`, each multiplied by `scale`; `false` if there are too few.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read.
    pub(super) fn write(&self, start: usize, scale: f32, to: &mut [f32]) -> Result<bool> {
        let Some(end) = start.checked_add(to.len()).filter(|end| *end <= self.len()) else {
            return Ok(false);
        };
        match self {
            Self::Bytes(pixels) => scaled_bytes(pixels.get(start..end).unwrap_or_default(), scale, to),
            Self::Floats(pixels) => {
                let pixels = pixels.get(start..end).unwrap_or_default();
                to.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = pixel * scale);
            }
            Self::Stored(stored) => stored.write(start, scale, to)?,
        }
        Ok(true)
    }

    /// As [`Vec::split_off`].
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.len());
        match self {
            Self::Bytes(pixels) => Self::Bytes(pixels.split_off(at)),
            Self::Floats(pixels) => Self::Floats(pixels.split_off(at)),
            Self::Stored(stored) => {
                let rest = Stored { first: stored.first + at, len: stored.len - at, ..stored.clone() };
                stored.len = at;
                Self::Stored(rest)
            }
        }
    }
}

fn scaled_bytes(pixels: &[u8], scale: f32, to: &mut [f32]) {
    to.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = f32::from(*pixel) * scale);
}

impl Stored {
    fn write(&self, start: usize, scale: f32, to: &mut [f32]) -> Result<()> {
        let size = self.element.bytes();
        let mut bytes = vec![0; to.len() * size];
        let offset = (self.first + start) as u64 * size as u64;
        read_at(&self.file, &mut bytes, offset).map_err(|error| Error::io("read", &self.name, error))?;
        match self.element {
            Element::Byte => scaled_bytes(&bytes, scale, to),
            Element::Float => {
                let (numbers, _) = bytes.as_chunks();
                to.iter_mut().zip(numbers).for_each(|(to, number)| *to = f32::from_le_bytes(*number) * scale);
            }
        }
        Ok(())
    }
}

/// Reads at an offset; several threads may do so at once.
#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, offset)
}

/// Reads at an offset; several threads may do so at once.
#[cfg(windows)]
fn read_at(file: &File, mut to: &mut [u8], mut offset: u64) -> io::Result<()> {
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

/// Collects pixels: in memory up to a limit, in a temporary file beyond it.
pub(super) struct Collector {
    element: Element,
    limit: u64,
    /// Where the file is made, if it is needed.
    folder: PathBuf,
    memory: Pixels,
    file: Option<io::BufWriter<File>>,
    len: usize,
}

impl Collector {
    /// For bytes. The temporary file is made in `folder` or, if that fails, in the system's folder for such
    /// files.
    pub(super) fn bytes(folder: &Path) -> Self {
        Self::new(Element::Byte, folder, IN_MEMORY)
    }

    /// For floats; otherwise as [`Collector::bytes`].
    pub(super) fn floats(folder: &Path) -> Self {
        Self::new(Element::Float, folder, IN_MEMORY)
    }

    pub(super) fn new(element: Element, folder: &Path, limit: u64) -> Self {
        let memory = match element {
            Element::Byte => Pixels::Bytes(Vec::new()),
            Element::Float => Pixels::Floats(Vec::new()),
        };
        Self { element, limit, folder: folder.to_path_buf(), memory, file: None, len: 0 }
    }

    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a temporary file cannot be written; also if memory runs out.
    pub(super) fn push_bytes(&mut self, pixels: &[u8]) -> Result<()> {
        self.prepare(pixels.len())?;
        if let Some(file) = &mut self.file {
            file.write_all(pixels).map_err(|error| failed("write", &self.folder, error))?;
        } else if let Pixels::Bytes(memory) = &mut self.memory {
            memory.try_reserve(pixels.len()).map_err(|_| short(&self.folder))?;
            memory.extend_from_slice(pixels);
        }
        Ok(())
    }

    /// Adds floats.
    ///
    /// # Errors
    ///
    /// As for [`Collector::push_bytes`].
    pub(super) fn push_floats(&mut self, pixels: &[f32]) -> Result<()> {
        self.prepare(pixels.len())?;
        if let Some(file) = &mut self.file {
            for pixel in pixels {
                file.write_all(&pixel.to_le_bytes()).map_err(|error| failed("write", &self.folder, error))?;
            }
        } else if let Pixels::Floats(memory) = &mut self.memory {
            memory.try_reserve(pixels.len()).map_err(|_| short(&self.folder))?;
            memory.extend_from_slice(pixels);
        }
        Ok(())
    }

    /// Counts `more` elements, and starts the file if they are too many for memory.
    fn prepare(&mut self, more: usize) -> Result<()> {
        self.len += more;
        if self.file.is_some() || self.len as u64 * self.element.bytes() as u64 <= self.limit {
            return Ok(());
        }
        let file = tempfile::tempfile_in(&self.folder).or_else(|_| tempfile::tempfile());
        let mut file = io::BufWriter::with_capacity(
            1 << 20,
            file.map_err(|error| failed("create", &self.folder, error))?,
        );
        let written = match std::mem::replace(&mut self.memory, Pixels::Bytes(Vec::new())) {
            Pixels::Bytes(pixels) => file.write_all(&pixels),
            Pixels::Floats(pixels) => {
                pixels.iter().try_for_each(|pixel| file.write_all(&pixel.to_le_bytes()))
            }
            Pixels::Stored(_) => Ok(()),
        };
        written.map_err(|error| failed("write", &self.folder, error))?;
        self.file = Some(file);
        Ok(())
    }

    /// The pixels collected.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the temporary file cannot be written.
    pub(super) fn finish(self) -> Result<Pixels> {
        let Some(file) = self.file else { return Ok(self.memory) };
        let file = file.into_inner().map_err(|error| failed("write", &self.folder, error.into_error()))?;
        let name = Path::new("the temporary file of the data set").into();
        Ok(Pixels::Stored(Stored {
            file: Arc::new(file),
            name,
            element: self.element,
            first: 0,
            len: self.len,
        }))
    }
}

fn failed(action: &'static str, folder: &Path, error: io::Error) -> Error {
    Error::Invalid(format!(
        "cannot {action} the temporary file for a data set larger than memory, in {} or the system's folder: {error}",
        folder.display()
    ))
}

fn short(folder: &Path) -> Error {
    Error::file(folder, "needs more memory than there is; use a smaller data set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pixels: &Pixels, start: usize, len: usize) -> Option<Vec<f32>> {
        let mut to = vec![f32::NAN; len];
        pixels.write(start, 0.5, &mut to).unwrap().then_some(to)
    }

    #[test]
    fn in_a_file_or_in_memory_they_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for limit in [0, 10, 39, u64::MAX] {
            let (mut bytes, mut floats) = (
                Collector::new(Element::Byte, folder.path(), limit),
                Collector::new(Element::Float, folder.path(), limit),
            );
            for start in [0, 5, 10, 15] {
                let pixels: Vec<u8> = (start..start + 5).collect();
                bytes.push_bytes(&pixels).unwrap();
                floats.push_floats(&pixels.iter().map(|p| f32::from(*p)).collect::<Vec<_>>()).unwrap();
            }
            let (bytes, floats) = (bytes.finish().unwrap(), floats.finish().unwrap());
            assert_eq!(matches!(bytes, Pixels::Stored(_)), limit < 20);
            assert_eq!(matches!(floats, Pixels::Stored(_)), limit < 80);
            assert_eq!((bytes.element(), floats.element()), (Element::Byte, Element::Float));
            for mut pixels in [bytes, floats] {
                assert_eq!(read(&pixels, 7, 3), Some(vec![3.5, 4.0, 4.5]));
                assert_eq!((read(&pixels, 18, 3), read(&pixels, usize::MAX, 3)), (None, None));
                let rest = pixels.split_off(12);
                assert_eq!((pixels.len(), rest.len()), (12, 8));
                assert_eq!(read(&rest, 6, 2), Some(vec![9.0, 9.5]));
                assert_eq!((read(&pixels, 11, 1), read(&pixels, 11, 2)), (Some(vec![5.5]), None));
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn where_the_folder_cannot_be_written_the_systems_is() {
        let mut pixels = Collector::new(Element::Byte, Path::new("/no/such/folder"), 0);
        pixels.push_bytes(&[8]).unwrap();
        assert_eq!(read(&pixels.finish().unwrap(), 0, 1), Some(vec![4.0]));
    }
}
