//! The bytes of `model.wta`, which the core writes, in memory and in a file.

use std::path::Path;

use wta_core::Model;
pub use wta_core::model::Description;
use wta_core::model::{ModelWriter, Tag};

use crate::error::Result;
use crate::files::atomic;
use crate::memory::flash::as_in_flash;

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name in the file.
    pub tag: Tag,
    /// Its name for a person.
    pub what: &'static str,
    /// Its content, little-endian.
    pub bytes: Vec<u8>,
}

/// A whole `model.wta` in memory, aligned as in flash. The core has parsed it.
#[derive(Clone, Debug)]
pub struct ModelFile {
    words: Vec<u128>,
    parts: Vec<(&'static str, usize)>,
}

impl ModelFile {
    /// Builds the file and parses it.
    ///
    /// # Errors
    ///
    /// One sentence if the file would be larger than 4 GiB, or the core refuses it.
    pub fn new(description: &Description, sections: &[Section]) -> Result<Self> {
        let bytes = write(description, sections)?;
        let words = as_in_flash(&bytes, || "a model.wta".to_owned())?;
        let sizes: Vec<(&'static str, usize)> =
            sections.iter().map(|section| (section.what, section.bytes.len())).collect();
        let described = bytes.len() - sizes.iter().map(|(_, bytes)| bytes).sum::<usize>();
        let mut parts = vec![("description, alignment", described)];
        parts.extend(sizes);
        let file = Self { words, parts };
        file.model()?;
        Ok(file)
    }

    /// The file. It starts at a multiple of 16, and its length is a multiple of 16.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words)
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// One sentence if the file cannot be written; an earlier file is untouched then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        atomic::write(path.as_ref(), |to| to.write_all(self.bytes()))
    }

    /// The model as firmware parses it.
    ///
    /// # Errors
    ///
    /// None for a file that was made on this machine.
    pub fn model(&self) -> Result<Model<'_>> {
        Ok(Model::parse(self.bytes())?)
    }

    /// The name and the bytes of each part of the file.
    pub fn parts(&self) -> &[(&'static str, usize)] {
        &self.parts
    }
}

fn write(description: &Description, sections: &[Section]) -> Result<Vec<u8>> {
    let mut writer = ModelWriter::new(*description);
    for section in sections {
        writer.section(section.tag, &section.bytes)?;
    }
    let mut bytes = Vec::with_capacity(writer.len());
    writer.write(|piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(bytes)
}
