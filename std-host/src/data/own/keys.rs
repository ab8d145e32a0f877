//! The keys of `[data]` for one's own data: folders of pictures, and arrays.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use wta_core::Size;

use super::column::Column;
use super::decode::MOST_SIDE;
use super::layout::{Kind, Layout};
use super::paths::Paths;
use crate::extent::Extent;
use crate::problem::Problem;

/// The keys of `set = "images"`: a folder of pictures (JPEG, PNG, WebP, BMP, TIFF, GIF, PGM, PPM), which are
/// turned as their EXIF data say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder, below the data folder. If it has the folders `train` and `test` (or `val`), in capitals or
    /// not, these are the splits.
    #[schemars(example = &"faces")]
    pub folder: String,
    /// Rows and columns of the data set's images, each at most 65536.
    #[schemars(extend("examples" = [[48, 32]]))]
    pub size: Extent,
    /// Whether images are red, green and blue; if not, they are grey.
    #[schemars(example = false)]
    #[serde(default = "ImageFolder::default_colour")]
    pub colour: bool,
    /// Whether the first level of folders (below those of the splits) are the classes, in the order of their
    /// names.
    #[schemars(example = true)]
    #[serde(default)]
    pub labelled: bool,
    /// First resize a picture so that its shorter side has so many pixels [default: whole pictures just cover
    /// `size`, patches are cut from the picture as it is].
    #[schemars(range(min = 1, max = MOST_SIDE), example = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shorter_side: Option<u32>,
    /// Cut so many patches from random places of all training pictures together, and as many from each test
    /// picture as from a training picture [default: the centre of every picture].
    #[schemars(range(min = 1), example = 100_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<usize>,
    /// Without `train` and `test`: the share of pictures that are for testing.
    #[serde(default = "ImageFolder::default_share")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1), example = 0.2)]
    pub test_share: f64,
    /// Draws the patches and the test pictures.
    #[serde(default = "default_seed")]
    #[schemars(example = 7)]
    pub seed: u64,
    /// The grey, from 0 for black to 255 for white, that transparent pictures lie on.
    #[serde(
        default = "ImageFolder::default_background",
        skip_serializing_if = "ImageFolder::is_default_background"
    )]
    #[schemars(range(min = 0, max = 255), example = 0)]
    pub background: u32,
    /// What to do about a file that cannot be decoded, or is smaller than a patch: name it and end, or name
    /// it and go on.
    #[schemars(example = &"skip")]
    #[serde(default)]
    pub on_error: OnError,
}

impl ImageFolder {
    /// Whole pictures, brought to this size.
    pub(super) fn of(size: Extent, colour: bool) -> Self {
        Self {
            folder: String::new(),
            size,
            colour,
            labelled: false,
            shorter_side: None,
            patches: None,
            test_share: 0.0,
            seed: default_seed(),
            background: Self::default_background(),
            on_error: OnError::Refuse,
        }
    }

    fn default_colour() -> bool {
        true
    }

    pub(super) fn default_share() -> f64 {
        0.1
    }

    pub(super) fn default_background() -> u32 {
        255
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_default_background(background: &u32) -> bool {
        *background == Self::default_background()
    }

    /// The images' rows, columns and channels.
    pub(in crate::data) fn shape(&self) -> (Size, usize) {
        (self.size.into(), if self.colour { 3 } else { 1 })
    }

    /// `Ok` when the keys make sense.
    pub(in crate::data) fn check(&self) -> Result<(), Problem> {
        let must = |key: &str, rule: &str| Err(Problem::of(key, format!("{key} must {rule}")));
        let (size, _) = self.shape();
        let sides = 1..=MOST_SIDE as usize;
        if !sides.contains(&size.height) || !sides.contains(&size.width) {
            return must("data.size", &format!("lie between 1 and {MOST_SIDE}"));
        }
        if self.shorter_side.is_some_and(|side| !sides.contains(&(side as usize))) {
            return must("data.shorter_side", &format!("lie between 1 and {MOST_SIDE}"));
        }
        let smallest = size.height.max(size.width);
        if self.shorter_side.is_some_and(|side| (side as usize) < smallest) {
            return must("data.shorter_side", "be at least data.size");
        }
        if self.patches == Some(0) {
            return must("data.patches", "be at least 1");
        }
        check_share(self.test_share)?;
        if self.background > 255 {
            return must("data.background", "lie between 0 and 255");
        }
        Ok(())
    }
}

/// What to do about a file that cannot be decoded, or is smaller than a patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Name it and end.
    #[default]
    Refuse,
    /// Name it and go on.
    Skip,
}

/// The keys of `set = "array"`: files below the data folder, `.npy`, `.npz`, `.safetensors` or tables
/// (`.csv`, `.tsv`, `.txt`). Numbers of any type are read, whole ones, halves and truth values too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrayFiles {
    /// The training samples: N x D, N x time, N x channels x time, N x rows x columns, or N x channels x rows
    /// x columns. A name, a list, a folder or a pattern such as `shards/*.npy`: one file after the other.
    #[schemars(example = &"train.npy")]
    pub train: Paths,
    /// The labels of the training samples, N whole numbers or strings: an array, or one in each line
    /// [default: none].
    #[schemars(example = &"train-labels.npy")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_labels: Option<Paths>,
    /// The test samples [default: none].
    #[schemars(example = &"test.npy")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Paths>,
    /// The labels of the test samples [default: none].
    #[schemars(example = &"test-labels.npy")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<Paths>,
    /// The name of the samples' array in `.npz` and safetensors files [default: the only one].
    #[schemars(example = &"images")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// The name of the labels' array in `.npz` and safetensors files [default: the only one].
    #[schemars(example = &"labels")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_tensor: Option<String>,
    /// The column of a table that holds the labels: its name, or its place from 0, where -1 is the last
    /// [default: none].
    #[schemars(example = &"class")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_column: Option<Column>,
    /// The columns of a table that hold the samples' numbers [default: all but the labels].
    #[schemars(extend("examples" = [["x", "y", "z"]]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Column>>,
    /// Where an array has its channels [default: first].
    #[schemars(example = &"channels-last")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What the samples are [default: told by the dimensions; N x A x B are images if the sides are more than
    /// 4 and one is at most twice the other, and signals of A channels otherwise].
    #[schemars(example = &"signals")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The dimensions of a sample, if the file's are others with as many numbers: a row of 600 numbers may be
    /// 6 channels of 100 time steps [default: those of the file].
    #[schemars(inner(range(min = 1)), extend("examples" = [[6, 100]]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// The names of the classes, in the order of the labels: a list, or a file with one in each line
    /// [default: the labels themselves].
    #[schemars(extend("examples" = [["standing", "walking"]]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Names>,
    /// Without `test`: the share of the samples that are for testing and not for training.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1), example = 0.2)]
    #[serde(default, skip_serializing_if = "is_zero")]
    pub test_share: f64,
    /// Draws the test samples.
    #[schemars(example = 7)]
    #[serde(default = "default_seed", skip_serializing_if = "is_default_seed")]
    pub seed: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

pub(super) fn default_seed() -> u64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_default_seed(seed: &u64) -> bool {
    *seed == default_seed()
}

fn check_share(test_share: f64) -> Result<(), Problem> {
    let is_share = (0.0..1.0).contains(&test_share);
    let refused = || Problem::of("data.test_share", "data.test_share must be at least 0 and less than 1");
    is_share.then_some(()).ok_or_else(refused)
}

fn check_columns(columns: Option<&[Column]>) -> Result<(), Problem> {
    let is_empty = columns.is_some_and(<[Column]>::is_empty);
    let refused = || Problem::of("data.columns", "data.columns must name at least one column");
    (!is_empty).then_some(()).ok_or_else(refused)
}

impl ArrayFiles {
    /// The training samples of some files, without labels.
    pub fn new(train: impl Into<Paths>) -> Self {
        Self {
            train: train.into(),
            train_labels: None,
            test: None,
            test_labels: None,
            tensor: None,
            label_tensor: None,
            label_column: None,
            columns: None,
            layout: None,
            kind: None,
            shape: None,
            class_names: None,
            test_share: 0.0,
            seed: default_seed(),
        }
    }

    /// The same kind of samples, without labels and splits. A column of labels is kept: it holds no number of
    /// a sample.
    pub(super) fn to_unlabelled(&self) -> Self {
        Self {
            train_labels: None,
            test: None,
            test_labels: None,
            label_tensor: None,
            class_names: None,
            test_share: 0.0,
            ..self.clone()
        }
    }

    /// `Ok` when the keys make sense.
    pub(in crate::data) fn check(&self) -> Result<(), Problem> {
        let refuse = |key: &str, rule: &str| Err(Problem::of(key, format!("{key} {rule}")));
        check_share(self.test_share)?;
        if self.test.is_some() && self.test_share > 0.0 {
            return refuse("data.test_share", "draws test samples, but data.test names some; leave one out");
        }
        if self.shape.as_ref().is_some_and(|shape| shape.is_empty() || shape.contains(&0)) {
            return refuse("data.shape", "must have a number of at least 1 for each dimension of a sample");
        }
        check_columns(self.columns.as_deref())
    }
}

/// The keys of `set = "signals"`: recordings below the data folder (`.npy`, `.npz`, `.safetensors`, `.wav`,
/// or tables with a column for each channel), cut into windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalFiles {
    /// The recordings: a file, a list, a folder (at any depth) or a pattern such as `runs/*.wav`. Folders
    /// `train` and `test` (or `val`) in it are the splits.
    #[schemars(example = &"recordings")]
    pub recordings: Paths,
    /// The recordings to test on [default: those in a folder `test`, or drawn ones].
    #[schemars(example = &"evening/*.wav")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Paths>,
    /// Time steps of a window.
    #[schemars(range(min = 1), example = 256)]
    pub window: usize,
    /// Time steps from one window to the next [default: `window`].
    #[schemars(range(min = 1), example = 128)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// What names a recording's class: the folder that it lies in, or the file without the number at the end
    /// of its name (`inner_7.npy` is of class `inner`) [default: there are no classes].
    #[schemars(example = &"folder")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassBy>,
    /// What is tested on where no recordings are named for it: whole recordings of each class, or the end of
    /// each recording. No time step is in both splits.
    #[schemars(example = &"time")]
    #[serde(default)]
    pub split: SplitBy,
    /// The share that is for testing.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1), example = 0.3)]
    #[serde(default = "SignalFiles::default_share")]
    pub test_share: f64,
    /// Draws the recordings to test on.
    #[schemars(example = 7)]
    #[serde(default = "default_seed", skip_serializing_if = "is_default_seed")]
    pub seed: u64,
    /// The columns of a table that are channels [default: all].
    #[schemars(extend("examples" = [["x", "y", "z"]]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Column>>,
    /// Where an array of two dimensions has its channels [default: where it is shorter].
    #[schemars(example = &"channels-last")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The name of the array in `.npz` and safetensors files [default: the only one].
    #[schemars(example = &"signal")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
}

impl SignalFiles {
    fn default_share() -> f64 {
        0.2
    }

    /// Recordings in windows that do not overlap, and nothing else said.
    pub(in crate::data) fn of(recordings: Paths, window: usize) -> Self {
        Self {
            recordings,
            test: None,
            window,
            step: None,
            classes: None,
            split: SplitBy::default(),
            test_share: Self::default_share(),
            seed: default_seed(),
            columns: None,
            layout: None,
            tensor: None,
        }
    }

    /// Time steps from one window to the next.
    pub fn step(&self) -> usize {
        self.step.unwrap_or(self.window).max(1)
    }

    /// `Ok` when the keys make sense.
    pub(in crate::data) fn check(&self) -> Result<(), Problem> {
        let refuse = |key: &str, rule: &str| Err(Problem::of(key, format!("{key} {rule}")));
        if self.window == 0 {
            return refuse("data.window", "must be at least 1");
        }
        if self.step == Some(0) {
            return refuse("data.step", "must be at least 1");
        }
        check_share(self.test_share)?;
        check_columns(self.columns.as_deref())
    }
}

/// What names a recording's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClassBy {
    /// The first folder below that of the recordings.
    Folder,
    /// The file, without the number at the end of its name.
    File,
}

/// What is tested on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// Whole recordings.
    #[default]
    Recording,
    /// The end of each recording.
    Time,
}

/// Names of classes: in a file with one in each line, or in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// A file below the data folder.
    File(String),
    /// The names.
    List(Vec<String>),
}

/// A string, or a list of strings that is not empty.
impl JsonSchema for Names {
    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Paths::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> ImageFolder {
        toml::from_str(&format!("folder = 'pictures'\n{text}")).unwrap()
    }

    #[test]
    fn senseless_keys_are_told() {
        for (text, expected) in [
            ("size = 0", "data.size must lie between"),
            ("size = [8, 100000]", "data.size must lie between"),
            ("size = 8\nshorter_side = 7", "data.shorter_side must be at least data.size"),
            ("size = 8\npatches = 0", "data.patches must be"),
            ("size = 8\ntest_share = 1.0", "data.test_share must be"),
        ] {
            let sentence = keys(text).check().unwrap_err().to_string();
            assert!(sentence.contains(expected), "{sentence}");
        }
        assert!(keys("size = 8\nshorter_side = 8\npatches = 1").check().is_ok());
    }
}
