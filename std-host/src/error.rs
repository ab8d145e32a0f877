//! What can go wrong on the host. Each error is one sentence that names the file, the key or the setting, and
//! says what to do. No sentence here names a flag or a command: a program adds those (see
//! `std-host/cli/src/error.rs`).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of every function of this library that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error: `Display` is one sentence for a person.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", shown(path))]
    Io {
        /// A verb: `read`, `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is there, but its content is not what it should be.
    #[error("{}: {problem}", shown(path))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A recipe is not TOML, has a wrong key, or has a value that makes no sense.
    #[error("{}{problem}", place(origin, *line))]
    Recipe {
        /// The recipe's name or file; empty when the recipe has neither.
        origin: String,
        /// The line in the file, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong; names the key.
        problem: String,
    },
    /// An argument of a function has a value that makes no sense.
    #[error("{}", setting.sentence("", value.as_deref(), problem))]
    Setting {
        /// The argument.
        setting: Setting,
        /// Its value, where that helps.
        value: Option<String>,
        /// What is wrong with it.
        problem: String,
    },
    /// Something needs more memory than the process may take.
    #[error("{what} needs {} of memory{}", size(*needs), only(*left))]
    Memory {
        /// What needs it.
        what: String,
        /// The bytes.
        needs: u64,
        /// The bytes that the process may still take, if the system says it.
        left: Option<u64>,
    },
    /// A request that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A run folder is not what was asked for.
    #[error("{}: {problem}", shown(folder))]
    Run {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: RunProblem,
    },
    /// A file of a run's classifier is damaged, or does not belong to the run's weights. Evaluating the run
    /// again replaces it.
    #[error("{}: {problem}; evaluate the run again", shown(path))]
    Classifier {
        /// The file: `svm.safetensors` or `eval.json`.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A run's classifier is for features raised to a power. Only the evaluation computes such features.
    #[error(
        "{}: is of a classifier for features raised to a power; evaluate the run again with a power of 1",
        shown(path)
    )]
    RaisedFeatures {
        /// The file that says so.
        path: PathBuf,
    },
    /// A run does not say the shape of the samples that it learnt from.
    #[error(
        "{}: learnt from arrays and does not say the shape of a sample; give the shape with it",
        shown(folder)
    )]
    UnknownShape {
        /// The run folder.
        folder: PathBuf,
    },
    /// The core refused a network, an input or a step.
    #[error("{0}")]
    Core(#[from] wta_core::Error),
    /// A training step gave numbers that are not finite or too large. Weights and moments are as before the
    /// step.
    #[error("step {step}: {}{}", diverged(*largest, source), last_good(folder.as_deref()))]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// The run folder that holds the last good weights; none if the training was in memory, or no epoch
        /// was finished.
        folder: Option<PathBuf>,
        /// The largest absolute number of the step's samples.
        largest: f32,
        /// What the core said.
        source: wta_core::Error,
    },
    /// Another process of the job is gone.
    #[error("{0}")]
    Lost(#[from] crate::ranks::Lost),
    /// The [`Observer`](crate::Observer) asked to stop.
    #[error("interrupted: {0}")]
    Interrupted(Interrupted),
}

impl Error {
    /// An [`Error::Io`].
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// An [`Error::File`].
    pub fn file(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), problem: in_one_line(problem.into()) }
    }

    /// An [`Error::Run`].
    pub fn run(folder: impl AsRef<Path>, problem: RunProblem) -> Self {
        Self::Run { folder: folder.as_ref().to_path_buf(), problem }
    }

    /// An [`Error::Classifier`].
    pub fn classifier(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Classifier { path: path.as_ref().to_path_buf(), problem: in_one_line(problem.into()) }
    }

    /// An [`Error::Setting`] whose sentence does not need the value: `power must be more than 0`.
    pub fn setting(setting: Setting, problem: impl Into<String>) -> Self {
        Self::Setting { setting, value: None, problem: in_one_line(problem.into()) }
    }

    /// An [`Error::Setting`] that quotes the value: `labels 5: give at least one label for each class`.
    pub fn setting_is(setting: Setting, value: impl fmt::Display, problem: impl Into<String>) -> Self {
        let value = Some(in_one_line(value.to_string()));
        Self::Setting { setting, value, problem: in_one_line(problem.into()) }
    }
}

/// The most characters of what is wrong with a file.
const LONGEST: usize = 600;

/// A sentence may quote what a damaged file holds: control characters are written as `\n` or `\u{7}`, so that
/// they neither break the line nor reach the terminal, and what goes on for long is cut.
pub(crate) fn in_one_line(problem: String) -> String {
    one_line(problem, LONGEST)
}

/// Text that may quote what somebody else wrote, as one line of at most so many of its characters: control
/// characters are written as `\n` or `\u{7}`, and what goes on is cut.
pub fn one_line(text: String, most: usize) -> String {
    // As many bytes are at most as many characters.
    if text.len() <= most && !text.chars().any(char::is_control) {
        return text;
    }
    let written = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let mut line: String = text.chars().take(most).map(written).collect();
    if text.chars().nth(most).is_some() {
        line += "...";
    }
    line
}

/// The name of a file or a folder, which may hold control characters.
fn shown(path: &Path) -> String {
    in_one_line(path.display().to_string())
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// What is left, and what to do.
fn only(left: Option<u64>) -> String {
    match left {
        Some(left) => {
            format!(", and this process may take only {} more: raise its limit, or ask for less", size(left))
        }
        None => ", and there is not so much: ask for less".to_owned(),
    }
}

/// `mine.toml, line 3: `
fn place(origin: &str, line: Option<usize>) -> String {
    match (origin, line) {
        ("", None) => String::new(),
        ("", Some(line)) => format!("line {line}: "),
        (origin, None) => format!("{origin}: "),
        (origin, Some(line)) => format!("{origin}, line {line}: "),
    }
}

/// Samples with larger numbers than this are the likelier cause than the learning rate.
const LARGE: f32 = 1e3;

fn diverged(largest: f32, source: &wta_core::Error) -> String {
    if largest <= LARGE || matches!(source, wta_core::Error::BadImage { .. }) {
        return source.to_string();
    }
    format!(
        "the samples hold numbers as large as {largest:e}, which are too large to learn from; scale them by \
         data.divide_by, or by the preprocess step standardise; if they are a few, clip them by \
         training.clip_inputs"
    )
}

fn last_good(folder: Option<&Path>) -> String {
    folder.map_or(String::new(), |folder| format!("; the last good weights are in {}", shown(folder)))
}

/// An argument that [`Error::Setting`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// Images in a step.
    Batch,
    /// Steps to measure.
    Steps,
    /// Labelled images to use.
    Labels,
    /// Choices of labelled images.
    Draws,
    /// The power that features are raised to.
    Power,
    /// The pooling.
    Pool,
    /// The rows and columns that pictures are resized to.
    Size,
    /// The data set.
    Data,
    /// A key that a search varies, and its values.
    Axis,
    /// The rungs of a search.
    Rungs,
    /// The columns of a table that are features.
    Columns,
    /// The column of a table that has the labels.
    LabelColumn,
    /// The array of a file that has the examples.
    Tensor,
    /// The array of a file that has the labels.
    LabelTensor,
}

impl Setting {
    /// Its name in this library.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Steps => "steps",
            Self::Labels => "labels",
            Self::Draws => "draws",
            Self::Power => "power",
            Self::Pool => "pool",
            Self::Size => "size",
            Self::Data => "data",
            Self::Axis => "axis",
            Self::Rungs => "rungs",
            Self::Columns => "columns",
            Self::LabelColumn => "label_column",
            Self::Tensor => "tensor",
            Self::LabelTensor => "label_tensor",
        }
    }

    /// The sentence of an [`Error::Setting`]. `before` is put in front of the name: with `--` a program names
    /// its flag, whose words hyphens join.
    pub fn sentence(self, before: &str, value: Option<&str>, problem: &str) -> String {
        let name = match before {
            "" => self.name().to_owned(),
            _ => self.name().replace('_', "-"),
        };
        match value {
            Some(value) => format!("{before}{name} {value}: {problem}"),
            None => format!("{before}{name} {problem}"),
        }
    }
}

/// What is wrong with a run folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunProblem {
    /// There is no run in it.
    Missing,
    /// It holds a run, but a new one was to begin there.
    Occupied,
    /// Another process works in it.
    Busy {
        /// That process, as `process 17 on board-3`, if it is known.
        holder: Option<String>,
    },
    /// Its run was made with another recipe.
    OtherRecipe {
        /// The other recipe's name; none if the name is the same and only settings differ.
        theirs: Option<String>,
        /// The recipe that was asked for.
        ours: String,
        /// Each setting that differs, as `training.rate: 0.001 there, 0.002 here`.
        differences: Vec<String>,
    },
    /// Its training began with other data.
    OtherData {
        /// What differs.
        difference: String,
    },
    /// No epoch is finished, so there is no model.
    Untrained,
    /// It holds a run, so a search cannot begin there.
    NotASearch,
    /// It holds a search with another recipe, seed or number of epochs.
    OtherSearch,
    /// It holds a search over other keys.
    OtherAxes,
}

impl RunProblem {
    /// What is wrong, without what to do about it.
    pub fn finding(&self) -> String {
        match self {
            Self::Missing => "is not a run folder: it has no recipe.toml".to_owned(),
            Self::Occupied => "holds a run already".to_owned(),
            Self::Busy { holder: None } => "is in use: another process works there".to_owned(),
            Self::Busy { holder: Some(holder) } => format!("is in use: {holder} works there"),
            Self::OtherRecipe { theirs: None, ours, differences } => {
                let (count, first) = (differences.len(), differences.first());
                let first = first.map_or(String::new(), |first| {
                    format!(" ({first}{})", if count > 1 { ", ..." } else { "" })
                });
                format!("was made with other settings than this {ours}{first}")
            }
            Self::OtherData { difference } => format!("was begun with other data: {difference}"),
            Self::OtherRecipe { theirs: Some(theirs), ours, .. } => {
                format!("was made with recipe {theirs}, not this {ours}")
            }
            Self::Untrained => "has no model.safetensors yet".to_owned(),
            Self::NotASearch => "is a run folder, not one of a search".to_owned(),
            Self::OtherSearch => "holds a search with another recipe, seed or number of epochs".to_owned(),
            Self::OtherAxes => "holds a search over other keys".to_owned(),
        }
    }

    /// What to do about it.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "train a network into it first",
            Self::Occupied => "resume it, or choose another folder",
            Self::Busy { .. } => "wait for it, or choose another folder",
            Self::OtherRecipe { .. } => "resume with the same, or choose another folder",
            Self::OtherData { .. } => "resume with the same data, or choose another folder",
            Self::Untrained => "finish an epoch of training",
            Self::NotASearch | Self::OtherSearch | Self::OtherAxes => "choose another folder",
        }
    }
}

impl fmt::Display for RunProblem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}; {}", self.finding(), self.remedy())
    }
}

/// What was interrupted, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interrupted {
    /// A training between two steps.
    Training {
        /// Steps done.
        step: u64,
        /// Steps in all.
        steps: u64,
        /// The run folder with the checkpoint; none if the training was in memory, where nothing is kept.
        folder: Option<PathBuf>,
    },
    /// The preprocessing was being learnt.
    Preprocessing,
    /// The features of the layers below were being computed.
    LayersBelow,
    /// A training in memory, before its first step.
    InMemory,
    /// An evaluation: nothing was written.
    Evaluation,
    /// Features were being written.
    Encoding,
    /// Samples were being read.
    Reading,
    /// The training of an SVM.
    Svm {
        /// The most passes over the data that any class has had.
        epochs: usize,
        /// Classes solved.
        classes_done: usize,
        /// Classes in all.
        classes: usize,
    },
    /// A measurement: nothing was written.
    Profile,
    /// A search, before a combination was finished.
    Search {
        /// Combinations finished.
        finished: usize,
        /// Combinations in all.
        of: usize,
    },
}

impl fmt::Display for Interrupted {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training { step, steps, folder: Some(folder) } => {
                write!(to, "step {step} of {steps} is saved in {}; resume it", shown(folder))
            }
            Self::Training { step, steps, folder: None } => {
                write!(to, "step {step} of {steps}; nothing was saved")
            }
            Self::Preprocessing => to.write_str("the preprocessing is not learnt yet; resume the training"),
            Self::LayersBelow => to.write_str("the layers below are trained and saved; resume the training"),
            Self::InMemory => to.write_str("nothing was saved"),
            Self::Evaluation => to.write_str("nothing was written; the trained network is as it was"),
            Self::Encoding => to.write_str("no file was written"),
            Self::Reading => to.write_str("the samples are not read yet; nothing was written"),
            Self::Svm { epochs, classes_done, classes } => write!(
                to,
                "the SVM was stopped after {epochs} epochs, with {classes_done} of {classes} classes solved"
            ),
            Self::Profile => to.write_str("the profile is not complete; run it again"),
            Self::Search { finished, of } => write!(
                to,
                "{finished} of {of} combinations are finished and the next one is saved; search again to go on"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_place_and_the_setting() {
        let recipe = |origin: &str, line| Error::Recipe {
            origin: origin.to_owned(),
            line,
            problem: "training.epochs must be at least 1".to_owned(),
        };
        assert_eq!(
            recipe("mine.toml", Some(3)).to_string(),
            "mine.toml, line 3: training.epochs must be at least 1"
        );
        assert_eq!(recipe("", None).to_string(), "training.epochs must be at least 1");
        assert_eq!(
            Error::setting(Setting::Power, "must be more than 0").to_string(),
            "power must be more than 0"
        );
        let labels = Error::setting_is(Setting::Labels, 5, "there are only 4 labelled training images");
        assert_eq!(labels.to_string(), "labels 5: there are only 4 labelled training images");
    }

    #[test]
    fn a_diverged_step_names_the_folder_with_the_last_good_weights() {
        let source = wta_core::Error::NotFinite { what: "gradient", index: 3 };
        let told = Error::Diverged { step: 7, folder: Some("runs/x".into()), largest: 1.0, source };
        let told = told.to_string();
        assert!(told.starts_with("step 7: ") && told.ends_with("last good weights are in runs/x"), "{told}");
    }
}
