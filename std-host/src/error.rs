//! What can go wrong on the host, each as one sentence that names the file, field or flag and says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this library that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error: `Display` is one sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb: `read`, `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is there, but its content is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A request that makes no sense: a recipe's field, a flag, a combination.
    #[error("{0}")]
    Invalid(String),
    /// The core refused a network, an input or a step.
    #[error("{0}")]
    Core(#[from] wta_core::Error),
    /// Ctrl-C; what was finished is saved.
    #[error("interrupted: {0}")]
    Interrupted(String),
}

impl Error {
    /// An [`Error::Io`].
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// An [`Error::File`].
    pub fn file(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), problem: problem.into() }
    }
}
