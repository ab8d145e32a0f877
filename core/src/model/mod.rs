//! `model.wta`: a trained network in flash, used where it lies.
//!
//! `wta export` writes it, [`Model::parse`] checks it once and hands out views; nothing is copied. All numbers are
//! little-endian, integers `u32` and floats `f32`; what a big-endian processor could only use byte by byte, it refuses.
//!
//! ```text
//! offset  bytes
//!      0      8  "WTAMODEL"
//!      8      4  version: 1
//!     12      4  length of the whole in bytes
//!     16      4  CRC-32 of everything from byte 20 on (the one of zlib and Ethernet)
//!     20      4  flags, see below
//!     24      4  scale: what each number of the input is multiplied by, f32
//!     28     12  input: channels, height, width
//!     40      8  decoder's kernel: height, width
//!     48     16  pooling: window height, width, stride down, right; all 1 for none
//!     64      4  features: the pooled maps' numbers
//!     68      4  classes of the classifier; 0 for none
//!     72      4  n, encoder layers, 1 to 8
//!     76      4  m, sections, at most 16
//!     80     20  per layer: maps, kernel height, width, stride down, right; n of them
//!   then     12  per section: tag (4 characters), offset from the start, length in bytes; m of them
//!   then         sections in the table's order, each from a multiple of 16 on, gaps of zeros
//! ```
//!
//! | flag | value | |
//! | --- | --- | --- |
//! | [`TIED`] | 1 | the decoder's atoms are the encoder's filters |
//! | [`ROOT`] | 2 | features are square roots: the activations' are pooled |
//! | [`STACKED`] | 4 | the input are the features of another model |
//! | [`PLANAR`] | 8 | the input holds channel after channel (map after map), not position after position |
//! | [`AVERAGE`] | 16 | pooling takes means, not the largest; not for quantised networks |
//!
//! | section | |
//! | --- | --- |
//! | [`PARAMETERS`], `PARM` | f32: the flat parameter vector (see [`Network::regions`]), or without decoder its first [`Network::encoder_len`] numbers |
//! | [`SVM_WEIGHTS`], `SVMW` | f32: the classifier's weights, classes x features, for features as they come out of pooling and root |
//! | [`SVM_BIASES`], `SVMB` | f32: its biases, one per class |
//! | [`INT8_WEIGHTS`], `Q8WT` | i8: the quantised filters, layer after layer, [packed](crate::int8::Int8Weights) |
//! | [`INT8_BIASES`], `Q8BI` | i32: their biases, layer after layer, one per map |
//! | [`INT8_MULTIPLIERS`], `Q8MU` | i32: their [multipliers](crate::int8::requantise), likewise |
//! | [`INT8_FEATURE_SCALE`], `Q8FS` | f32: what makes a quantised feature one of the network in f32 |
//! | [`INT8_SVM_WEIGHTS`], `Q8SW` | i8: the quantised classifier's weights, [row after row](crate::int8::Int8Svm) |
//! | [`INT8_SVM_BIASES`], `Q8SB` | i32: its biases, one per class |
//! | [`INT8_SVM_SCALES`], `Q8SS` | f32: what makes a score of a sum, one per class |
//!
//! All of them may be missing, and others may be there ([`Model::section`]). Of two with one tag the first counts.

mod crc;
mod int8;
mod reader;

use heapless::Vec;

use crate::error::{Error, Result, expect_finite};
use crate::network::{Conv, MAX_LAYERS, Network};
use crate::parameters::{Parameters, part};
use crate::pool::{Pool, PoolKind};
use crate::shape::Shape;
use crate::svm::Svm;
use reader::Reader;

/// The first bytes.
pub const MAGIC: [u8; 8] = *b"WTAMODEL";
/// The version that is written and read.
pub const VERSION: u32 = 1;
/// The CRC-32 covers everything from this byte on; it lies right before.
pub const CHECKED_FROM: usize = 20;
/// Sections start at multiples of this.
pub const SECTION_ALIGN: usize = 16;
/// The most sections.
pub const MAX_SECTIONS: usize = 16;

/// Flag: tied weights.
pub const TIED: u32 = 1;
/// Flag: square roots of the activations are pooled.
pub const ROOT: u32 = 2;
/// Flag: the upper layer of a stack.
pub const STACKED: u32 = 4;
/// Flag: channel after channel.
pub const PLANAR: u32 = 8;
/// Flag: average pooling.
pub const AVERAGE: u32 = 16;

/// Section: the network's parameters.
pub const PARAMETERS: Tag = *b"PARM";
/// Section: the classifier's weights.
pub const SVM_WEIGHTS: Tag = *b"SVMW";
/// Section: the classifier's biases.
pub const SVM_BIASES: Tag = *b"SVMB";
/// Section: the quantised filters.
pub const INT8_WEIGHTS: Tag = *b"Q8WT";
/// Section: their biases.
pub const INT8_BIASES: Tag = *b"Q8BI";
/// Section: their multipliers.
pub const INT8_MULTIPLIERS: Tag = *b"Q8MU";
/// Section: the scale of the quantised features.
pub const INT8_FEATURE_SCALE: Tag = *b"Q8FS";
/// Section: the quantised classifier's weights.
pub const INT8_SVM_WEIGHTS: Tag = *b"Q8SW";
/// Section: its biases.
pub const INT8_SVM_BIASES: Tag = *b"Q8SB";
/// Section: its scores' scales.
pub const INT8_SVM_SCALES: Tag = *b"Q8SS";

/// The name of a section.
pub type Tag = [u8; 4];

/// A checked `model.wta`: the description, and views of the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    bytes: &'a [u8],
    /// The section table.
    table: &'a [u8],
    flags: u32,
    scale: f32,
    network: Network,
    pool: Pool,
    features: usize,
    classes: usize,
    parameters: Option<&'a [f32]>,
    svm: Option<Svm<'a>>,
}

impl<'a> Model<'a> {
    /// Checks all of a `model.wta`, which must lie at a multiple of 4 bytes (16 are better: the sections are then aligned to
    /// 16, too). Takes one pass over the bytes for the CRC and one over the floats.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for what is no whole, undamaged `model.wta` of this version; [`Error::Invalid`] and [`Error::Length`] for
    /// a network, pooling or classifier that cannot be or do not go together, [`Error::NotFinite`] for such a number.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if cfg!(target_endian = "big") {
            return Err(Error::Model("a model.wta is little-endian, and this processor is not"));
        }
        if !bytes.as_ptr().cast::<f32>().is_aligned() {
            return Err(Error::Model("a model.wta must lie at a multiple of 4 bytes, better 16"));
        }
        let mut reader = Reader::new(bytes);
        if reader.array::<8>() != Ok(MAGIC) {
            return Err(Error::Model("this is not a model.wta: it does not begin with WTAMODEL"));
        }
        if reader.number()? != VERSION as usize {
            return Err(Error::Model("this model.wta is of another version; export it anew"));
        }
        if reader.number()? != bytes.len() {
            return Err(Error::Model("this model.wta is cut off, or has other bytes behind it"));
        }
        let crc = u32::from_le_bytes(reader.array()?);
        if crc::crc32(reader.rest()) != crc {
            return Err(Error::Model("this model.wta is damaged: its checksum does not match"));
        }
        Self::described(bytes, reader)
    }

    /// The rest, from [`CHECKED_FROM`] on.
    fn described(bytes: &'a [u8], mut reader: Reader<'a>) -> Result<Self> {
        let flags = u32::from_le_bytes(reader.array()?);
        if flags & !(TIED | ROOT | STACKED | PLANAR | AVERAGE) != 0 {
            return Err(Error::Model("this model.wta has unknown flags"));
        }
        let scale = f32::from_le_bytes(reader.array()?);
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::Model("the scale of this model.wta is not a number above 0"));
        }
        let input = Shape::new(reader.number()?, reader.number()?, reader.number()?);
        let decoder_kernel = reader.size()?;
        let kind = if flags & AVERAGE == 0 { PoolKind::Max } else { PoolKind::Average };
        let pool = Pool { kernel: reader.size()?, stride: reader.size()?, kind };
        let (features, classes) = (reader.number()?, reader.number()?);
        let (depth, sections) = (reader.number()?, reader.number()?);

        let mut layers: Vec<Conv, MAX_LAYERS> = Vec::new();
        for _ in 0..depth {
            let layer = Conv { maps: reader.number()?, kernel: reader.size()?, stride: reader.size()? };
            layers.push(layer).map_err(|_| Error::Invalid("an encoder may have at most 8 layers"))?;
        }
        let network = Network::convolutional(input, &layers, decoder_kernel)?;
        let network = if flags & TIED != 0 { network.tied()? } else { network };
        pool.check(network.code())?;
        if features != pool.output(network.code()).len() {
            return Err(Error::Model("the features of this model.wta are not those of its pooled maps"));
        }

        let table = check_table(bytes, sections, &mut reader)?;
        let mut model = Self {
            bytes,
            table,
            flags,
            scale,
            network,
            pool,
            features,
            classes,
            parameters: None,
            svm: None,
        };
        if let Some(values) = model.numbers(PARAMETERS)? {
            if values.len() != network.encoder_len() {
                Parameters::new(network, values)?;
            }
            expect_finite("parameters", values)?;
            model.parameters = Some(values);
        }
        model.svm = model.classifier()?;
        model.check_int8()?;
        Ok(model)
    }

    fn classifier(&self) -> Result<Option<Svm<'a>>> {
        let (weights, biases) = match (self.numbers(SVM_WEIGHTS)?, self.numbers(SVM_BIASES)?) {
            (Some(weights), Some(biases)) => (weights, biases),
            (None, None) => return Ok(None),
            _ => return Err(Error::Model("this model.wta has half a classifier")),
        };
        if biases.len() != self.classes {
            return Err(Error::Model("the classifier of this model.wta has not one bias per class"));
        }
        Svm::new(self.features, weights, biases).map(Some)
    }

    /// The network.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// The network's parameters as f32, in place; none when the model was exported without. When it was exported without
    /// decoder, they can encode and not train: see [`Parameters::has_decoder`].
    pub fn parameters(&self) -> Option<Parameters<'a>> {
        self.parameters.map(|values| Parameters::known(self.network, values))
    }

    /// The pooling of the code; [`Pool::NONE`] for none.
    pub const fn pool(&self) -> Pool {
        self.pool
    }

    /// Whether features are square roots: the activations' are pooled.
    pub const fn root(&self) -> bool {
        self.flags & ROOT != 0
    }

    /// What each number of the input is multiplied by: of an image, pixels (0 to 255) as f32; of the upper layer of a stack
    /// ([`Model::is_stacked`]), the features of the model below.
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether the input are the features of another model.
    pub const fn is_stacked(&self) -> bool {
        self.flags & STACKED != 0
    }

    /// Whether the input holds channel after channel (of features, map after map), as fully-connected networks are trained;
    /// else, position after position with the channels side by side.
    pub const fn is_planar(&self) -> bool {
        self.flags & PLANAR != 0
    }

    /// Features of an image: the numbers of the pooled maps.
    pub const fn features(&self) -> usize {
        self.features
    }

    /// Classes of the classifier, in whatever form it is there; 0 for none.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// The classifier in f32, in place.
    pub const fn svm(&self) -> Option<Svm<'a>> {
        self.svm
    }

    /// The bytes of a section. They start at a multiple of 16 from the start of the model: what the whole is aligned to,
    /// up to 16 and at least 4, a section is aligned to, too.
    pub fn section(&self, tag: Tag) -> Option<&'a [u8]> {
        let mut table = Reader::new(self.table);
        while let Ok(section) = table.section() {
            if section.tag == tag {
                return Some(part(self.bytes, section.offset, section.len));
            }
        }
        None
    }
}

/// The section table, every entry of which lies in the file, aligned, behind the one before.
fn check_table<'a>(bytes: &[u8], sections: usize, reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    if sections > MAX_SECTIONS {
        return Err(Error::Model("this model.wta has more than 16 sections"));
    }
    let table = reader.rest();
    for _ in 0..sections {
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
    Ok(table)
}
