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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Names in an archive are anybody's.
    #[test]
    fn remarks_are_lines_whatever_they_quote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, shape, numbers) in [("sam\u{7}\nples", "4, 2", 8), ("la\tbels", "4,", 4)] {
            archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
            archive.write_all(b"\x93NUMPY\x01\0\x76\0").unwrap();
            archive.write_all(format!("{header:<117}\n").as_bytes()).unwrap();
            archive.write_all(&vec![1; numbers]).unwrap();
        }
        archive.finish().unwrap();
        let remarks = look(&path).unwrap().remarks;
        assert!(remarks.iter().any(|remark| remark.contains("sam\\u{7}\\nples")), "{remarks:?}");
        assert!(!remarks.iter().any(|remark| remark.chars().any(char::is_control)), "{remarks:?}");
    }
}
