//! A file, by its first bytes.

use std::path::Path;

use wta_core::model::MAGIC;

use super::finding::Finding;
use super::{device, recipe, tensors, text};
use crate::data::{Head, head, own_contents as own, published_contents as published, unpacked};
use crate::error::{Error, Result};
use crate::export::onnx;
use crate::files::whole;

/// The kinds of files, as far as the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Empty,
    Device,
    Npy,
    Npz,
    Picture,
    Wave,
    Safetensors,
    Matlab,
    Idx,
    Onnx,
    Cifar10,
    Gzip,
    /// Text in UTF-16.
    Wide,
    Text,
    Unknown,
}

/// Looks at a file.
pub(super) fn inspect(path: &Path) -> Result<Finding> {
    let head = head(path)?;
    let format = format(path, &head);
    let finding = Finding::new(path, head.len);
    let finding = match format {
        Format::Empty => return Ok(finding.of("an empty file", "nobody").wrong("holds nothing".to_owned())),
        Format::Device => device::inspect(finding, &whole::read(path)?)?,
        Format::Npy => finding.holding(own::npy(path)),
        Format::Npz => finding.holding(own::npz(path)),
        Format::Picture => finding.holding(own::picture(path)),
        Format::Wave => finding.holding(own::wave(path)),
        Format::Safetensors => tensors::inspect(finding, &whole::read(path)?),
        Format::Matlab => finding.holding(published::svhn(path)),
        Format::Idx => {
            finding.holding(published::idx(path, head.content.get(3).copied().unwrap_or(0)))
        }
        Format::Onnx => finding.holding(onnx::look(path)),
        Format::Cifar10 => finding.holding(published::cifar10(path)),
        Format::Gzip => gzip(finding, path, &head),
        Format::Wide => recipe::wide(finding, &whole::read(path)?),
        Format::Text => text::inspect(finding, path, &head)?,
        Format::Unknown => finding.wrong(
            "is no file of `wta`: neither numbers, nor pictures, nor a recipe, nor any other file that it knows"
                .to_owned(),
        ),
    };
    let packed = head.stored.starts_with(&GZIP) && format != Format::Gzip;
    let finding = if packed { finding.with("stored", "compressed by gzip") } else { finding };
    // What is damaged has said so; a second sentence about the name would only repeat it.
    let misnamed = misnamed(path, format).filter(|_| finding.problems.is_empty());
    Ok(match misnamed {
        Some(ending) => {
            let problem = format!("is called .{ending}, but is {}; rename it, or get it again", finding.kind);
            finding.wrong(problem)
        }
        None => finding,
    })
}

/// The first two bytes of what gzip compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

fn format(path: &Path, head: &Head) -> Format {
    let (start, len) = (&head.content[..], head.len);
    let packed = head.stored.starts_with(&GZIP);
    match start {
        [] if len == 0 => Format::Empty,
        // What data sets are read from may be compressed, other files not.
        _ if is_idx(start) => Format::Idx,
        _ if published::is_matlab(start) => Format::Matlab,
        _ if published::is_named_cifar10(path) && !is_text(start) => Format::Cifar10,
        _ if packed => Format::Gzip,
        _ if start.starts_with(&MAGIC) || (start.len() >= 4 && MAGIC.starts_with(start)) => Format::Device,
        _ if start.starts_with(b"\x93NUMPY") => Format::Npy,
        _ if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") => Format::Npz,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Format::Wave,
        _ if own::is_picture(start) && !is_words(start) => Format::Picture,
        _ if is_safetensors(start) => Format::Safetensors,
        _ if onnx::is_onnx(start) => Format::Onnx,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Format::Wide,
        _ if is_text(start) => Format::Text,
        _ if published::is_cifar10(start, len) => Format::Cifar10,
        _ => Format::Unknown,
    }
}

/// Whether a text merely begins with the two or three letters that stand for a picture: `BM`, `P3`.
fn is_words(start: &[u8]) -> bool {
    match start {
        [b'B', b'M', ..] => is_text(start),
        [b'P', b'1'..=b'7', rest @ ..] => !rest.first().is_some_and(u8::is_ascii_whitespace),
        _ => false,
    }
}

/// Whether a header of JSON begins behind 8 bytes of its length. These have a zero, and a text has none. All
/// else in a file whose numbers are 0 may be text.
fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{') && bytes.iter().take(8).any(|byte| *byte == 0)
}

/// Whether a file begins as MNIST's do: two zeros, the type of the elements, the number of dimensions. The
/// length of a safetensors file may begin so, too.
fn is_idx(start: &[u8]) -> bool {
    matches!(start, [0, 0, 8..=9 | 0x0b..=0x0e, 1..=8, ..]) && !is_safetensors(start)
}

/// Whether bytes are text of one byte a character: without the control characters that no text has.
fn is_text(start: &[u8]) -> bool {
    !start.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1f | 0x7f))
}

/// The ending of a name that promises another format.
fn misnamed(path: &Path, format: Format) -> Option<String> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    let promised = match ending.as_str() {
        "wta" => Format::Device,
        "npy" => Format::Npy,
        "npz" => Format::Npz,
        "safetensors" => Format::Safetensors,
        "wav" => Format::Wave,
        "mat" => Format::Matlab,
        "onnx" => Format::Onnx,
        "bmp" | "gif" | "jfif" | "jpe" | "jpeg" | "jpg" | "pbm" | "pgm" | "png" | "pnm" | "ppm" | "tif"
        | "tiff" | "webp" => Format::Picture,
        "toml" | "json" | "csv" | "tsv" | "txt" | "html" | "md" | "svm" => Format::Text,
        _ => return None,
    };
    let wide = promised == Format::Text && format == Format::Wide;
    (promised != format && !wide).then_some(ending)
}

/// What gzip compressed and `wta` does not read in this form.
fn gzip(finding: Finding, path: &Path, head: &Head) -> Finding {
    let start = &head.content[..];
    let (kind, readers) = if start.get(257..262) == Some(b"ustar") {
        ("an archive (tar, compressed by gzip)", "tar; `wta data`, if it is CIFAR-10's")
    } else if is_text(start) && own::is_examples(start, false) {
        ("labelled examples (LIBSVM's text, compressed by gzip)", "gunzip; `wta svm`, once it is unpacked")
    } else {
        ("a file compressed by gzip", "gunzip; `wta`, if it knows the file that comes out")
    };
    let finding = finding.of(kind, readers);
    match unpacked(path) {
        Err(error) => finding.refused(&error),
        Ok(len) if published::is_cifar10(start, len) => finding.holding(published::cifar10(path)),
        Ok(len) => finding.with("unpacked", format!("{len} bytes")),
    }
}

/// A finding of what cannot be looked at: it is not there, or cannot be read.
pub(super) fn unreadable(path: &Path, error: &Error) -> Finding {
    Finding::new(path, 0).of("a file that cannot be read", "nobody").refused(error)
}
