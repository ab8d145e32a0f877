//! Writing a `model.wta` without an allocator: into a caller's slice, or piece by piece to wherever it goes.

use bytemuck::{NoUninit, try_cast_slice};

use crate::crc::Crc;
use crate::error::{Error, Result, expect_finite, expect_len};
use crate::memory::{copy, part, split_off};
use crate::model::format::{
    AVERAGE, BELOW, CHECKED_FROM, CLASS_NAMES, INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP,
    INT8_MULTIPLIERS, INT8_SVM_BIASES, INT8_SVM_SCALES, INT8_SVM_WEIGHTS, INT8_WEIGHTS, LAYER_LEN, MAGIC,
    MAX_SECTIONS, MOMENTS, PARAMETERS, PLANAR, SECTION_ALIGN, SQRT_FEATURES, STEPPED, SVM_BIASES,
    SVM_WEIGHTS, TABLE_AT, TIED, TRAINING, TRIANGLE, Tag, VERSION,
};
use crate::model::training::{SETTINGS, TrainingState, settings};
use crate::network::Network;
use crate::pool::{Pool, PoolKind};
use crate::svm::Svm;
use crate::threshold::Threshold;

/// What of a quantised network goes when its parameters change.
const INT8: [Tag; 5] = [INT8_WEIGHTS, INT8_BIASES, INT8_MULTIPLIERS, INT8_FEATURE_SCALE, INT8_INPUT_STEP];
/// What of a quantised classifier goes when the network or the classifier changes.
const INT8_SVM: [Tag; 3] = [INT8_SVM_WEIGHTS, INT8_SVM_BIASES, INT8_SVM_SCALES];

const TOO_LARGE: Error = Error::Invalid("the model does not fit a model.wta, which holds up to 4 GiB");
const TOO_MANY: Error = Error::Invalid("a model.wta has at most 16 sections; leave one out");

/// Bytes of a section's entry in the table.
const ENTRY_LEN: usize = 12;

/// Bytes of a section with the settings of a training.
pub const TRAINING_LEN: usize = SETTINGS * size_of::<u32>();

/// The fields of the header.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The network.
    pub network: Network,
    /// The pooling.
    pub pool: Pool,
    /// The flags, such as [`TIED`].
    pub flags: u32,
    /// The factor of each number of the input.
    pub scale: f32,
    /// The number of classes; 0 if there is no classifier.
    pub classes: usize,
}

impl Description {
    /// A network that takes numbers as they are, without pooling and classes.
    pub const fn new(network: Network) -> Self {
        let flags = if network.is_tied() { TIED } else { 0 };
        Self { network, pool: Pool::NONE, flags, scale: 1.0, classes: 0 }
    }

    /// The same with features that are pooled so; with `sqrt_features`, their square roots.
    #[must_use]
    pub const fn pooled(self, pool: Pool, sqrt_features: bool) -> Self {
        let mut flags = self.flags & !(AVERAGE | SQRT_FEATURES | TRIANGLE);
        if matches!(pool.kind, PoolKind::Average) {
            flags |= AVERAGE;
        }
        if matches!(pool.threshold, Threshold::Triangle) {
            flags |= TRIANGLE;
        }
        if sqrt_features {
            flags |= SQRT_FEATURES;
        }
        Self { pool, flags, ..self }
    }

    /// The same with inputs that are multiplied by `scale` first: see [`Model::scale`](crate::Model::scale).
    #[must_use]
    pub const fn scaled(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// The same with inputs channel after channel: see [`Model::is_planar`](crate::Model::is_planar).
    #[must_use]
    pub const fn planar(self) -> Self {
        Self { flags: self.flags | PLANAR, ..self }
    }

    const fn features(&self) -> usize {
        self.pool.output(self.network.code()).len()
    }
}

/// Bytes of a `model.wta` of this network with sections of so many bytes: what a constant buffer needs.
///
/// Parameters have `4 * network.parameters_len()` bytes, a classifier has two sections with 4 bytes a number,
/// a training state has [`TRAINING_LEN`] bytes and as many as its moments. [`ModelWriter::len`] is the same.
pub const fn model_len(network: &Network, sections: &[usize]) -> usize {
    let mut len = aligned(
        TABLE_AT.saturating_add(LAYER_LEN * network.depth()).saturating_add(ENTRY_LEN * sections.len()),
    );
    let mut rest = sections;
    while let Some((section, more)) = rest.split_first() {
        len = aligned(len.saturating_add(*section));
        rest = more;
    }
    len
}

const fn aligned(len: usize) -> usize {
    len.saturating_add(SECTION_ALIGN - 1) / SECTION_ALIGN * SECTION_ALIGN
}

/// A section: where its bytes are.
#[derive(Clone, Copy, Debug)]
struct Section<'a> {
    tag: Tag,
    content: Content<'a>,
}

impl Section<'_> {
    const NONE: Self = Self { tag: [0; 4], content: Content::Bytes(&[]) };
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Bytes(&'a [u8]),
    /// The writer's own settings.
    Settings,
}

/// A `model.wta` to be written: the description, and where the sections' bytes are.
///
/// ```
/// use wta_core::model::{Description, ModelWriter, model_len};
/// use wta_core::{Model, Network};
///
/// const NET: Network = match Network::fully_connected(4, &[2]) {
///     Ok(network) => network,
///     Err(_) => panic!("not a network"),
/// };
/// const LEN: usize = model_len(&NET, &[4 * NET.parameters_len()]);
/// let parameters = [0.5; NET.parameters_len()];
/// let mut writer = ModelWriter::new(Description::new(NET));
/// writer.parameters(&parameters)?;
/// #[repr(align(16))]
/// struct Flash([u8; LEN]);
/// let mut flash = Flash([0; LEN]);
/// let len = writer.write_to(&mut flash.0)?;
/// let model = Model::parse(&flash.0[..len])?;
/// assert!(model.parameters().unwrap().has_decoder());
/// # Ok::<(), wta_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ModelWriter<'a> {
    description: Description,
    /// The first `count` of these.
    sections: [Section<'a>; MAX_SECTIONS],
    count: usize,
    settings: [u32; SETTINGS],
}

impl<'a> ModelWriter<'a> {
    /// Begins without sections.
    pub const fn new(description: Description) -> Self {
        Self { description, sections: [Section::NONE; MAX_SECTIONS], count: 0, settings: [0; SETTINGS] }
    }

    /// Begins with sections that are passed on as they are, in this order.
    pub(super) fn passing_on(
        description: Description,
        sections: impl Iterator<Item = (Tag, &'a [u8])>,
    ) -> Result<Self> {
        let mut writer = Self::new(description);
        for (tag, bytes) in sections {
            writer.section(tag, bytes)?;
        }
        Ok(writer)
    }

    /// The parameters: of the whole network, or of its encoder alone. What a model that is passed on has of a
    /// quantised network and of a training is left out, as it is of other parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of parameters, [`Error::NotFinite`] if one is not finite,
    /// [`Error::Invalid`] for the upper layer of a quantised stack, whose lower layers would stay quantised.
    pub fn parameters(&mut self, parameters: &'a [f32]) -> Result<()> {
        let network = &self.description.network;
        if parameters.len() != network.encoder_len() {
            expect_len("parameters", network.parameters_len(), parameters.len())?;
        }
        expect_finite("parameters", parameters)?;
        if self.has(BELOW) && self.has(INT8_WEIGHTS) {
            return Err(Error::Invalid("the layers below are quantised, too; pass on a model in f32 alone"));
        }
        self.set(PARAMETERS, Content::Bytes(bytes_of(parameters)))?;
        self.remove(&INT8);
        self.remove(&INT8_SVM);
        self.remove(&[TRAINING, MOMENTS]);
        self.description.flags &= !STEPPED;
        Ok(())
    }

    /// The classifier of the features. Of a model that is passed on, a quantised classifier is left out, and
    /// names are if they are those of another number of classes.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of features, [`Error::NotFinite`] if a weight is not finite.
    pub fn svm(&mut self, svm: &Svm<'a>) -> Result<()> {
        expect_len("classifier's features", self.description.features(), svm.features())?;
        svm.expect_finite()?;
        if self.description.classes != svm.classes() {
            self.remove(&[CLASS_NAMES]);
        }
        self.description.classes = svm.classes();
        self.set(SVM_WEIGHTS, Content::Bytes(bytes_of(svm.weights())))?;
        self.set(SVM_BIASES, Content::Bytes(bytes_of(svm.bias())))?;
        self.remove(&INT8_SVM);
        Ok(())
    }

    /// The state of the training, so that it can go on elsewhere. To be called after
    /// [`ModelWriter::parameters`], which must be those of the whole network.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that make no sense, [`Error::Length`] for another number of moments,
    /// [`Error::NotFinite`] if one is not finite.
    pub fn training(&mut self, state: &TrainingState<'a>) -> Result<()> {
        let TrainingState { config, step, moments } = state;
        let network = &self.description.network;
        config.check(network)?;
        config.dictionary.expect_not_centred()?;
        let expected = network.parameters_len().saturating_mul(config.optimizer.method.moments());
        expect_len("moments", expected, moments.len())?;
        expect_finite("moments", moments)?;
        self.settings = settings(config, *step);
        self.set(TRAINING, Content::Settings)?;
        self.set(MOMENTS, Content::Bytes(bytes_of(moments)))
    }

    /// A section as it is, little-endian: one that this library does not know, or class names. A section with
    /// this tag is replaced. What it holds is not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for more than 16 sections.
    pub fn section(&mut self, tag: Tag, bytes: &'a [u8]) -> Result<()> {
        self.set(tag, Content::Bytes(bytes))
    }

    fn has(&self, tag: Tag) -> bool {
        self.sections().iter().any(|section| section.tag == tag)
    }

    fn set(&mut self, tag: Tag, content: Content<'a>) -> Result<()> {
        let count = self.count;
        let mut places = self.sections.iter_mut().enumerate();
        let place = places.find(|(index, section)| *index >= count || section.tag == tag);
        let (index, section) = place.ok_or(TOO_MANY)?;
        *section = Section { tag, content };
        self.count = count.max(index + 1);
        Ok(())
    }

    fn remove(&mut self, tags: &[Tag]) {
        let (before, mut count) = (self.sections, 0);
        let kept = before.iter().take(self.count).filter(|section| !tags.contains(&section.tag));
        for (to, section) in self.sections.iter_mut().zip(kept) {
            *to = *section;
            count += 1;
        }
        self.count = count;
    }

    fn sections(&self) -> &[Section<'a>] {
        part(&self.sections, 0, self.count)
    }

    /// Bytes of the file.
    pub fn len(&self) -> usize {
        self.sections()
            .iter()
            .fold(self.described(), |len, section| aligned(len.saturating_add(self.bytes(section).len())))
    }

    /// Never: a file has a header.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Where the first section starts.
    fn described(&self) -> usize {
        let layers = LAYER_LEN * self.description.network.depth();
        aligned(TABLE_AT + layers + ENTRY_LEN * self.count)
    }

    fn bytes<'s>(&'s self, section: &Section<'s>) -> &'s [u8] {
        match section.content {
            Content::Bytes(bytes) => bytes,
            Content::Settings => bytes_of(&self.settings),
        }
    }

    /// Hands the file to `sink`, piece by piece: the first has 20 bytes, most have 4 or a whole section. All
    /// bytes are gone through once more before, for the checksum that comes first.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a file of more than 4 GiB, [`Error::Model`] on a big-endian processor, and what
    /// `sink` returns.
    pub fn write(&self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if cfg!(target_endian = "big") {
            return Err(Error::Model("a model.wta is little-endian, and this processor is not"));
        }
        let mut crc = Crc::default();
        self.body(&mut |bytes| {
            crc.add(bytes);
            Ok(())
        })?;
        let mut start = [0; CHECKED_FROM];
        let (magic, numbers) = start.split_at_mut_checked(MAGIC.len()).unwrap_or_default();
        copy(&MAGIC, magic);
        let fields = [VERSION, number(self.len())?, crc.end()];
        copy(bytes_of(&fields), numbers);
        sink(&start)?;
        self.body(&mut sink)
    }

    /// What the checksum covers. One function for both uses, behind a pointer: its code is there once.
    fn body(&self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Description { network, pool, flags, scale, classes } = &self.description;
        sink(&flags.to_le_bytes())?;
        sink(&scale.to_le_bytes())?;
        let (input, decoder) = (network.input(), network.decoder().conv.kernel);
        let mut numbers =
            |numbers: &[usize]| numbers.iter().try_for_each(|found| sink(&number(*found)?.to_le_bytes()));
        numbers(&[input.channels, input.height, input.width, decoder.height, decoder.width])?;
        numbers(&[pool.kernel.height, pool.kernel.width, pool.stride.height, pool.stride.width])?;
        numbers(&[self.description.features(), *classes, network.depth(), self.count])?;
        for layer in network.layers() {
            let (maps, kernel, stride) = (layer.conv.maps, layer.conv.kernel, layer.conv.stride);
            numbers(&[maps, kernel.height, kernel.width, stride.height, stride.width])?;
        }
        let described = self.described();
        let mut offset = described;
        for section in self.sections() {
            let len = self.bytes(section).len();
            sink(&section.tag)?;
            sink(&number(offset)?.to_le_bytes())?;
            sink(&number(len)?.to_le_bytes())?;
            offset = aligned(offset.saturating_add(len));
        }
        let table = TABLE_AT + LAYER_LEN * network.depth() + ENTRY_LEN * self.count;
        fill(sink, described.saturating_sub(table))?;
        for section in self.sections() {
            let bytes = self.bytes(section);
            sink(bytes)?;
            fill(sink, aligned(bytes.len()).saturating_sub(bytes.len()))?;
        }
        Ok(())
    }

    /// Writes the file to the start of `to`, and returns its length.
    ///
    /// # Errors
    ///
    /// As for [`ModelWriter::write`]; [`Error::Length`] if `to` is shorter than [`ModelWriter::len`].
    pub fn write_to(&self, to: &mut [u8]) -> Result<usize> {
        let len = self.len();
        if to.len() < len {
            return Err(Error::Length { what: "bytes for the model", expected: len, found: to.len() });
        }
        let mut rest = to;
        self.write(|bytes| {
            let piece = split_off(&mut rest, bytes.len());
            copy(bytes, piece);
            Ok(())
        })?;
        Ok(len)
    }
}

/// Zeros up to the next section: fewer than 16.
fn fill(sink: &mut dyn FnMut(&[u8]) -> Result<()>, len: usize) -> Result<()> {
    sink([0; SECTION_ALIGN].get(..len).unwrap_or_default())
}

/// Numbers as bytes, which cannot fail; where it stands, a call that could would link a panic into firmware.
fn bytes_of<T: NoUninit>(numbers: &[T]) -> &[u8] {
    try_cast_slice(numbers).unwrap_or_default()
}

fn number(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| TOO_LARGE)
}
