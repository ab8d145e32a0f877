//! `model.wta`: a trained network in flash, used where it lies.
//!
//! `wta export` writes it, or [`ModelWriter`] on a device. [`Model::parse`] checks it once and hands out
//! views; nothing is copied. All numbers are little-endian, integers `u32` and floats `f32`; what a
//! big-endian processor could only use byte by byte, it refuses.
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
//! | [`SQRT_FEATURES`] | 2 | features are square roots: the activations' are pooled |
//! | [`STACKED`] | 4 | the input are the features of another model |
//! | [`PLANAR`] | 8 | the input holds channel after channel (map after map), not position after position |
//! | [`AVERAGE`] | 16 | pooling takes means, not the largest; not for quantised networks |
//! | [`PREPROCESSED`] | 32 | samples go through the steps of `PREP` before the network sees them |
//! | [`WHOLE_STACK`] | 64 | `BELW` holds the model whose features are the input; [`STACKED`] is set, too |
//! | [`STEPPED`] | 128 | the quantised network takes numbers divided by `Q8IN`, not bytes |
//! | [`TRIANGLE`] | 256 | of each position's activations, their mean over the maps is taken off first |
//!
//! | section | |
//! | --- | --- |
//! | [`PARAMETERS`], `PARM` | f32: the flat parameters ([`Network::regions`]), or its encoder's part |
//! | [`SVM_WEIGHTS`], `SVMW` | f32: the classifier's weights, classes x features |
//! | [`SVM_BIASES`], `SVMB` | f32: its biases, one per class |
//! | [`INT8_WEIGHTS`], `Q8WT` | i8: the quantised filters, by layers ([order](crate::int8::Int8Weights)) |
//! | [`INT8_BIASES`], `Q8BI` | i32: their biases, layer after layer, one per map |
//! | [`INT8_MULTIPLIERS`], `Q8MU` | i32: their [multipliers](crate::int8::requantise), likewise |
//! | [`INT8_FEATURE_SCALE`], `Q8FS` | f32: what makes a quantised feature one of the network in f32 |
//! | [`INT8_SVM_WEIGHTS`], `Q8SW` | i8: the quantised classifier's weights ([order](crate::int8::Int8Svm)) |
//! | [`INT8_SVM_BIASES`], `Q8SB` | i32: its biases, one per class |
//! | [`INT8_SVM_SCALES`], `Q8SS` | f32: what makes a score of a sum, one per class |
//! | [`PREPROCESSING`], `PREP` | u32, f32: the [steps](crate::preprocess) between sample and network |
//! | [`BELOW`], `BELW` | a whole `model.wta`: the layer below |
//! | [`INT8_INPUT_STEP`], `Q8IN` | f32: what an input of 1 stands for in a quantised network |
//! | [`CLASS_NAMES`], `NAME` | u32, UTF-8: where each class's name ends in the text behind, and the text |
//! | [`TRAINING`], `TRNG` | u32, f32: the settings of a training, and the steps done |
//! | [`MOMENTS`], `MOMT` | f32: the optimiser's moments |
//!
//! Without decoder, a model has the first [`Network::encoder_len`] parameters. A classifier is for features
//! as they come out of pooling and square roots.
//!
//! All of them may be missing, and others may be there ([`Model::section`]). Of two with one tag the first
//! counts.

mod format;
mod int8;
mod names;
mod reader;
mod sections;
mod training;
mod write;

use crate::crc::crc32;
use crate::error::{Error, Result, expect_finite, expect_len};
use crate::int8::{Int8Network, Int8Svm};
use crate::logging::logged;
use crate::network::{Conv, Network};
use crate::parameters::Parameters;
use crate::pool::{Pool, PoolKind};
use crate::preprocess::Preprocessing;
use crate::shape::Shape;
use crate::svm::Svm;
use crate::threshold::Threshold;
use reader::Reader;
use sections::Sections;

pub(crate) use format::FEATURES_AT;
pub use format::*;
pub use names::ClassNames;
pub(crate) use sections::layers;
pub use training::TrainingState;
pub use write::{Description, ModelWriter, TRAINING_LEN, model_len};

/// A checked `model.wta`: the description, and views of the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    sections: Sections<'a>,
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
    /// Checks all of a `model.wta`, which must lie at a multiple of 4 bytes (16 are better: the sections are
    /// then aligned to 16, too). Takes one pass over the bytes for the CRC and one over the floats.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for what is no whole, undamaged `model.wta` of this version. [`Error::Invalid`] and
    /// [`Error::Length`] for a network, a pooling or a classifier that cannot be, or if they do not fit each
    /// other. [`Error::NotFinite`] if a number is not finite.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut model = Ok(Self::BLANK);
        if let Ok(place) = &mut model
            && let Err(error) = place.read(bytes)
        {
            model = Err(error);
        }
        logged!(model)
    }

    /// No model, to be made one in its place: a model that is returned lies on the stack twice, and a
    /// description is a quarter of a kilobyte.
    pub(crate) const BLANK: Self = Self {
        sections: Sections::NONE,
        flags: 0,
        scale: 1.0,
        network: Network::BLANK,
        pool: Pool::NONE,
        features: 0,
        classes: 0,
        parameters: None,
        svm: None,
    };

    /// Becomes the model of these bytes.
    #[inline(never)]
    fn read(&mut self, bytes: &'a [u8]) -> Result<()> {
        // The lowest layer first.
        let mut above = sections::layers(bytes).take(MAX_STACK + 1).count().saturating_sub(1);
        if above == MAX_STACK {
            return Err(WRONG_STACK);
        }
        let mut lower: Option<Link> = None;
        loop {
            self.read_layer(sections::layers(bytes).nth(above).unwrap_or(bytes))?;
            if let Some(lower) = lower {
                self.expect_below(&lower)?;
            }
            if above == 0 {
                return Ok(());
            }
            above -= 1;
            lower = Some(self.link());
        }
    }

    /// Becomes the model of a layer of a stack.
    fn read_layer(&mut self, bytes: &'a [u8]) -> Result<()> {
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
        if crc32(reader.rest()) != crc {
            return Err(Error::Model("this model.wta is damaged: its checksum does not match"));
        }
        self.describe(bytes, reader)?;
        self.check()
    }

    /// Reads the rest, from [`CHECKED_FROM`] on. Not inlined, as all that reads a description goes through
    /// it.
    #[inline(never)]
    fn describe(&mut self, bytes: &'a [u8], mut reader: Reader<'a>) -> Result<()> {
        let flags = u32::from_le_bytes(reader.array()?);
        if flags & !FLAGS != 0 {
            return Err(Error::Model("this model.wta has unknown flags"));
        }
        let scale = f32::from_le_bytes(reader.array()?);
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::Model("the scale of this model.wta is not a number above 0"));
        }
        let input = Shape::new(reader.number()?, reader.number()?, reader.number()?);
        let decoder_kernel = reader.size()?;
        let kind = if flags & AVERAGE == 0 { PoolKind::Max } else { PoolKind::Average };
        let threshold = if flags & TRIANGLE == 0 { Threshold::None } else { Threshold::Triangle };
        let pool = Pool { kernel: reader.size()?, stride: reader.size()?, kind, threshold };
        let (features, classes) = (reader.number()?, reader.number()?);
        let (depth, sections) = (reader.number()?, reader.number()?);

        let network = &mut self.network;
        network.begin(input, depth, decoder_kernel)?;
        for index in 0..depth {
            let conv = Conv { maps: reader.number()?, kernel: reader.size()?, stride: reader.size()? };
            network.set_layer(index, conv)?;
        }
        network.check()?;
        if flags & TIED != 0 {
            network.tie()?;
        }
        pool.check(network.code())?;
        if features != pool.output(network.code()).len() {
            return Err(Error::Model("the features of this model.wta are not those of its pooled maps"));
        }

        let sections = Sections::new(bytes, sections, &mut reader)?;
        self.parameters = sections.numbers(PARAMETERS)?;
        if let Some(values) = self.parameters
            && values.len() != network.encoder_len()
        {
            expect_len("parameters", network.parameters_len(), values.len())?;
        }
        (self.sections, self.flags, self.scale) = (sections, flags, scale);
        (self.pool, self.features, self.classes) = (pool, features, classes);
        self.svm = self.classifier()?;
        Ok(())
    }

    /// `Ok` if the numbers can be used.
    fn check(&self) -> Result<()> {
        if let Some(values) = self.parameters {
            expect_finite("parameters", values)?;
        }
        self.svm.map_or(Ok(()), |svm| svm.expect_finite())?;
        let step = int8::check(&self.sections, &self.network, &self.pool, self.classes)?;
        let marked = |flag: u32, tag: Tag| (self.flags & flag != 0) == self.sections.bytes(tag).is_some();
        let all = [(PREPROCESSED, PREPROCESSING), (WHOLE_STACK, BELOW), (STEPPED, INT8_INPUT_STEP)];
        if !all.into_iter().all(|(flag, tag)| marked(flag, tag)) {
            return Err(WRONG_FLAGS);
        }
        if self.training()?.is_some() && !self.parameters().is_some_and(|values| values.has_decoder()) {
            return Err(Error::Model("this model.wta has the state of a training, but no whole network"));
        }
        if let Some(names) = self.sections.bytes(CLASS_NAMES) {
            ClassNames::check(names, self.classes)?;
        }
        let layer = self.flags & (STACKED | PREPROCESSED | STEPPED);
        if self.flags & WHOLE_STACK != 0 && layer != STACKED {
            return Err(WRONG_FLAGS);
        }
        if self.flags & PREPROCESSED != 0 { self.check_preprocessing(step) } else { Ok(()) }
    }

    #[inline(never)]
    fn check_preprocessing(&self, stepped: bool) -> Result<()> {
        let words = self.sections.numbers(PREPROCESSING)?.unwrap_or_default();
        let (shape, input) = (Preprocessing::new(words, self.is_planar())?.shape(), self.network.input());
        let fits = shape.len() == input.len()
            && (self.network.is_fully_connected() || (shape.channels == input.channels && !self.is_planar()));
        if !fits {
            return Err(Error::Model(
                "the preprocessing of this model.wta is for other samples than its network",
            ));
        }
        // Preprocessed numbers are no bytes.
        if self.sections.bytes(INT8_WEIGHTS).is_some() && !stepped {
            return Err(WRONG_FLAGS);
        }
        Ok(())
    }

    fn below_bytes(&self) -> Option<&'a [u8]> {
        if self.flags & WHOLE_STACK != 0 { self.sections.bytes(BELOW) } else { None }
    }

    /// What is known of the layer when the one above is read.
    fn link(&self) -> Link {
        Link {
            features: self.pool.output(self.network.code()),
            quantised: self.sections.bytes(INT8_WEIGHTS).is_some(),
            floats: self.parameters.is_some(),
        }
    }

    /// `Ok` if this layer takes the features of `lower`.
    fn expect_below(&self, lower: &Link) -> Result<()> {
        let (input, features) = (self.network.input(), lower.features);
        let fits = if self.network.is_fully_connected() {
            input.len() == features.len()
        } else {
            // A signal lies in the same order in a row and in a column.
            let signal = input == features.turned() && input.height.min(input.width) == 1;
            (input == features || signal) && !self.is_planar()
        };
        let quantised = self.sections.bytes(INT8_WEIGHTS).is_some();
        let alike = quantised == lower.quantised && self.parameters.is_some() == lower.floats;
        if fits && alike { Ok(()) } else { Err(WRONG_STACK) }
    }

    /// The model of bytes that [`Model::parse`] has accepted, without another look at all of them: for code
    /// that keeps the bytes and not the model.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for what cannot be such bytes. Other bytes that were never accepted may give a model
    /// whose numbers are not finite.
    pub fn again(bytes: &'a [u8]) -> Result<Self> {
        let mut model = Ok(Self::BLANK);
        if let Ok(place) = &mut model
            && let Err(error) = place.read_again(bytes)
        {
            model = Err(error);
        }
        model
    }

    #[inline(never)]
    pub(crate) fn read_again(&mut self, bytes: &'a [u8]) -> Result<()> {
        let mut reader = Reader::new(bytes);
        reader.array::<CHECKED_FROM>()?;
        self.describe(bytes, reader)
    }

    /// The model of the layer below, if the file holds it.
    pub fn below(&self) -> Option<Self> {
        Self::again(self.below_bytes()?).ok()
    }

    /// Whether more is to be computed than one network of bytes: preprocessing, layers below, or an input in
    /// steps. [`Pipeline`](crate::Pipeline) and [`Int8Pipeline`](crate::Int8Pipeline) do.
    pub const fn needs_pipeline(&self) -> bool {
        self.flags & (PREPROCESSED | WHOLE_STACK | STEPPED) != 0
    }

    /// The layer that takes the samples: in a stack that is whole, the lowest; else the model itself.
    #[must_use]
    pub fn lowest(&self) -> Self {
        // A model that was accepted can be read again.
        layers(self.bytes()).last().and_then(|bytes| Self::again(bytes).ok()).unwrap_or(*self)
    }

    /// The layers in the file: 1, or those of a stack.
    pub fn layers(&self) -> usize {
        layers(self.bytes()).count()
    }

    /// The whole file.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.sections.whole()
    }

    /// [`Model::network`] in place.
    pub(crate) const fn network_ref(&self) -> &Network {
        &self.network
    }

    /// The preprocessing of samples; one without steps if there is none.
    pub fn preprocessing(&self) -> Preprocessing<'a> {
        match self.sections.numbers(PREPROCESSING) {
            Ok(Some(words)) if self.flags & PREPROCESSED != 0 => {
                Preprocessing::known(words, self.is_planar())
            }
            _ => Preprocessing::none(self.network.input()),
        }
    }

    /// What an input of 1 of the quantised network stands for. `None` if it takes bytes as they are, or the
    /// features of the layer below.
    pub fn int8_input_step(&self) -> Option<f32> {
        self.sections.numbers(INT8_INPUT_STEP).ok().flatten().and_then(|step| step.first()).copied()
    }

    fn classifier(&self) -> Result<Option<Svm<'a>>> {
        let (weights, biases) =
            match (self.sections.numbers(SVM_WEIGHTS)?, self.sections.numbers(SVM_BIASES)?) {
                (Some(weights), Some(biases)) => (weights, biases),
                (None, None) => return Ok(None),
                _ => return Err(Error::Model("this model.wta has half a classifier")),
            };
        if biases.len() != self.classes {
            return Err(Error::Model("the classifier of this model.wta has not one bias per class"));
        }
        Svm::known(self.features, weights, biases).map(Some)
    }

    /// The network.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// The network's parameters as f32, in place; none when the model was exported without. When it was
    /// exported without decoder, they can encode and not train: see [`Parameters::has_decoder`].
    pub fn parameters(&self) -> Option<Parameters<'a>> {
        self.parameters.map(|values| Parameters::known(self.network, values))
    }

    /// The pooling of the code; [`Pool::NONE`] for none.
    pub const fn pool(&self) -> Pool {
        self.pool
    }

    /// Whether features are square roots: square roots of the activations are pooled.
    pub const fn sqrt_features(&self) -> bool {
        self.flags & SQRT_FEATURES != 0
    }

    /// What each number of the input is multiplied by. The numbers are pixels (0 to 255) as f32; for the
    /// upper layer of a stack ([`Model::is_stacked`]), the features of the model below.
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether the input are the features of another model.
    pub const fn is_stacked(&self) -> bool {
        self.flags & STACKED != 0
    }

    /// Whether the input holds channel after channel (of features, map after map), as fully-connected
    /// networks are trained; else, position after position with the channels side by side.
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

    /// The names of the classes, in place; `None` if they are called 0, 1, 2 and so on.
    pub fn class_names(&self) -> Option<ClassNames<'a>> {
        ClassNames::known(self.sections.bytes(CLASS_NAMES)?, self.classes).ok()
    }

    /// The name of a class; `None` if there is no such class, or it is called by its number.
    pub fn class_name(&self, class: usize) -> Option<&'a str> {
        self.class_names()?.get(class)
    }

    /// The classifier in f32, in place.
    pub const fn svm(&self) -> Option<Svm<'a>> {
        self.svm
    }

    /// The quantised encoder, in place; none when the model was exported without. It takes pixels as they
    /// are: bytes.
    pub fn int8(&self) -> Option<Int8Network<'a>> {
        int8::encoder(&self.sections, &self.network)
    }

    /// The quantised classifier, in place; none when the model was exported without.
    pub fn int8_svm(&self) -> Option<Int8Svm<'a>> {
        int8::classifier(&self.sections, &self.network, &self.pool, self.classes, Int8Svm::known)
            .ok()
            .flatten()
    }

    /// What makes a feature of the quantised encoder one of the `f32` encoder: what each is multiplied by.
    pub fn int8_feature_scale(&self) -> Option<f32> {
        int8::feature_scale(&self.sections)
    }

    /// The state of the training, in place; `None` if the model was written without.
    ///
    /// # Errors
    ///
    /// None for a model that [`Model::parse`] has accepted.
    pub fn training(&self) -> Result<Option<TrainingState<'a>>> {
        training::read(&self.sections, &self.network)
    }

    /// The fields of the header.
    pub const fn description(&self) -> Description {
        let Self { network, pool, flags, scale, classes, .. } = *self;
        Description { network, pool, flags, scale, classes }
    }

    /// A writer of this model, with all its sections: to pass it on with other parameters or another
    /// classifier. What is passed on is read from where it lies.
    ///
    /// # Errors
    ///
    /// None for a model that [`Model::parse`] has accepted.
    pub fn writer(&self) -> Result<ModelWriter<'a>> {
        ModelWriter::passing_on(self.description(), self.sections.all())
    }

    /// The bytes of a section. They start at a multiple of 16 from the start of the model. So whatever the
    /// model is aligned to, at least 4 bytes and up to 16, a section is aligned to as well.
    pub fn section(&self, tag: Tag) -> Option<&'a [u8]> {
        self.sections.bytes(tag)
    }
}

/// What is known of a layer when the one above is read.
#[derive(Clone, Copy)]
struct Link {
    features: Shape,
    quantised: bool,
    floats: bool,
}

const WRONG_FLAGS: Error = Error::Model("the flags of this model.wta and its sections disagree");
const WRONG_STACK: Error = Error::Model(
    "the layers of this model.wta do not fit each other, in shapes or numbers, or are more than 8",
);
