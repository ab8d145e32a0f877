//! The bytes of `model.wta`, as [`wta_core::model`] describes them.

use std::path::Path;

use wta_core::model::{CHECKED_FROM, MAGIC, SECTION_ALIGN, Tag, VERSION};
use wta_core::{Model, Network, Pool};

use crate::error::{Error, Result};
use crate::files::atomic;

/// The fields of the header.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The network.
    pub network: Network,
    /// The pooling.
    pub pool: Pool,
    /// The flags, such as [`wta_core::model::TIED`].
    pub flags: u32,
    /// The factor of each number of the input.
    pub scale: f32,
    /// The number of classes; 0 if there is no classifier.
    pub classes: usize,
}

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
        let mut words = vec![0u128; bytes.len().div_ceil(size_of::<u128>())];
        bytemuck::cast_slice_mut(&mut words)
            .iter_mut()
            .zip(&bytes)
            .for_each(|(to, from): (&mut u8, &u8)| *to = *from);
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
    let mut to = Writer { bytes: MAGIC.to_vec() };
    let Description { network, pool, flags, scale, classes } = *description;
    to.bytes.extend(VERSION.to_le_bytes());
    // Length and checksum are filled in at the end.
    to.numbers(&[0, 0])?;
    to.bytes.extend(flags.to_le_bytes());
    to.bytes.extend(scale.to_le_bytes());
    let (input, decoder) = (network.input(), network.decoder().conv.kernel);
    to.numbers(&[input.channels, input.height, input.width, decoder.height, decoder.width])?;
    to.numbers(&[pool.kernel.height, pool.kernel.width, pool.stride.height, pool.stride.width])?;
    to.numbers(&[pool.output(network.code()).len(), classes, network.depth(), sections.len()])?;
    for layer in network.layers() {
        let (maps, kernel, stride) = (layer.conv.maps, layer.conv.kernel, layer.conv.stride);
        to.numbers(&[maps, kernel.height, kernel.width, stride.height, stride.width])?;
    }
    let entry = size_of::<Tag>() + 2 * size_of::<u32>();
    let mut offset = aligned(to.bytes.len() + entry * sections.len());
    for section in sections {
        to.bytes.extend(section.tag);
        to.numbers(&[offset, section.bytes.len()])?;
        offset = aligned(offset + section.bytes.len());
    }
    for section in sections {
        to.align();
        to.bytes.extend(&section.bytes);
    }
    to.align();
    let mut bytes = to.bytes;
    let len = number(bytes.len())?.to_le_bytes();
    let crc = crc32fast::hash(bytes.get(CHECKED_FROM..).unwrap_or_default()).to_le_bytes();
    let places = bytes.iter_mut().skip(MAGIC.len() + size_of::<u32>());
    places.zip(len.into_iter().chain(crc)).for_each(|(to, from)| *to = from);
    Ok(bytes)
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn numbers(&mut self, numbers: &[usize]) -> Result<()> {
        for n in numbers {
            self.bytes.extend(number(*n)?.to_le_bytes());
        }
        Ok(())
    }

    fn align(&mut self) {
        self.bytes.resize(aligned(self.bytes.len()), 0);
    }
}

fn aligned(len: usize) -> usize {
    len.next_multiple_of(SECTION_ALIGN)
}

fn number(number: usize) -> Result<u32> {
    u32::try_from(number)
        .map_err(|_| Error::Invalid("the model does not fit a model.wta, which holds up to 4 GiB".to_owned()))
}
