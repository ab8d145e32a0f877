//! Decoding picture files, which are not trusted: the size that a header promises is compared with the file's
//! length, and with the memory that the process may take, before anything is allocated. A decoder that panics
//! is told as a damaged file. Large pictures are decoded one at a time, so that threads do not take the same
//! memory twice.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use wta_core::Size;

use crate::decoders::caught;
use crate::error::{Error, Result};
use crate::memory::{limit, reserve};

/// The most pixels of a side: more must be damage.
pub(super) const MOST_SIDE: u32 = 1 << 16;

/// The most bytes that one byte of a file can become: deflate makes 1032 of it, and each of those may hold
/// eight pixels.
const MOST_INFLATION: u64 = 8 * 1032;

/// A picture that takes more bytes than this while it is decoded is large.
const LARGE: u64 = 64 << 20;

/// Held while a large picture is in memory.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A decoded picture; while it is held, no other large one is decoded.
pub(super) struct Decoded {
    pub(super) picture: DynamicImage,
    pub(super) _turn: Option<MutexGuard<'static, ()>>,
}

/// Decodes a picture.
pub(super) fn decode(path: &Path) -> Result<Decoded> {
    caught(path, || {
        let bytes = read(path)?;
        let mut decoder = decoder(path, &bytes)?;
        // The picture, a copy that is turned or converted, and what both are made of: at most RGBA.
        let (columns, rows) = decoder.dimensions();
        let pixels = u64::from(columns) * u64::from(rows);
        let needed = decoder.total_bytes().saturating_mul(2).saturating_add(pixels.saturating_mul(8));
        let turn = (needed > LARGE).then(|| ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner));
        reserve::expect(needed, || format!("{}: a picture of {rows} x {columns} pixels", path.display()))?;
        // As viewers show it: cameras store pictures as the sensor was held.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        if bytes.starts_with(&JPEG) && !is_whole_jpeg(&bytes) {
            return Err(Error::file(path, "is a JPEG file that is cut off"));
        }
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| damaged(path, &error))?;
        picture.apply_orientation(orientation);
        Ok(Decoded { picture, _turn: turn })
    })
}

/// A picture's rows and columns as it is shown, according to its header.
pub(super) fn size(path: &Path) -> Result<Size> {
    caught(path, || {
        let bytes = read(path)?;
        let mut decoder = decoder(path, &bytes)?;
        let (columns, rows) = decoder.dimensions();
        let turned = matches!(
            decoder.orientation(),
            Ok(Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH)
        );
        let (rows, columns) = if turned { (columns, rows) } else { (rows, columns) };
        Ok(Size::new(rows as usize, columns as usize))
    })
}

/// Whether a picture has colours, as far as its header says; `false` if it cannot be read.
pub(super) fn is_colour(path: &Path) -> bool {
    let looked = caught(path, || {
        let bytes = read(path)?;
        Ok(decoder(path, &bytes)?.color_type().has_color())
    });
    looked.unwrap_or(false)
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::file(path, format!("is no picture, or is damaged ({})", error.to_string().replace('\n', " ")))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is not a file"));
    }
    reserve::expect(metadata.len(), || format!("{}: the file", path.display()))?;
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    if bytes.is_empty() {
        return Err(Error::file(path, "is empty"));
    }
    Ok(bytes)
}

/// The most decoded bytes of a file of this length.
fn most_decoded(len: u64, format: Option<ImageFormat>) -> u64 {
    match format {
        // Each code of LZW is at most one pixel longer than the longest before, and a table has 4,096 of
        // them, which take 6 KiB. A pixel becomes four bytes.
        Some(ImageFormat::Gif) => len.saturating_mul(len.min(2 * 1_366)) / 2 * 4,
        _ => len.saturating_mul(MOST_INFLATION),
    }
}

/// The decoder of a file. It refuses a header that promises more than the file can hold.
fn decoder<'a>(path: &Path, bytes: &'a [u8]) -> Result<impl ImageDecoder + 'a> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| damaged(path, &error))?;
    let most = most_decoded(bytes.len() as u64, reader.format());
    let mut limits = Limits::default();
    // A frame may have a size of its own, which is allocated besides the picture's.
    let twice = most.saturating_mul(2).saturating_add(1 << 20);
    limits.max_alloc = Some(twice.min(limit::left()));
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| damaged(path, &error))?;
    let ((columns, rows), promised) = (decoder.dimensions(), decoder.total_bytes());
    if columns > MOST_SIDE || rows > MOST_SIDE || promised > most {
        return Err(Error::file(
            path,
            format!(
                "has {rows} x {columns} pixels by its header, more than a file of {} bytes can have",
                bytes.len()
            ),
        ));
    }
    Ok(decoder)
}

/// The first two bytes of every JPEG file.
const JPEG: [u8; 2] = [0xff, 0xd8];

/// Whether a JPEG file reaches its end marker. The decoder would silently fill in what is missing.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(JPEG.len()..).unwrap_or_default();
    loop {
        rest = match rest {
            [0xff, 0xd9, ..] => return true,
            // Segments with a length. The data of a scan that follow are skipped byte by byte.
            [0xff, 0x01..=0xcf | 0xda..=0xfe, high, low, ..] => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                rest.get(2 + len.max(2)..).unwrap_or_default()
            }
            [_, rest @ ..] => rest,
            [] => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images")
    }

    #[test]
    fn a_picture_of_one_colour_is_as_small_as_it_can_be_and_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (columns, rows, ending) in
            [(400, 300, "gif"), (60, 40, "gif"), (1_000, 700, "png"), (1_000, 700, "webp")]
        {
            let path = folder.path().join(format!("{columns}.{ending}"));
            image::RgbImage::from_pixel(columns, rows, image::Rgb([9, 9, 9])).save(&path).unwrap();
            assert_eq!(decode(&path).unwrap().picture.width(), columns, "{ending}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for file in [
            "grey.png",
            "colour.png",
            "grey16.png",
            "colour.jpg",
            "progressive.jpg",
            "cmyk.jpg",
            "grey.pgm",
            "grey16.pgm",
        ] {
            let whole = fs::read(fixtures().join(file)).unwrap();
            for cut in 0..whole.len() {
                fs::write(&path, &whole[..cut]).unwrap();
                match decode(&path) {
                    Err(error) => assert!(!error.to_string().contains('\n'), "{file} at {cut}: {error}"),
                    // A PNG file's last chunk only marks the end; the checksums are before it.
                    Ok(_) => assert!(
                        file.ends_with(".png") && cut + 24 > whole.len(),
                        "{file} is read when cut at {cut}"
                    ),
                }
            }
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 0xff;
                fs::write(&path, &bytes).unwrap();
                let _ = decode(&path);
            }
        }
    }

    #[test]
    fn absurd_headers_allocate_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut png = fs::read(fixtures().join("grey.png")).unwrap();
        for side in [16..20, 20..24] {
            png[side].copy_from_slice(&100_000u32.to_be_bytes());
        }
        let checksum = crc32fast::hash(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let mut jpeg = fs::read(fixtures().join("colour.jpg")).unwrap();
        let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].fill(0xff);
        for bytes in
            [png, jpeg, b"P5\n100000 100000\n255\nabc".to_vec(), b"P5\n60000 60000\n255\nabc".to_vec()]
        {
            fs::write(&path, &bytes).unwrap();
            let sentence = decode(&path).err().unwrap().to_string();
            assert!(sentence.contains("pixels by its header, more than a file of"), "{sentence}");
        }
    }
}
