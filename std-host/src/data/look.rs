//! What a file or a folder most likely is.

use std::path::{Path, PathBuf};

use super::keys::DataSource;
use super::own::look::{self, Own};
use crate::decoders::caught;
use crate::error::{Result, in_one_line};

/// What was found in a file or a folder.
#[derive(Clone, Debug)]
pub struct Look {
    /// The data folder, which the names are below.
    pub folder: PathBuf,
    /// The data set.
    pub source: DataSource,
    /// What was concluded from what, for people.
    pub remarks: Vec<String>,
}

/// Looks at names and headers, and concludes what the data set is: pictures, arrays with their labels, or
/// recordings.
///
/// # Errors
///
/// One sentence if it is not there, or holds nothing that can be learnt from.
pub fn look(path: impl AsRef<Path>) -> Result<Look> {
    let look::Found { folder, own, remarks } = caught(path.as_ref(), || look::look(path.as_ref()))?;
    let source = match own {
        Own::Images(keys) => DataSource::Images(keys),
        Own::Array(keys) => DataSource::Array(keys),
        Own::Signals(keys) => DataSource::Signals(keys),
    };
    // They quote names, of files and of arrays in them.
    let remarks = remarks.into_iter().map(in_one_line).collect();
    Ok(Look { folder, source, remarks })
}
