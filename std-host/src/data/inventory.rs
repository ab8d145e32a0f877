//! What data sets a folder has, checked against published checksums.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};

use super::mnist;
use crate::error::{Error, Result};

/// MD5 of the uncompressed files, as published.
const MNIST: [(&str, &str); 4] = [
    ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c629615203637"),
];

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its content is the published one.
    Good,
    /// Its content is another; its MD5.
    Differs(String),
    /// It cannot be read to the end; why.
    Broken(String),
    /// It is not there.
    Missing,
}

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The data set.
    pub set: &'static str,
    /// Its path, or where it should be.
    pub path: PathBuf,
    /// Bytes on disk.
    pub size: u64,
    /// What is known of it.
    pub state: State,
}

/// Looks through a folder.
///
/// # Errors
///
/// One sentence when it is not a folder.
pub fn inventory(folder: &Path) -> Result<Vec<Entry>> {
    if !folder.is_dir() {
        return Err(Error::file(folder, "is not a folder; give the one that holds mnist/"));
    }
    Ok(MNIST.iter().map(|(name, published)| entry(folder, name, published)).collect())
}

/// Whether no file is broken or other than the published one; missing files are no fault.
pub fn all_good(entries: &[Entry]) -> bool {
    entries.iter().all(|entry| matches!(entry.state, State::Good | State::Missing))
}

/// The entries as a table.
pub fn table(entries: &[Entry]) -> String {
    let shown = |entry: &Entry| entry.path.display().to_string();
    let width = entries.iter().map(|entry| shown(entry).len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        let state = match &entry.state {
            State::Good => "ok, as published".to_owned(),
            State::Differs(found) => format!("DIFFERS from the published file (MD5 {found})"),
            State::Broken(why) => format!("BROKEN: {why}"),
            State::Missing => "missing".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:8} {:width$} {:>12}  {state}", entry.set, shown(entry), entry.size);
    }
    text
}

fn entry(folder: &Path, name: &str, published: &str) -> Entry {
    let Some(path) = mnist::candidates(folder, name).find(|path| path.is_file()) else {
        return Entry { set: "mnist", path: folder.join("mnist").join(name), size: 0, state: State::Missing };
    };
    let size = path.metadata().map_or(0, |metadata| metadata.len());
    let state = match checksum(&path) {
        Ok(found) if found == published => State::Good,
        Ok(found) => State::Differs(found),
        Err(error) => State::Broken(error.to_string()),
    };
    Entry { set: "mnist", path, size, state }
}

/// MD5 of a file's content, decompressed when its name ends in `.gz`.
fn checksum(path: &Path) -> std::io::Result<String> {
    let file = BufReader::new(File::open(path)?);
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    let mut reader: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_and_wrong_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(all_good(&inventory(folder.path()).unwrap()), "nothing there is no fault");
        std::fs::create_dir(folder.path().join("mnist")).unwrap();
        std::fs::write(folder.path().join("mnist/train-images-idx3-ubyte"), b"abc").unwrap();
        std::fs::write(folder.path().join("mnist/t10k-labels-idx1-ubyte.gz"), b"abc").unwrap();
        let entries = inventory(folder.path()).unwrap();
        assert_eq!(entries[0].state, State::Differs("900150983cd24fb0d6963f7d28e17f72".to_owned()));
        assert!(matches!(entries[3].state, State::Broken(_)));
        assert!(!all_good(&entries));
        let table = table(&entries);
        assert!(
            table.contains("DIFFERS") && table.contains("BROKEN") && table.contains("missing"),
            "{table}"
        );
        assert!(inventory(Path::new("/nowhere")).is_err());
    }
}
