//! Little-endian fields one after the other, without running over the end.

use crate::error::{Error, Result};
use crate::model::format::Tag;
use crate::shape::Size;

/// What is left to read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// An entry of the section table.
pub(super) struct Section {
    pub(super) tag: Tag,
    /// In bytes, from the start of the file.
    pub(super) offset: usize,
    /// In bytes.
    pub(super) len: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) =
            self.rest.split_first_chunk().ok_or(Error::Model("this model.wta ends in its description"))?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn number(&mut self) -> Result<usize> {
        let number = u32::from_le_bytes(self.array()?);
        usize::try_from(number)
            .map_err(|_| Error::Model("a number of this model.wta is too large to address"))
    }

    /// Height, then width.
    pub(super) fn size(&mut self) -> Result<Size> {
        Ok(Size::new(self.number()?, self.number()?))
    }

    pub(super) fn section(&mut self) -> Result<Section> {
        Ok(Section { tag: self.array()?, offset: self.number()?, len: self.number()? })
    }
}
