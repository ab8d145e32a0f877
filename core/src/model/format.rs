//! The numbers and names of the format.

/// The first bytes.
pub const MAGIC: [u8; 8] = *b"WTAMODEL";
/// The version that is written and read.
pub const VERSION: u32 = 1;
/// The CRC-32 covers everything from this byte on; it lies right before.
pub const CHECKED_FROM: usize = 20;
/// Where the flags lie.
pub(super) const FLAGS_AT: usize = 20;
/// Where the number of features is.
pub(crate) const FEATURES_AT: usize = 64;
/// Where the number of layers lies.
pub(super) const LAYERS_AT: usize = 72;
/// Where the number of sections lies.
pub(super) const SECTIONS_AT: usize = 76;
/// Where the table of layers starts; that of sections comes behind it.
pub(super) const TABLE_AT: usize = 80;
/// Bytes of a layer in its table.
pub(super) const LAYER_LEN: usize = 20;
/// Sections start at multiples of this.
pub const SECTION_ALIGN: usize = 16;
/// The most sections.
pub const MAX_SECTIONS: usize = 16;

/// Flag: tied weights.
pub const TIED: u32 = 1;
/// Flag: square roots of the activations are pooled.
pub const SQRT_FEATURES: u32 = 2;
/// Flag: the upper layer of a stack.
pub const STACKED: u32 = 4;
/// Flag: channel after channel.
pub const PLANAR: u32 = 8;
/// Flag: average pooling.
pub const AVERAGE: u32 = 16;

/// Flag: samples are preprocessed before the network sees them.
pub const PREPROCESSED: u32 = 32;
/// Flag: the layer below is in the file.
pub const WHOLE_STACK: u32 = 64;
/// Flag: the quantised network takes numbers in steps, not bytes as they are.
pub const STEPPED: u32 = 128;
/// Flag: activations less the mean of their position are pooled.
pub const TRIANGLE: u32 = 256;
/// All flags.
pub(super) const FLAGS: u32 =
    TIED | SQRT_FEATURES | STACKED | PLANAR | AVERAGE | PREPROCESSED | WHOLE_STACK | STEPPED | TRIANGLE;
/// The most layers of a stack in one file.
pub const MAX_STACK: usize = 8;

/// Section: the preprocessing's steps.
pub const PREPROCESSING: Tag = *b"PREP";
/// Section: the model of the layer below, whole.
pub const BELOW: Tag = *b"BELW";
/// Section: the names of the classes.
pub const CLASS_NAMES: Tag = *b"NAME";
/// Section: the step of the quantised network's input.
pub const INT8_INPUT_STEP: Tag = *b"Q8IN";
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
/// Section: how the network is trained, and how far it is.
pub const TRAINING: Tag = *b"TRNG";
/// Section: the optimiser's moments.
pub const MOMENTS: Tag = *b"MOMT";

/// The name of a section.
pub type Tag = [u8; 4];
