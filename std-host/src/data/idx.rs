//! The IDX format of the MNIST files: a magic number, the dimensions, then bytes.
//!
//! `00 00 08 N`, then N big-endian 32-bit sizes; 08 means unsigned bytes. A header is believed only as far as the
//! file has the bytes for it: nothing is allocated by its word.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// What can be meant by a file that is larger than this is not a set of small images.
const MOST_BYTES: u64 = 8 << 30;

/// Images of one byte a pixel.
pub(super) struct Images {
    pub(super) count: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pixels: Vec<u8>,
}

/// Reads images from a file, gzip-compressed when its name ends in `.gz`.
pub(super) fn read_images(path: &Path) -> Result<Images> {
    open(path, images)
}

/// Reads labels.
pub(super) fn read_labels(path: &Path) -> Result<Vec<u8>> {
    open(path, labels)
}

fn open<T>(path: &Path, parse: impl FnOnce(&mut dyn Read, Option<u64>, &Path) -> Result<T>) -> Result<T> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io("read", path, e))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is not a file"));
    }
    let mut reader = BufReader::new(file);
    if path.extension().is_some_and(|extension| extension == "gz") {
        parse(&mut MultiGzDecoder::new(reader), None, path)
    } else {
        parse(&mut reader, Some(metadata.len()), path)
    }
}

/// Parses images; `length` is the source's, when known.
pub(super) fn images(from: &mut dyn Read, length: Option<u64>, path: &Path) -> Result<Images> {
    let (sizes, pixels) = content::<3>(from, length, path, "images")?;
    let [count, height, width] = sizes;
    if height == 0 || width == 0 {
        return Err(Error::file(
            path,
            format!("has images of {height} x {width} pixels; get the file again"),
        ));
    }
    Ok(Images { count, height, width, pixels })
}

/// Parses labels; `length` is the source's, when known.
pub(super) fn labels(from: &mut dyn Read, length: Option<u64>, path: &Path) -> Result<Vec<u8>> {
    content::<1>(from, length, path, "labels").map(|(_, labels)| labels)
}

fn content<const N: usize>(
    from: &mut dyn Read,
    length: Option<u64>,
    path: &Path,
    what: &str,
) -> Result<([usize; N], Vec<u8>)> {
    let magic = word(from, path)?;
    if magic != [0, 0, 8, N as u8] {
        let [a, b, c, d] = magic;
        return Err(Error::file(
            path,
            format!(
                "is not an IDX file of {what}: it starts with {a:02x}{b:02x}{c:02x}{d:02x}, not 000008{N:02x}"
            ),
        ));
    }
    let mut sizes = [0usize; N];
    for size in &mut sizes {
        *size = u32::from_be_bytes(word(from, path)?) as usize;
    }
    let promised = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size as u64));
    let dimensions = sizes.map(|size| size.to_string()).join(" x ");
    let absurd =
        || Error::file(path, format!("promises {dimensions} bytes of {what}, which cannot be; get it again"));
    let promised = promised.filter(|p| *p <= MOST_BYTES).ok_or_else(absurd)?;
    if promised == 0 {
        return Err(Error::file(path, format!("holds no {what} ({dimensions})")));
    }
    if let Some(length) = length {
        let header = 4 + 4 * N as u64;
        let found = length.saturating_sub(header);
        if found < promised {
            return Err(truncated(path, &dimensions, promised, found));
        }
    }
    // With a known length this is what the file has; in a compressed one it grows as the bytes come.
    let mut bytes = Vec::new();
    let read = from.take(promised).read_to_end(&mut bytes);
    match read {
        Err(error) if is_cut(&error) => {
            return Err(truncated(path, &dimensions, promised, bytes.len() as u64));
        }
        Err(error) => return Err(damaged(path, &error)),
        Ok(_) if (bytes.len() as u64) < promised => {
            return Err(truncated(path, &dimensions, promised, bytes.len() as u64));
        }
        Ok(_) => {}
    }
    let mut more = [0];
    match from.read(&mut more) {
        Ok(0) => Ok((sizes, bytes)),
        Ok(_) => Err(Error::file(
            path,
            format!("has more bytes than the {dimensions} of its header; get it again"),
        )),
        Err(error) if is_cut(&error) => {
            Err(Error::file(path, "is cut off inside its gzip trailer; get it again"))
        }
        Err(error) => Err(damaged(path, &error)),
    }
}

fn word(from: &mut dyn Read, path: &Path) -> Result<[u8; 4]> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes).map_err(|error| {
        if is_cut(&error) {
            Error::file(path, "is cut off inside its header; get it again")
        } else {
            damaged(path, &error)
        }
    })?;
    Ok(bytes)
}

fn is_cut(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::UnexpectedEof
}

fn truncated(path: &Path, dimensions: &str, promised: u64, found: u64) -> Error {
    Error::file(
        path,
        format!(
            "is cut off: {dimensions} needs {promised} bytes after the header, but there are {found}; get it again"
        ),
    )
}

fn damaged(path: &Path, error: &std::io::Error) -> Error {
    Error::file(path, format!("cannot be decompressed or read ({error}); get it again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn image_file(count: u32, height: u32, width: u32, bytes: usize) -> Vec<u8> {
        let mut file = vec![0, 0, 8, 3];
        [count, height, width].iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend((0..bytes).map(|i| i as u8));
        file
    }

    fn parse(file: &[u8], known: bool) -> Result<Images> {
        images(&mut &file[..], known.then_some(file.len() as u64), Path::new("x"))
    }

    fn refused(file: &[u8], needle: &str) {
        for known in [true, false] {
            let error = parse(file, known).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(needle) && !error.contains('\n'), "{error:?} should say {needle:?}");
        }
    }

    #[test]
    fn a_good_file_is_read() {
        let images = parse(&image_file(2, 3, 4, 24), true).unwrap();
        assert_eq!((images.count, images.height, images.width, images.pixels.len()), (2, 3, 4, 24));
        assert_eq!(labels(&mut &[0, 0, 8, 1, 0, 0, 0, 2, 7, 9][..], None, Path::new("x")).unwrap(), [7, 9]);
    }

    #[test]
    fn bad_files_are_refused_in_one_sentence() {
        refused(&[], "cut off inside its header");
        refused(&[0, 0, 8, 3, 0, 0], "cut off inside its header");
        refused(&[0, 0, 13, 3, 0, 0, 0, 1], "not an IDX file");
        refused(&image_file(2, 3, 4, 23), "needs 24 bytes");
        refused(&image_file(2, 3, 4, 25), "more bytes");
        refused(&image_file(4_000_000_000, 28, 28, 100), "cannot be");
        refused(&image_file(u32::MAX, u32::MAX, u32::MAX, 100), "cannot be");
        refused(&image_file(100_000, 28, 28, 100), "cut off");
        refused(&image_file(0, 28, 28, 0), "holds no images");
        refused(&image_file(5, 0, 28, 0), "holds no images");
    }

    #[test]
    fn gzip_is_read_and_half_of_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&image_file(50, 28, 28, 50 * 784)).unwrap();
        let whole = encoder.finish().unwrap();
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read_images(&path).unwrap().count, 50);
        for cut in [0, 5, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let error = read_images(&path).err().unwrap().to_string();
            assert!(error.contains("cut off"), "{cut}: {error}");
        }
        std::fs::write(&path, image_file(1, 2, 2, 4)).unwrap();
        assert!(read_images(&path).is_err(), "not gzip at all");
        assert!(read_images(folder.path()).err().unwrap().to_string().contains("is not a file"));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), cut in 0usize..40) {
            let _ = parse(&bytes, true);
            let _ = parse(&bytes, false);
            let good = image_file(2, 3, 4, 24);
            let result = parse(&good[..cut.min(good.len())], cut % 2 == 0);
            prop_assert_eq!(result.is_ok(), cut >= good.len());
        }
    }
}
