//! The files of known data sets in a folder, compared with the published ones.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::own::{array, entries, tree};
use super::published::{cifar10, mnist, svhn};
use super::source::Source;
use crate::error::{Error, Result};
use crate::numbers::grouped;

/// How a file is compared with the published one.
#[derive(Clone, Copy)]
enum Check {
    /// The MD5 of its content, decompressed.
    Md5(&'static str),
    /// The MD5 of the file as it is stored.
    Stored(&'static str),
    /// A batch of CIFAR-10: 10,000 records of a label and 32 x 32 x 3 bytes each. A checksum is published for
    /// the archive only.
    CifarBatch,
    /// A MATLAB 5 file with this many bytes, and the MD5 of its content.
    Matlab(u64, &'static str),
}

const MNIST: [(&str, Check); 4] = {
    let [train_images, train_labels, test_images, test_labels] = mnist::NAMES;
    [
        (train_images, Check::Md5("6bbc9ace898e44ae57da46a324031adb")),
        (train_labels, Check::Md5("a25bea736e30d166cdddb491f175f624")),
        (test_images, Check::Md5("2646ac647ad5339dbf082846283269ea")),
        (test_labels, Check::Md5("27ae3e4e09519cfbb04c329615203637")),
    ]
};

/// The archive of CIFAR-10's binary version, beside or above the folder that it unpacks to.
const CIFAR_10_ARCHIVE: (&str, Check) =
    ("cifar-10-binary.tar.gz", Check::Stored("c32a1d4ab5d03f1284b67883e8d87530"));

const SVHN: [(&str, Check); 3] = {
    let [train, test, extra] = svhn::NAMES;
    [
        (train, Check::Matlab(182_040_794, "e26dedcc434d2e4c54c9b2d4a06d8373")),
        (test, Check::Matlab(64_275_384, "eb5a983be6a315427106f1b164d9cef3")),
        (extra, Check::Matlab(1_329_278_602, "a93ce644f1a588dc4d68dda5feec44a7")),
    ]
};

/// The result of checking a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not there.
    Missing,
    /// Its checksum is the published one.
    Good,
    /// Size and format are the published ones, but no checksum is published for the content.
    Plausible,
    /// The user's own data, with a description.
    Own(String),
    /// Its checksum is not the published one but this: MD5 in hexadecimal, of the decompressed content (of
    /// the file as stored, for an archive).
    Differs(String),
    /// It cannot be read, or its size or format is not the published one; why, and what to do.
    Broken(String),
}

/// A file of a known data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The data set's name.
    pub set: &'static str,
    /// Where the file is, or should be, below the folder that was asked for.
    pub file: PathBuf,
    /// Bytes on the disk, as stored; `None` when the file is missing or unreadable.
    pub size: Option<u64>,
    /// The result of checking it.
    pub state: State,
}

impl Entry {
    /// Whether the file is there but wrong.
    pub fn is_wrong(&self) -> bool {
        matches!(self.state, State::Differs(_) | State::Broken(_))
    }

    /// The MD5 of its decompressed content (of the file as stored, for an archive), if it was computed.
    pub fn md5(&self) -> Option<&str> {
        match &self.state {
            State::Good => {
                let name = self.file.file_name()?.to_str()?;
                let published = MNIST
                    .iter()
                    .chain(&SVHN)
                    .chain([&CIFAR_10_ARCHIVE])
                    .find(|(known, _)| name.starts_with(known));
                published.and_then(|(_, check)| match check {
                    Check::Md5(md5) | Check::Stored(md5) | Check::Matlab(_, md5) => Some(*md5),
                    Check::CifarBatch => None,
                })
            }
            State::Differs(md5) => Some(md5),
            State::Missing | State::Plausible | State::Own(_) | State::Broken(_) => None,
        }
    }
}

/// Looks in `dir` for every file of the known data sets and checks those that are there. Then it lists the
/// folders of pictures and the arrays in `dir`.
///
/// If a file is there both plain and compressed, the plain one is checked, which [`super::load`] reads too.
/// MNIST, CIFAR-10 and SVHN are read as a whole, which takes a second or two.
///
/// # Errors
///
/// [`Error::File`] if `dir` is not a folder. Problems with a file are in its [`State`].
pub fn inventory(dir: &Path) -> Result<Vec<Entry>> {
    if !dir.is_dir() {
        return Err(Error::file(dir, "is not a folder; give the one that holds mnist/ and other data sets"));
    }
    let entry = |set, home: &Path, (name, check): &(&str, Check)| {
        let path = match check {
            Check::Md5(_) => mnist::find(home, name),
            Check::Stored(_) | Check::CifarBatch | Check::Matlab(..) => {
                Some(home.join(name)).filter(|path| path.exists())
            }
        };
        let (size, state) = match &path {
            None => (None, State::Missing),
            Some(path) => examine(path, *check),
        };
        let path = path.unwrap_or_else(|| home.join(name));
        let file = path.strip_prefix(dir).unwrap_or(&path).to_path_buf();
        Entry { set, file, size, state }
    };
    let (mnist, cifar_10, svhn) = (mnist::home(dir), cifar10::home(dir), svhn::home(dir));
    let batches = cifar10::NAMES.map(|name| (name, Check::CifarBatch));
    let archive = entry("CIFAR-10", dir, &CIFAR_10_ARCHIVE);
    Ok(MNIST
        .iter()
        .map(|file| entry("MNIST", &mnist, file))
        .chain(batches.iter().map(|file| entry("CIFAR-10", &cifar_10, file)))
        .chain([archive].into_iter().filter(|archive| archive.state != State::Missing))
        .chain(SVHN.iter().map(|file| entry("SVHN", &svhn, file)))
        .chain(own(dir, &[&mnist, &cifar_10, &svhn])?)
        .collect())
}

/// The folders with pictures and the arrays in `dir` itself, without the folders of published sets.
fn own(dir: &Path, published: &[&Path]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for path in entries::entries(dir)?.into_iter().filter(|path| !published.contains(&path.as_path())) {
        let file = path.strip_prefix(dir).unwrap_or(&path).to_path_buf();
        if path.is_dir() {
            let pictures = tree::count(&path);
            if pictures > 0 {
                let state = State::Own(format!("present, {} pictures", grouped(pictures as u64)));
                entries.push(Entry { set: "images", file, size: None, state });
            }
        } else if ["npy", "npz", "safetensors"].contains(&array::ending(&path).as_str()) {
            let size = path.metadata().ok().map(|metadata| metadata.len());
            let state = match array::describe(&path) {
                Ok(shapes) => State::Own(format!("present, {shapes}")),
                Err(error) => broken(error),
            };
            entries.push(Entry { set: "array", file, size, state });
        }
    }
    Ok(entries)
}

fn broken(error: Error) -> State {
    match error {
        // The line of the table names the file already.
        Error::File { problem, .. } => State::Broken(problem),
        error => State::Broken(error.to_string()),
    }
}

/// The state of a file as the one of this name in a known data set, wherever it lies; `None` if there is no
/// such file, or nothing is published that it could be compared with. Of MNIST, the name is that without
/// `.gz`.
pub fn state_of(path: &Path, name: &str) -> Option<State> {
    let known = || MNIST.iter().chain(&SVHN).chain([&CIFAR_10_ARCHIVE]);
    let (_, check) = known().find(|(known, _)| *known == name)?;
    Some(examine(path, *check).1)
}

/// Whether no file is wrong. A missing file is not wrong.
pub fn all_good(entries: &[Entry]) -> bool {
    !entries.iter().any(Entry::is_wrong)
}

/// The entries as a table for people: a line of headings, then a line for each entry, in aligned columns.
pub fn table(entries: &[Entry]) -> String {
    let rows: Vec<[String; 4]> = entries.iter().map(row).collect();
    let headings = ["data set", "file", "bytes", "state"].map(str::to_owned);
    let mut widths = [0; 4];
    for row in rows.iter().chain([&headings]) {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
    }
    let [set_width, file_width, size_width, _] = widths;
    let mut text = String::new();
    for [set, file, size, state] in [headings].iter().chain(&rows) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{set:set_width$}  {file:file_width$}  {size:>size_width$}  {state}");
    }
    text
}

fn row(entry: &Entry) -> [String; 4] {
    let state = match &entry.state {
        State::Missing => "missing".to_owned(),
        State::Good => "present, checksum ok".to_owned(),
        State::Plausible => {
            "present, size and labels ok (only the archive's checksum is published: copies in another order are as good)"
                .to_owned()
        }
        State::Own(description) => description.clone(),
        State::Differs(md5) => format!("present, checksum DIFFERS: MD5 {md5}; get the file again"),
        State::Broken(problem) => format!("present, BROKEN: {problem}"),
    };
    let size = entry.size.map_or_else(|| "-".to_owned(), grouped);
    [entry.set.to_owned(), entry.file.display().to_string(), size, state]
}

/// Size and state of a file that is there.
fn examine(path: &Path, check: Check) -> (Option<u64>, State) {
    let source = Source::open(path);
    let size = source.as_ref().ok().map(Source::stored);
    let state = source.and_then(|source| match check {
        Check::Md5(published) => compare_md5(source, published),
        Check::Stored(published) => {
            let failed = |error| Error::io("read", path, error);
            let mut file = File::open(path).map_err(failed)?;
            compare(&[], |buffer| file.read(buffer).map_err(failed), published)
        }
        Check::CifarBatch => check_cifar_batch(source),
        Check::Matlab(bytes, published) => check_matlab(source, bytes, published),
    });
    (size, state.unwrap_or_else(broken))
}

fn compare_md5(mut source: Source<'_>, published: &str) -> Result<State> {
    compare(&[], |buffer| source.fill(buffer), published)
}

/// Compares the MD5 of `start`, followed by the bytes from `fill` until it gives no more, with the published
/// one.
fn compare(start: &[u8], mut fill: impl FnMut(&mut [u8]) -> Result<usize>, published: &str) -> Result<State> {
    let mut hasher = Md5::new();
    hasher.update(start);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = fill(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
    let found = hasher.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    Ok(if found == published { State::Good } else { State::Differs(found) })
}

fn check_cifar_batch(mut source: Source<'_>) -> Result<State> {
    const IMAGES: u64 = 10_000;
    let mut record = [0; 1 + 32 * 32 * 3];
    if let Some(problem) = wrong_size(&source, IMAGES * record.len() as u64) {
        return Ok(problem);
    }
    for index in 0..IMAGES {
        if source.fill(&mut record)? < record.len() {
            return Ok(State::Broken(format!("ends inside image {index}; get the file again")));
        }
        let [label, ..] = record;
        if label > 9 {
            let problem = format!(
                "the label at index {index} is {label}, but labels go from 0 to 9; get the file again"
            );
            return Ok(State::Broken(problem));
        }
    }
    Ok(State::Plausible)
}

fn check_matlab(mut source: Source<'_>, bytes: u64, published: &str) -> Result<State> {
    let mut header = [0; 128];
    let start = source.fill(&mut header)?;
    // The header ends with version 1.0 and the letters IM, in the order that stands for little-endian
    // numbers.
    if !header.starts_with(b"MATLAB 5.0 MAT-file") || !header.ends_with(b"\x00\x01IM") {
        return Ok(State::Broken("is not a MATLAB 5 file; get the file again".to_owned()));
    }
    if let Some(problem) = wrong_size(&source, bytes) {
        return Ok(problem);
    }
    compare(header.get(..start).unwrap_or_default(), |buffer| source.fill(buffer), published)
}

fn wrong_size(source: &Source<'_>, published: u64) -> Option<State> {
    (source.stored() != published).then(|| {
        let published = grouped(published);
        State::Broken(format!("the published file has {published} bytes; get the file again"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek, SeekFrom, Write};

    use tempfile::TempDir;

    use super::*;
    use crate::data::source::tests::gzip;

    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    /// A file of `bytes` bytes: `start`, then zeros that take no space on the disk.
    fn sparse(folder: &TempDir, name: &str, start: &[u8], bytes: u64) -> PathBuf {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = File::create(&path).unwrap();
        file.write_all(start).unwrap();
        file.set_len(bytes).unwrap();
        path
    }

    fn state(entries: &[Entry], file: &str) -> State {
        entries.iter().find(|entry| entry.file == Path::new(file)).expect(file).state.clone()
    }

    #[test]
    fn an_empty_folder_has_nothing_wrong() {
        let entries = inventory(folder(&[]).path()).unwrap();
        assert_eq!(entries.len(), 4 + 6 + 3);
        assert!(entries.iter().all(|entry| entry.state == State::Missing && entry.size.is_none()));
        assert!(all_good(&entries));
        assert!(inventory(Path::new("/no/such/folder")).unwrap_err().to_string().contains("is not a folder"));
    }

    #[test]
    fn checksums_are_of_the_decompressed_content() {
        const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";
        for bytes in [&b"abc"[..], &gzip(b"abc")] {
            let state = |md5| compare_md5(Source::bytes(bytes, Path::new("x")).unwrap(), md5).unwrap();
            assert_eq!(state(ABC), State::Good);
            assert_eq!(state("900150983cd24fb0d6963f7d28e17f73"), State::Differs(ABC.to_owned()));
        }
    }

    #[test]
    fn a_files_checksum_is_what_it_is_whether_published_or_not() {
        let entry =
            |state| Entry { set: "MNIST", file: "a/train-labels-idx1-ubyte.gz".into(), size: None, state };
        assert_eq!(entry(State::Good).md5(), Some("a25bea736e30d166cdddb491f175f624"));
        assert_eq!(entry(State::Differs("0123".to_owned())).md5(), Some("0123"));
        assert_eq!(entry(State::Missing).md5(), None);
    }

    #[test]
    fn wrong_files_are_told_from_missing_ones() {
        let folder = folder(&[
            ("mnist/train-images-idx3-ubyte", b"abc"),
            ("mnist/train-labels-idx1-ubyte.gz", &gzip(b"abc")[..20]),
        ]);
        fs::create_dir(folder.path().join("mnist/t10k-labels-idx1-ubyte")).unwrap();
        let entries = inventory(folder.path()).unwrap();
        let is_broken = |file, expected: &str| match state(&entries, file) {
            State::Broken(problem) => assert!(problem.contains(expected), "{problem}"),
            other => panic!("{file}: {other:?}"),
        };
        assert!(matches!(state(&entries, "mnist/train-images-idx3-ubyte"), State::Differs(_)));
        is_broken("mnist/train-labels-idx1-ubyte.gz", "cut off");
        is_broken("mnist/t10k-labels-idx1-ubyte", "not a file");
        assert_eq!(state(&entries, "mnist/t10k-images-idx3-ubyte"), State::Missing);
        assert!(!all_good(&entries));
        let inside = inventory(&folder.path().join("mnist")).unwrap();
        assert!(matches!(state(&inside, "train-images-idx3-ubyte"), State::Differs(_)), "the folder itself");
    }

    #[test]
    fn cifar_batches_are_checked_for_size_and_labels() {
        let folder = folder(&[("cifar-10-batches-bin/data_batch_2.bin", b"abc")]);
        sparse(&folder, "cifar-10-batches-bin/data_batch_1.bin", &[9], 30_730_000);
        let path = sparse(&folder, "cifar-10-batches-bin/test_batch.bin", &[], 30_730_000);
        let mut file = File::options().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(9_999 * 3073)).unwrap();
        file.write_all(&[12]).unwrap();
        let entries = inventory(folder.path()).unwrap();
        let broken = |file| match state(&entries, &format!("cifar-10-batches-bin/{file}")) {
            State::Broken(problem) => problem,
            other => panic!("{file}: {other:?}"),
        };
        assert_eq!(state(&entries, "cifar-10-batches-bin/data_batch_1.bin"), State::Plausible);
        assert_eq!(broken("data_batch_2.bin"), "the published file has 30,730,000 bytes; get the file again");
        assert!(broken("test_batch.bin").starts_with("the label at index 9999 is 12"));
    }

    #[test]
    fn svhn_files_are_checked_for_size_and_header() {
        let mut header = *b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: some day                                                                \x00\x01IM";
        let folder = folder(&[("svhn/extra_32x32.mat", b"<html>")]);
        sparse(&folder, "svhn/test_32x32.mat", &header, 64_275_384);
        sparse(&folder, "svhn/train_32x32.mat", &header, 64_275_384);
        let entries = inventory(folder.path()).unwrap();
        assert!(matches!(state(&entries, "svhn/test_32x32.mat"), State::Differs(_)), "zeros are no digits");
        for (file, problem) in [("train", "182,040,794 bytes"), ("extra", "not a MATLAB 5 file")] {
            let state = state(&entries, &format!("svhn/{file}_32x32.mat"));
            assert!(matches!(&state, State::Broken(found) if found.contains(problem)), "{state:?}");
        }
        header[127] = b'X';
        sparse(&folder, "svhn/test_32x32.mat", &header, 64_275_384);
        let entries = inventory(folder.path()).unwrap();
        assert!(matches!(state(&entries, "svhn/test_32x32.mat"), State::Broken(_)));
    }

    #[test]
    fn pictures_and_arrays_of_ones_own_are_described() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images");
        let folder = folder(&[
            ("faces/a/1.PNG", b"x"),
            ("faces/2.jpg", b"x"),
            ("faces/notes.txt", b"x"),
            ("bad.npy", b""),
        ]);
        for name in ["nchw_f4.npy", "images.safetensors"] {
            fs::copy(fixtures.join(name), folder.path().join(name)).unwrap();
        }
        let entries = inventory(folder.path()).unwrap();
        let described = |file| match state(&entries, file) {
            State::Own(description) => description,
            other => panic!("{file}: {other:?}"),
        };
        assert_eq!(described("faces"), "present, 2 pictures");
        assert_eq!(described("nchw_f4.npy"), "present, 3 x 2 x 4 x 5");
        assert_eq!(described("images.safetensors"), "present, images: 3 x 2 x 4 x 5, labels: 3");
        assert!(matches!(state(&entries, "bad.npy"), State::Broken(problem) if problem.contains("is empty")));
    }

    #[test]
    fn the_archive_is_looked_at_as_it_is_stored() {
        let name = "cifar-10-binary.tar.gz";
        let folder = folder(&[(name, &gzip(b"abc"))]);
        let compressed = inventory(folder.path()).unwrap();
        let expected = match compare(&[], |_| Ok(0), "").unwrap() {
            State::Differs(empty) => empty,
            other => panic!("{other:?}"),
        };
        assert_eq!(expected, "d41d8cd98f00b204e9800998ecf8427e");
        let State::Differs(md5) = state(&compressed, name) else { panic!("it is not the published one") };
        assert_ne!(md5, "900150983cd24fb0d6963f7d28e17f72", "not of what is in it");
    }

    #[test]
    fn the_table_is_aligned() {
        let entry = |file: &str, size, state| Entry { set: "MNIST", file: file.into(), size, state };
        let entries = [
            entry("mnist/a", Some(1_234_567), State::Good),
            entry("mnist/longer", None, State::Missing),
            entry("b", Some(12), State::Differs("0123".to_owned())),
            entry("c", Some(123), State::Broken("is empty; get the file again".to_owned())),
            entry("d", Some(1_000), State::Plausible),
        ];
        let expected = "\
data set  file              bytes  state
MNIST     mnist/a       1,234,567  present, checksum ok
MNIST     mnist/longer          -  missing
MNIST     b                    12  present, checksum DIFFERS: MD5 0123; get the file again
MNIST     c                   123  present, BROKEN: is empty; get the file again
MNIST     d                 1,000  present, size and labels ok (only the archive's checksum is published: copies in another order are as good)
";
        assert_eq!(table(&entries), expected);
    }

    /// Run it with `WTA_DATA=DIR cargo test -- --ignored`, and the four published MNIST files in `DIR/mnist`.
    #[test]
    #[ignore = "needs the published MNIST files in $WTA_DATA/mnist"]
    fn the_published_files_are_good() {
        let entries = inventory(Path::new(&std::env::var_os("WTA_DATA").unwrap())).unwrap();
        assert!(entries.iter().filter(|entry| entry.set == "MNIST").all(|entry| entry.state == State::Good));
        assert!(all_good(&entries), "{}", table(&entries));
    }
}
