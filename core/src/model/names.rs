//! The names of the classes, in place.

use crate::error::{Error, Result};
use crate::memory::part;

const WRONG: Error =
    Error::Model("the class names of this model.wta are damaged, or not one for each of its classes");

/// The names of a classifier's classes: where each ends, then all of them one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassNames<'a> {
    /// Four bytes a class: where its name ends in the text.
    ends: &'a [u8],
    text: &'a [u8],
}

impl<'a> ClassNames<'a> {
    /// The names of so many classes in a section that has been checked, or will be.
    pub(super) fn known(section: &'a [u8], classes: usize) -> Result<Self> {
        let ends = classes.checked_mul(size_of::<u32>()).ok_or(WRONG)?;
        let (ends, text) = section.split_at_checked(ends).ok_or(WRONG)?;
        Ok(Self { ends, text })
    }

    /// The same, if every name is UTF-8 and the last one ends where the section does. Not inlined, as it is
    /// nobody's business but a model's with names.
    #[inline(never)]
    pub(super) fn check(section: &'a [u8], classes: usize) -> Result<()> {
        let names = Self::known(section, classes)?;
        for class in 0..names.len() {
            names.get(class).ok_or(WRONG)?;
        }
        if names.end(names.len()) == Some(names.text.len()) { Ok(()) } else { Err(WRONG) }
    }

    /// Classes.
    pub const fn len(&self) -> usize {
        self.ends.len() / size_of::<u32>()
    }

    /// Whether there are no classes.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name of a class; `None` if there is no such class.
    pub fn get(&self, class: usize) -> Option<&'a str> {
        let (start, end) = (self.end(class)?, self.end(class.checked_add(1)?)?);
        core::str::from_utf8(self.text.get(start..end)?).ok()
    }

    /// Where the names before a class end.
    fn end(&self, class: usize) -> Option<usize> {
        let Some(before) = class.checked_sub(1) else { return Some(0) };
        let word = part(self.ends, before.checked_mul(size_of::<u32>())?, size_of::<u32>());
        usize::try_from(u32::from_le_bytes(*word.first_chunk()?)).ok()
    }
}
