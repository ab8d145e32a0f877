//! What files of published data sets hold.

use std::path::Path;

use super::{cifar10, idx, svhn};
use crate::data::contents::Contents;
use crate::data::element::Element;
use crate::data::range::Range;
use crate::data::source::Source;
use crate::decoders::caught;
use crate::error::{Error, Result};

const IMAGES: &str = "images of MNIST's format (IDX)";
const LABELS: &str = "labels of MNIST's format (IDX)";

/// Who reads MNIST's files.
const MNIST: &str = "data = { set = \"mnist\" }, by its published name in mnist/; Python: mnist, torchvision";

/// What an IDX file of so many dimensions holds.
pub(crate) fn idx(path: &Path, dimensions: u8) -> Contents {
    let mut range = Range::default();
    let mut add = |bytes: &[u8]| range.add_stored(Element::U8, bytes, false);
    let (kind, name, shape) = match dimensions {
        1 => (
            LABELS,
            "labels",
            source(path).and_then(|of| idx::each::<1>(of, "labels", &mut add)).map(Vec::from),
        ),
        3 => (
            IMAGES,
            "images",
            source(path).and_then(|of| idx::each::<3>(of, "images", &mut add)).map(Vec::from),
        ),
        _ => {
            let problem = format!("is an IDX file of {dimensions} dimensions, but those of 1 and 3 are read");
            return Contents::new("numbers of MNIST's format (IDX)", "nobody here")
                .wrong(Error::file(path, problem));
        }
    };
    let contents = Contents::new(kind, MNIST);
    let shape = match shape {
        Ok(shape) => shape,
        Err(error) => return contents.wrong(error),
    };
    let largest = range.largest;
    let contents = contents.array(name, "uint8", &shape, Some(range));
    if dimensions == 1 && largest > 9.0 {
        let problem = format!("has a label {largest}, but those of MNIST go from 0 to 9");
        return contents.wrong(Error::file(path, problem));
    }
    contents
}

fn source(path: &Path) -> Result<Source<'static>> {
    Source::open(path)
}

/// Whether a file of so many bytes that begins so may be one of CIFAR-10, whose files have no mark: it has
/// whole records with labels from 0 to 9.
pub(crate) fn is_cifar10(start: &[u8], len: u64) -> bool {
    let records = || start.chunks(cifar10::RECORD);
    len > 0
        && len.is_multiple_of(cifar10::RECORD as u64)
        && records().all(|record| record.first().is_some_and(|label| *label < 10))
}

/// Whether a name is that of one of CIFAR-10's files.
pub(crate) fn is_named_cifar10(path: &Path) -> bool {
    path.file_name().is_some_and(|name| cifar10::NAMES.iter().any(|known| name == *known))
}

/// What a file of CIFAR-10 holds.
pub(crate) fn cifar10(path: &Path) -> Contents {
    let readers = "data = { set = \"cifar10\" }, by its published name in cifar-10-batches-bin/";
    let contents = Contents::new("images and labels of CIFAR-10 (binary version)", readers);
    let (mut pixels, mut labels, mut count) = (Range::default(), Range::default(), 0);
    let read = source(path).and_then(|source| {
        cifar10::records(source, |label, image| {
            count += 1;
            labels.add(f64::from(label));
            pixels.add_stored(Element::U8, image, false);
            Ok(())
        })
    });
    match read {
        Err(error) => contents.wrong(error),
        Ok(()) => contents.array("images", "uint8", &[count, 3, 32, 32], Some(pixels)).array(
            "labels",
            "uint8",
            &[count],
            Some(labels),
        ),
    }
}

/// Whether a file that begins so is of MATLAB.
pub(crate) fn is_matlab(start: &[u8]) -> bool {
    let mark = start.get(124..128);
    // The words alone may begin a text about MATLAB.
    let told = [&b"MATLAB 5.0 MAT"[..], b"MATLAB 7.3 MAT"].iter().any(|words| start.starts_with(words));
    told || [Some(&b"\x00\x01IM"[..]), Some(&b"\x01\x00MI"[..])].contains(&mark)
}

/// What a file of SVHN holds.
pub(crate) fn svhn(path: &Path) -> Contents {
    let readers = "data = { set = \"svhn\" }, by its published name in svhn/; scipy.io.loadmat";
    let contents = Contents::new("images and labels of SVHN (MATLAB)", readers);
    let (mut pixels, mut labels, mut count) = (Range::default(), Vec::new(), 0);
    let read = caught(path, || {
        let mut add = |image: &[u8]| {
            count += 1;
            pixels.add_stored(Element::U8, image, false);
            Ok(())
        };
        svhn::read(source(path)?, &mut add, &mut labels)
    });
    match read {
        Err(error) => Contents { kind: "a MATLAB file", ..contents }.wrong(error),
        Ok(()) => contents.array("images", "uint8", &[count, 32, 32, 3], Some(pixels)).array(
            "labels",
            "uint8",
            &[labels.len()],
            Some(labels.iter().copied().map(f64::from).collect()),
        ),
    }
}
