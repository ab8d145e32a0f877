//! The labels of samples, from arrays, tables and lists of words.

use std::path::Path;

use super::array::{Array, length};
use super::column::Column;
use super::header::{Content, Header};
use super::label::{Label, decoded, whole};
use super::table::{LabelColumn, is_table};
use crate::error::{Error, Result};
use crate::memory::reserve;

/// Labels that are read from an array at a time.
const BLOCK: usize = 1 << 14;

/// All labels in a file.
pub(super) fn read(path: &Path, tensor: Option<&str>, column: Option<&Column>) -> Result<Vec<Label>> {
    let mut labels = Labels::open(path, tensor, column)?;
    let mut all = Vec::new();
    if let Labels::Array(array) = &labels {
        all = reserve::with_capacity(array.len, || format!("{}: its labels", path.display()))?;
    }
    while let Some(label) = labels.next()? {
        all.push(label);
    }
    Ok(all)
}

/// The labels in a file, one after the other: an array of whole numbers or strings, a column of a table, or
/// one word in each line.
pub(super) enum Labels {
    Table(LabelColumn),
    Array(LabelArray),
}

impl Labels {
    pub(super) fn open(path: &Path, tensor: Option<&str>, column: Option<&Column>) -> Result<Self> {
        if is_table(path) {
            return LabelColumn::open(path, column).map(Self::Table);
        }
        let array = Array::open(path, tensor)?;
        if !matches!(array.header.shape[..], [_] | [_, 1]) {
            let problem = format!(
                "is an array of {}, but labels are N numbers; give the file of labels",
                array.shape()
            );
            return Err(Error::file(&array.name, problem));
        }
        let len = array.header.len();
        Ok(Self::Array(LabelArray { array, len, next: 0, bytes: Vec::new(), start: 0 }))
    }

    pub(super) fn next(&mut self) -> Result<Option<Label>> {
        match self {
            Self::Table(column) => column.next(),
            Self::Array(array) => array.next(),
        }
    }
}

/// Labels of an array.
pub(super) struct LabelArray {
    array: Array,
    len: usize,
    /// The next one's index.
    next: usize,
    /// Some of them, as they are in the file, from the index `start` on.
    bytes: Vec<u8>,
    start: usize,
}

impl LabelArray {
    fn next(&mut self) -> Result<Option<Label>> {
        let Header { content, big_endian, .. } = self.array.header;
        let (size, index) = (content.bytes(), self.next);
        if index >= self.len {
            return Ok(None);
        }
        self.next += 1;
        if size == 0 {
            return Ok(Some(Label::Text(String::new())));
        }
        if self.bytes.len() / size <= index - self.start {
            self.start = index;
            self.bytes = self.array.bytes_of(index, BLOCK.min(self.len - index))?;
        }
        let bytes = self.bytes.get((index - self.start) * size..).and_then(|bytes| bytes.get(..size));
        let bytes = bytes.unwrap_or_default();
        let refuse = |problem: String| Error::file(&self.array.name, problem);
        match content {
            Content::Text { wide, .. } => match text(bytes, wide, big_endian) {
                Some(text) => Ok(Some(Label::of(&text))),
                None => Err(refuse(format!("the label at index {index} is not text: half a character"))),
            },
            Content::Numbers(element) => {
                let number = element.number(bytes, big_endian);
                match element.whole(bytes, big_endian).or_else(|| whole(number)) {
                    Some(label) => Ok(Some(Label::Whole(label))),
                    None => Err(refuse(format!(
                        "the label at index {index} is {number}, but labels are whole numbers or strings"
                    ))),
                }
            }
        }
    }
}

/// The names of classes, one in each line.
pub(super) fn names(path: &Path) -> Result<Vec<String>> {
    length(path)?;
    let text = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let text = decoded(&text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// One of NumPy's strings, which are filled up with zeros; `None` for what is no character.
fn text(bytes: &[u8], wide: bool, big_endian: bool) -> Option<String> {
    if !wide {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        return Some(decoded(bytes.get(..end).unwrap_or_default()));
    }
    let (characters, _) = bytes.as_chunks::<4>();
    let code = |bytes: &[u8; 4]| {
        if big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) }
    };
    let all: Option<String> = characters.iter().map(|bytes| char::from_u32(code(bytes))).collect();
    all.map(|text| text.trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpys_strings_end_before_their_zeros() {
        let text = |bytes: &[u8], wide, big_endian| text(bytes, wide, big_endian).unwrap();
        assert_eq!(text(b"cat\0\0", false, false), "cat");
        // Bytes that are not UTF-8 are Latin-1: other names stay others.
        assert_eq!(text(b"\xe4\0", false, false), "ä");
        assert_eq!(super::text(&[0, 0xd8, 0, 0], true, false), None);
        let wide: Vec<u8> = "żó\0".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        assert_eq!(text(&wide, true, false), "żó");
        let wide: Vec<u8> = "ab".chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        assert_eq!(text(&wide, true, true), "ab");
    }

    #[test]
    fn names_stand_one_in_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.txt");
        std::fs::write(&path, "\u{feff}standing\r\n running \n\n").unwrap();
        assert_eq!(names(&path).unwrap(), ["standing", "running"]);
    }
}
