//! The sections, by their names.

use bytemuck::Pod;

use crate::error::{Error, Result};
use crate::memory::part;
use crate::model::format::{
    BELOW, FLAGS_AT, LAYER_LEN, LAYERS_AT, MAX_SECTIONS, SECTION_ALIGN, SECTIONS_AT, TABLE_AT, Tag,
    WHOLE_STACK,
};
use crate::model::reader::Reader;

/// The sections of a `model.wta`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sections<'a> {
    bytes: &'a [u8],
    /// The section table.
    table: &'a [u8],
}

impl<'a> Sections<'a> {
    /// None.
    pub(super) const NONE: Self = Self { bytes: &[], table: &[] };

    /// The next `count` entries of `reader`, which reads `bytes`, as the section table. Every section must
    /// lie in the file, aligned, behind the one before.
    pub(super) fn new(bytes: &'a [u8], count: usize, reader: &mut Reader<'a>) -> Result<Self> {
        if count > MAX_SECTIONS {
            return Err(Error::Model("this model.wta has more than 16 sections"));
        }
        let table = reader.rest();
        for _ in 0..count {
            reader.section()?;
        }
        let table = part(table, 0, table.len() - reader.rest().len());
        let mut free = bytes.len() - reader.rest().len();
        let mut entries = Reader::new(table);
        while let Ok(section) = entries.section() {
            let end = section.offset.checked_add(section.len).filter(|end| *end <= bytes.len());
            match end {
                Some(end) if section.offset >= free && section.offset % SECTION_ALIGN == 0 => free = end,
                _ => return Err(Error::Model("a section of this model.wta lies where it cannot be")),
            }
        }
        Ok(Self { bytes, table })
    }

    /// The bytes of a section. Not inlined, as a dozen places look for one.
    #[inline(never)]
    pub(super) fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        let mut table = Reader::new(self.table);
        while let Ok(section) = table.section() {
            if section.tag == tag {
                return Some(part(self.bytes, section.offset, section.len));
            }
        }
        None
    }

    /// The tag and the bytes of each section, in order. Of two with one tag, the first alone.
    pub(super) fn all(&self) -> impl Iterator<Item = (Tag, &'a [u8])> + use<'a> {
        let (sections, mut table) = (*self, Reader::new(self.table));
        core::iter::from_fn(move || table.section().ok()).filter_map(move |section| {
            let bytes = part(sections.bytes, section.offset, section.len);
            let first = sections.bytes(section.tag)?;
            core::ptr::eq(first, bytes).then_some((section.tag, bytes))
        })
    }

    /// The whole file.
    pub(super) const fn whole(&self) -> &'a [u8] {
        self.bytes
    }

    /// A section's numbers.
    pub(super) fn numbers<T: Pod>(&self, tag: Tag) -> Result<Option<&'a [T]>> {
        let Some(bytes) = self.bytes(tag) else { return Ok(None) };
        match bytemuck::try_cast_slice(bytes) {
            Ok(numbers) => Ok(Some(numbers)),
            Err(_) => Err(Error::Model("a section of this model.wta does not hold whole numbers")),
        }
    }
}

/// The bytes of each layer of a stack, from the uppermost down, as far as they can be found.
pub(crate) fn layers(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(Some(bytes), |bytes| below(bytes))
}

/// The bytes of the layer below, as far as they can be found in what has not been checked yet.
#[inline(never)]
fn below(bytes: &[u8]) -> Option<&[u8]> {
    let field = |at: usize| {
        let word = bytes.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*word)).ok()
    };
    if field(FLAGS_AT)? & WHOLE_STACK as usize == 0 {
        return None;
    }
    let table = field(LAYERS_AT)?.checked_mul(LAYER_LEN)?.checked_add(TABLE_AT)?;
    let mut table = Reader::new(bytes.get(table..)?);
    for _ in 0..field(SECTIONS_AT)?.min(MAX_SECTIONS) {
        let section = table.section().ok()?;
        if section.tag == BELOW {
            return bytes.get(section.offset..)?.get(..section.len);
        }
    }
    None
}
