//! What can go wrong in the program; each error is one sentence for the user. The library's errors name
//! settings; this file turns them into flags and commands.

use std::fmt;

use wta::error::{Interrupted, RunProblem};
use wta::ranks::{Lost, LostProblem};

/// What the library calls the instruction set.
const ISA: &str = "instruction set";

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a command ended.
#[derive(Debug)]
pub(crate) enum Error {
    /// An error of the library.
    Library(wta::Error),
    /// Flags that make no sense.
    Usage(String),
    /// The program is at fault.
    Bug(String),
    /// Ctrl-C; how to go on, if not by --resume.
    Paused(String),
}

impl Error {
    /// More about it for people, in lines that come before the sentence.
    pub(crate) fn details(&self) -> &[String] {
        match self {
            Self::Library(wta::Error::Run {
                problem: RunProblem::OtherRecipe { differences, .. }, ..
            }) => differences,
            _ => &[],
        }
    }

    /// Whether all processes of a job have ended alike, and none is to be waited for.
    pub(crate) fn is_agreed(&self) -> bool {
        match self {
            Self::Library(wta::Error::Interrupted(interrupted)) => {
                matches!(interrupted, Interrupted::Training { .. } | Interrupted::InMemory)
            }
            Self::Library(wta::Error::Lost(lost)) => matches!(lost.problem, LostProblem::Other { .. }),
            _ => false,
        }
    }

    /// Whether Ctrl-C ended the command, and `--resume` goes on from there.
    pub(crate) fn is_resumable(&self) -> bool {
        matches!(
            self,
            Self::Library(wta::Error::Interrupted(
                Interrupted::Training { folder: Some(_), .. }
                    | Interrupted::Preprocessing
                    | Interrupted::LayersBelow
            ))
        )
    }

    /// Whether Ctrl-C ended the command.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self, Self::Library(wta::Error::Interrupted(_)) | Self::Paused(_))
    }
}

impl From<wta::Error> for Error {
    fn from(error: wta::Error) -> Self {
        Self::Library(error)
    }
}

impl From<wta_core::Error> for Error {
    fn from(error: wta_core::Error) -> Self {
        Self::Library(error.into())
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        Self::Library(lost.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bug(found) => write!(
                to,
                "internal error ({found}); this is a fault of the program: please report it with the command and its \
                 input"
            ),
            Self::Usage(sentence) => to.write_str(sentence),
            Self::Paused(what) => write!(to, "interrupted: {what}"),
            Self::Library(error) => write_library(to, error),
        }
    }
}

fn write_library(to: &mut fmt::Formatter<'_>, error: &wta::Error) -> fmt::Result {
    match error {
        wta::Error::Setting { setting: wta::error::Setting::Axis, value, problem } => {
            write!(to, "--set {}: {problem}", value.as_deref().unwrap_or_default())
        }
        wta::Error::Setting { setting, value, problem } => {
            to.write_str(&setting.sentence("--", value.as_deref(), problem))
        }
        wta::Error::Run { folder, problem } => {
            write!(to, "{}: ", folder.display())?;
            write_run_problem(to, problem)
        }
        wta::Error::Classifier { path, problem } => {
            write!(to, "{}: {problem}; run `wta eval` again", path.display())
        }
        wta::Error::RaisedFeatures { path } => write!(
            to,
            "{}: is of a classifier for features raised to a power; run `wta eval` without --power",
            path.display()
        ),
        wta::Error::UnknownShape { folder } => write!(
            to,
            "{}: learnt from arrays and does not say the shape of a sample; give it as channels x rows x columns, such \
             as --shape 3x1x100",
            folder.display()
        ),
        wta::Error::Lost(lost) if matches!(&lost.problem, LostProblem::Other { what, .. } if what == ISA) => {
            write!(to, "{lost}, which changes the last bits; give all the same with --isa")
        }
        wta::Error::Interrupted(interrupted) => {
            to.write_str("interrupted: ")?;
            write_interrupted(to, interrupted)
        }
        error => write!(to, "{error}"),
    }
}

fn write_run_problem(to: &mut fmt::Formatter<'_>, problem: &RunProblem) -> fmt::Result {
    match problem {
        RunProblem::Missing => {
            to.write_str("is not a run folder: it has no recipe.toml; make one with `wta train`")
        }
        RunProblem::Occupied => {
            to.write_str("holds a run already; continue it with --resume, or choose another --run folder")
        }
        RunProblem::OtherData { .. } => {
            write!(to, "{}; resume with the same data, or choose another --run folder", problem.finding())
        }
        RunProblem::Busy { .. } => {
            write!(to, "{}; wait until it has ended, or choose another --run folder", problem.finding())
        }
        RunProblem::OtherRecipe { .. } => {
            write!(to, "{}; resume with the same, or choose another --run folder", problem.finding())
        }
        RunProblem::Untrained => to.write_str("has no model.safetensors yet; finish an epoch of `wta train`"),
        RunProblem::NotASearch | RunProblem::OtherSearch | RunProblem::OtherAxes => {
            write!(to, "{}; choose another --run folder", problem.finding())
        }
        problem => write!(to, "{problem}"),
    }
}

fn write_interrupted(to: &mut fmt::Formatter<'_>, interrupted: &Interrupted) -> fmt::Result {
    match interrupted {
        Interrupted::Training { step, steps, folder: Some(folder) } => {
            write!(to, "step {step} of {steps} is saved in {}; continue with --resume", folder.display())
        }
        Interrupted::Preprocessing => {
            to.write_str("the preprocessing is not learnt yet; continue with --resume")
        }
        Interrupted::LayersBelow => {
            to.write_str("the layers below are trained and saved; continue with --resume")
        }
        Interrupted::Search { finished, of } => write!(
            to,
            "{finished} of {of} combinations are finished and the next one is saved; the same command goes on from there"
        ),
        interrupted => write!(to, "{interrupted}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use wta::error::Setting;

    use super::*;

    fn said(error: wta::Error) -> String {
        Error::from(error).to_string()
    }

    #[test]
    fn settings_are_flags() {
        let power = wta::Error::setting(Setting::Power, "must be more than 0 and at most 10");
        assert_eq!(said(power), "--power must be more than 0 and at most 10");
        let axis = wta::Error::setting_is(Setting::Axis, "training.rate", "the key is empty");
        assert_eq!(said(axis), "--set training.rate: the key is empty");
    }

    #[test]
    fn run_folders_and_interruptions_say_which_command_helps() {
        let run = |problem| said(wta::Error::run("runs/x", problem));
        assert_eq!(
            run(RunProblem::Untrained),
            "runs/x: has no model.safetensors yet; finish an epoch of `wta train`"
        );
        let other = RunProblem::OtherRecipe {
            theirs: Some("a".to_owned()),
            ours: "b".to_owned(),
            differences: Vec::new(),
        };
        assert_eq!(
            run(other),
            "runs/x: was made with recipe a, not this b; resume with the same, or choose another --run folder"
        );
        let folder = Some(PathBuf::from("runs/x"));
        let training = wta::Error::Interrupted(Interrupted::Training { step: 3, steps: 9, folder });
        assert_eq!(said(training), "interrupted: step 3 of 9 is saved in runs/x; continue with --resume");
    }
}
