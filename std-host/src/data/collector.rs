//! Numbers as they are collected sample by sample: in memory or, if they are too many, in a temporary file.
//!
//! Beyond [`in_memory`] bytes a [`Collector`] continues in a file without a name, which the operating system
//! removes with the last handle, however the program ends.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::element::Element;
use super::stored::{Part, Stored};
use super::values::Values;
use crate::error::{Error, Result};
use crate::memory::{limit, reserve};

/// A larger data set is kept in a file.
const IN_MEMORY: u64 = 1 << 30;

/// The bytes of a data set that stays in memory: 1 GiB, or a quarter of what the process may take.
pub(super) fn in_memory() -> u64 {
    IN_MEMORY.min(limit::left() / 4)
}

/// Collects numbers: in memory up to a limit, in a temporary file beyond it.
pub(super) struct Collector {
    element: Element,
    limit: u64,
    /// Where the file is made, if it is needed.
    folder: PathBuf,
    memory: Values,
    file: Option<io::BufWriter<File>>,
    len: usize,
}

impl Collector {
    /// For bytes. The temporary file is made in `folder` or, if that fails, in the system's folder for such
    /// files.
    pub(super) fn bytes(folder: &Path) -> Self {
        Self::new(Element::U8, folder, in_memory())
    }

    /// For floats; otherwise as [`Collector::bytes`].
    pub(super) fn floats(folder: &Path) -> Self {
        Self::new(Element::F32, folder, in_memory())
    }

    pub(super) fn new(element: Element, folder: &Path, limit: u64) -> Self {
        let memory = if element.is_byte() { Values::Bytes(Vec::new()) } else { Values::Floats(Vec::new()) };
        Self { element, limit, folder: folder.to_path_buf(), memory, file: None, len: 0 }
    }

    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a temporary file cannot be written; also if memory runs out.
    pub(super) fn push_bytes(&mut self, numbers: &[u8]) -> Result<()> {
        self.prepare(numbers.len())?;
        if let Some(file) = &mut self.file {
            file.write_all(numbers).map_err(|error| failed("write", &self.folder, error))?;
        } else if let Values::Bytes(memory) = &mut self.memory {
            reserve::grow(memory, numbers.len(), || what(&self.folder))?;
            memory.extend_from_slice(numbers);
        }
        Ok(())
    }

    /// Adds floats.
    ///
    /// # Errors
    ///
    /// As for [`Collector::push_bytes`].
    pub(super) fn push_floats(&mut self, numbers: &[f32]) -> Result<()> {
        self.prepare(numbers.len())?;
        if let Some(file) = &mut self.file {
            for number in numbers {
                file.write_all(&number.to_le_bytes())
                    .map_err(|error| failed("write", &self.folder, error))?;
            }
        } else if let Values::Floats(memory) = &mut self.memory {
            reserve::grow(memory, numbers.len(), || what(&self.folder))?;
            memory.extend_from_slice(numbers);
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
        let written = match std::mem::replace(&mut self.memory, Values::Bytes(Vec::new())) {
            Values::Bytes(numbers) => file.write_all(&numbers),
            Values::Floats(numbers) => {
                numbers.iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))
            }
            Values::Held(_) | Values::Stored(_) | Values::Windows(_) | Values::Chosen(_) => Ok(()),
        };
        written.map_err(|error| failed("write", &self.folder, error))?;
        self.file = Some(file);
        Ok(())
    }

    /// The numbers collected.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the temporary file cannot be written.
    pub(super) fn finish(self) -> Result<Values> {
        let Some(file) = self.file else { return Ok(self.memory) };
        let file = file.into_inner().map_err(|error| failed("write", &self.folder, error.into_error()))?;
        let name = Path::new("the temporary file of the data set").into();
        let (element, len) = (self.element, self.len);
        let part = Part { file, name, offset: 0, element, big_endian: false, len };
        Ok(Values::Stored(Stored::new(vec![part], 1, None)))
    }
}

fn failed(action: &'static str, folder: &Path, error: io::Error) -> Error {
    Error::Invalid(format!(
        "cannot {action} the temporary file for a data set larger than memory, in {} or the system's folder: {error}",
        folder.display()
    ))
}

fn what(folder: &Path) -> String {
    match folder.to_str() {
        Some("") | None => "the data set".to_owned(),
        Some(folder) => format!("{folder}: the data set"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(numbers: &Values, start: usize, len: usize) -> Option<Vec<f32>> {
        let mut to = vec![f32::NAN; len];
        numbers.write(start, 0.5, &mut to).unwrap().then_some(to)
    }

    #[test]
    fn in_a_file_or_in_memory_they_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for limit in [0, 10, 39, u64::MAX] {
            let (mut bytes, mut floats) = (
                Collector::new(Element::U8, folder.path(), limit),
                Collector::new(Element::F32, folder.path(), limit),
            );
            for start in [0, 5, 10, 15] {
                let numbers: Vec<u8> = (start..start + 5).collect();
                bytes.push_bytes(&numbers).unwrap();
                floats.push_floats(&numbers.iter().map(|p| f32::from(*p)).collect::<Vec<_>>()).unwrap();
            }
            let (bytes, floats) = (bytes.finish().unwrap(), floats.finish().unwrap());
            assert_eq!(matches!(bytes, Values::Stored(_)), limit < 20);
            assert_eq!(matches!(floats, Values::Stored(_)), limit < 80);
            assert_eq!((bytes.is_bytes(), floats.is_bytes()), (true, false));
            for mut numbers in [bytes, floats] {
                assert_eq!(read(&numbers, 7, 3), Some(vec![3.5, 4.0, 4.5]));
                assert_eq!((read(&numbers, 18, 3), read(&numbers, usize::MAX, 3)), (None, None));
                let rest = numbers.split_off(12);
                assert_eq!((numbers.len(), rest.len()), (12, 8));
                assert_eq!(read(&rest, 6, 2), Some(vec![9.0, 9.5]));
                assert_eq!((read(&numbers, 11, 1), read(&numbers, 11, 2)), (Some(vec![5.5]), None));
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn where_the_folder_cannot_be_written_the_systems_is() {
        let mut numbers = Collector::new(Element::U8, Path::new("/no/such/folder"), 0);
        numbers.push_bytes(&[8]).unwrap();
        assert_eq!(read(&numbers.finish().unwrap(), 0, 1), Some(vec![4.0]));
    }
}
