//! The IDX format of the MNIST files: `00 00`, the type of the elements, the number of dimensions, each
//! dimension as a big-endian 32-bit number, then the elements.
//!
//! Only unsigned bytes are read. The header is not trusted: the length that it promises is compared with the
//! file's before anything is allocated.

use crate::data::source::Source;
use crate::error::{Error, Result};

/// The type code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 8;

/// Images of one byte a pixel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Images {
    pub(super) count: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Image by image, row by row: `count * height * width` bytes, at least one.
    pub(super) pixels: Vec<u8>,
}

/// Reads a file of images.
pub(super) fn images(source: Source<'_>) -> Result<Images> {
    let ([count, height, width], pixels) = elements(source, "images")?;
    Ok(Images { count, height, width, pixels })
}

/// Reads a file of labels, at least one.
pub(super) fn labels(source: Source<'_>) -> Result<Vec<u8>> {
    elements::<1>(source, "labels").map(|(_, labels)| labels)
}

/// Reads a whole file whose header must have `N` dimensions.
fn elements<const N: usize>(mut source: Source<'_>, what: &str) -> Result<([usize; N], Vec<u8>)> {
    let (sizes, promise) = header(&mut source, what)?;
    let bytes = source.read(promise)?;
    end(&mut source, (sizes, promise), bytes.len() as u64, what)?;
    Ok((sizes.map(|size| size as usize), bytes))
}

/// Calls `each` with all elements of a file, some at a time. The header must have `N` dimensions, which are
/// returned.
pub(super) fn each<const N: usize>(
    mut source: Source<'_>,
    what: &str,
    mut each: impl FnMut(&[u8]),
) -> Result<[usize; N]> {
    let (sizes, promise) = header(&mut source, what)?;
    let (mut piece, mut seen) = (vec![0; 1 << 16], 0);
    while seen < promise {
        let most = (promise - seen).min(piece.len() as u64) as usize;
        let read = source.fill(piece.get_mut(..most).unwrap_or_default())?;
        if read == 0 {
            break;
        }
        each(piece.get(..read).unwrap_or_default());
        seen += read as u64;
    }
    end(&mut source, (sizes, promise), seen, what)?;
    Ok(sizes.map(|size| size as usize))
}

/// Reads the header, which must have `N` dimensions and promise no more than the file may hold. Returns them
/// and the bytes that they promise.
fn header<const N: usize>(source: &mut Source<'_>, what: &str) -> Result<([u32; N], u64)> {
    let name = source.name().to_path_buf();
    let refuse = |problem: String| Err(Error::file(&name, problem));
    if source.stored() == 0 {
        return refuse("is empty; get the file again".to_owned());
    }
    let mut magic = [0; 4];
    let mut words = [[0; 4]; N];
    if source.fill(&mut magic)? < magic.len() {
        return refuse("is cut off inside its header; get the file again".to_owned());
    }
    let [zero, also_zero, element, dimensions] = magic;
    if (zero, also_zero) != (0, 0) {
        let [a, b, c, d] = magic;
        return refuse(format!(
            "is not an IDX file: it starts with {a:02x} {b:02x} {c:02x} {d:02x}, not with 00 00; get the file again"
        ));
    }
    if element != UNSIGNED_BYTE {
        return refuse(format!(
            "has elements of IDX type 0x{element:02x}, but {what} are unsigned bytes, 0x08; give the file of {what}"
        ));
    }
    if usize::from(dimensions) != N {
        return refuse(format!("has {dimensions} dimensions, but {what} have {N}; give the file of {what}"));
    }
    if source.fill(words.as_flattened_mut())? < 4 * N {
        return refuse("is cut off inside its header; get the file again".to_owned());
    }

    let sizes = words.map(u32::from_be_bytes);
    let shape = sizes.map(|size| size.to_string()).join(" x ");
    if sizes.contains(&0) {
        return refuse(format!("holds no {what}: its header says {shape}; get the file again"));
    }
    let room = source.most().saturating_sub(4 + 4 * N as u64);
    let promise = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(u64::from(*size)));
    let Some(promise) = promise.filter(|promise| *promise <= room) else {
        return refuse(format!(
            "is cut off: its header promises {shape} bytes of {what}, but a file of {} bytes holds at most {room}; \
             get the file again",
            source.stored()
        ));
    };
    Ok((sizes, promise))
}

/// `Ok` if a file ends behind as many bytes as its header promises, of which `seen` have been read.
fn end<const N: usize>(
    source: &mut Source<'_>,
    (sizes, promise): ([u32; N], u64),
    seen: u64,
    what: &str,
) -> Result<()> {
    let name = source.name().to_path_buf();
    let refuse = |problem: String| Err(Error::file(&name, problem));
    let shape = sizes.map(|size| size.to_string()).join(" x ");
    if seen < promise {
        return refuse(format!(
            "is cut off: its header promises {shape} bytes of {what}, but there are {seen}; get the file again"
        ));
    }
    // In a gzip file, reading on also compares the checksum, which comes last.
    if source.fill(&mut [0])? > 0 {
        return refuse(format!(
            "has more than the {shape} bytes of {what} in its header; get the file again"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::source::tests::gzip;

    fn file(sizes: &[u32], elements: usize) -> Vec<u8> {
        let mut file = vec![0, 0, 8, sizes.len() as u8];
        sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend((0..elements).map(|i| (i * 37 % 251) as u8));
        file
    }

    fn read(bytes: &[u8]) -> Result<Images> {
        images(Source::bytes(bytes, Path::new("some/file"))?)
    }

    fn read_labels(bytes: &[u8]) -> Result<Vec<u8>> {
        labels(Source::bytes(bytes, Path::new("some/file"))?)
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
        let sentence = result.unwrap_err().to_string();
        assert!(sentence.starts_with("some/file: ") && !sentence.contains('\n'), "{sentence}");
        assert!(sentence.contains(expected) && sentence.contains("; g"), "{sentence} / {expected}");
    }

    #[test]
    fn images_and_labels_are_read() {
        let plain = file(&[2, 3, 4], 24);
        let images = read(&plain).unwrap();
        assert_eq!((images.count, images.height, images.width), (2, 3, 4));
        assert_eq!(images.pixels, plain[16..]);
        assert_eq!(read(&gzip(&plain)).unwrap(), images);
        assert_eq!(read_labels(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9]).unwrap(), [7, 9]);
        let blank = [&file(&[1000, 28, 28], 0)[..], &vec![0; 784_000]].concat();
        assert_eq!(read(&gzip(&blank)).unwrap().count, 1000, "the best compression there is");
    }

    #[test]
    fn headers_are_checked() {
        refused(read(b""), "is empty");
        refused(read(&gzip(b"")), "cut off inside its header");
        refused(read(&[0, 0, 8]), "cut off inside its header");
        refused(read(&file(&[2, 3, 4], 24)[..15]), "cut off inside its header");
        refused(read(b"<html>not found</html>"), "is not an IDX file: it starts with 3c 68 74 6d");
        refused(read(&[0, 0, 13, 3, 0, 0, 0, 1]), "IDX type 0x0d");
        refused(read(&file(&[5], 5)), "has 1 dimensions, but images have 3; give the file of images");
        refused(read_labels(&file(&[2, 3, 4], 24)), "has 3 dimensions, but labels have 1");
        refused(read(&file(&[0, 28, 28], 0)), "holds no images: its header says 0 x 28 x 28");
        refused(read(&file(&[3, 28, 0], 0)), "holds no images");
        refused(read_labels(&file(&[0], 0)), "holds no labels");
    }

    #[test]
    fn sizes_are_checked_before_anything_is_allocated() {
        refused(
            read(&file(&[2, 3, 4], 23)),
            "promises 2 x 3 x 4 bytes of images, but a file of 39 bytes holds at most 23",
        );
        refused(read(&file(&[2, 3, 4], 25)), "has more than the 2 x 3 x 4 bytes");
        let four_billion = file(&[4_000_000_000, 28, 28], 100);
        let overflowing = file(&[u32::MAX; 3], 100);
        for lie in [&four_billion, &overflowing] {
            refused(read(lie), "but a file of 116 bytes holds at most 100");
            refused(read(&gzip(lie)), "holds at most");
        }
    }

    #[test]
    fn compressed_sizes_are_checked_too() {
        let whole = gzip(&file(&[50, 28, 28], 50 * 784));
        assert_eq!(read(&whole).unwrap().count, 50);
        refused(read(&whole[..whole.len() / 2]), "is a gzip file that is cut off");
        refused(read(&whole[..whole.len() - 1]), "is a gzip file that is cut off");
        refused(read(&gzip(&file(&[2, 3, 4], 23))), "promises 2 x 3 x 4 bytes of images, but there are 23");
        refused(read(&gzip(&file(&[2, 3, 4], 25))), "has more than the 2 x 3 x 4 bytes");
        refused(read(&[&whole[..], b"junk"].concat()), "other bytes follow its end");
        let mut damaged = whole.clone();
        let last = damaged.len() - 1;
        damaged[last - 7] ^= 1;
        refused(read(&damaged), "is a damaged gzip file");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read_labels(&bytes);
            let _ = read(&[&[0x1f, 0x8b, 8, 0][..], &bytes].concat());
            let _ = read(&gzip(&bytes));
        }

        #[test]
        fn any_sizes_are_read_or_refused(sizes in any::<[u32; 3]>(), elements in 0usize..200) {
            let bytes = file(&sizes, elements);
            let whole = sizes.iter().map(|size| u128::from(*size)).product::<u128>() == elements as u128;
            prop_assert_eq!(read(&bytes).is_ok(), whole && elements > 0);
            prop_assert_eq!(read(&gzip(&bytes)).is_ok(), whole && elements > 0);
        }

        #[test]
        fn small_sizes_are_read_when_they_fit(sizes in prop::array::uniform3(0u32..4), elements in 0usize..30) {
            let fits = sizes.iter().product::<u32>() as usize == elements && elements > 0;
            prop_assert_eq!(read(&file(&sizes, elements)).is_ok(), fits);
        }

        #[test]
        fn every_truncation_is_refused(share in 0.0..1.0f64) {
            let plain = file(&[20, 5, 5], 500);
            let packed = gzip(&plain);
            for whole in [plain, packed] {
                let cut = (share * whole.len() as f64) as usize;
                prop_assert!(read(&whole[..cut.min(whole.len() - 1)]).is_err());
            }
        }

        #[test]
        fn a_changed_byte_does_not_panic(at in any::<prop::sample::Index>(), with in any::<u8>()) {
            for mut bytes in [file(&[20, 5, 5], 500), gzip(&file(&[20, 5, 5], 500))] {
                let at = at.index(bytes.len());
                bytes[at] = with;
                let _ = read(&bytes);
            }
        }
    }
}
