//! Whether the end of a picture or a recording is there. Decoders read to the last pixel, and not to the end.

use image::ImageFormat;

/// Whether a picture reaches the end that its format gives it. What no format says is taken for whole.
pub(super) fn is_whole(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Png => png(bytes),
        ImageFormat::Gif => gif(bytes).is_some(),
        // A writer that did not know the length has left a 0.
        ImageFormat::Bmp => little(bytes, 2).is_some_and(|len| len as usize <= bytes.len()),
        ImageFormat::Tiff => tiff(bytes).is_some(),
        ImageFormat::WebP => riff(bytes, bytes.len() as u64),
        // The decoder itself sees to it.
        _ => true,
    }
}

/// Whether a file of `len` bytes that begins with these is as long as its RIFF header says. A program that
/// wrote into a pipe did not know the length, and left a 0 or the largest number.
pub(super) fn riff(start: &[u8], len: u64) -> bool {
    little(start, 4).is_some_and(|size| size == u32::MAX || u64::from(size) + 8 <= len)
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

/// Chunks of a length, four letters, data and a checksum; the last is `IEND`. Decoders do not compare all of
/// the checksums.
fn png(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let [a, b, c, d, chunk @ ..] = rest {
        let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some((named, after)) = len.checked_add(4).and_then(|len| chunk.split_at_checked(len)) else {
            return false;
        };
        let Some((sum, next)) = after.split_first_chunk() else { return false };
        if u32::from_be_bytes(*sum) != crc32fast::hash(named) {
            return false;
        }
        if named.starts_with(b"IEND") {
            return true;
        }
        rest = next;
    }
    false
}

/// What follows the trailer of a GIF file, if it is there.
fn gif(bytes: &[u8]) -> Option<&[u8]> {
    // A table of colours, by the flags of a picture or a file.
    let table = |flags: u8| if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0usize };
    let mut rest = bytes.get(13 + table(*bytes.get(10)?)..)?;
    loop {
        let (data, flags) = match rest.first()? {
            0x3b => return rest.get(1..),
            0x21 => (2, 0),
            0x2c => (11, *rest.get(9)?),
            // Bytes between blocks, which decoders skip, too.
            _ => {
                rest = rest.get(1..)?;
                continue;
            }
        };
        rest = rest.get(data + table(flags)..)?;
        loop {
            let len = usize::from(*rest.first()?);
            rest = rest.get(1 + len..)?;
            if len == 0 {
                break;
            }
        }
    }
}

/// `Some` if all directories of a TIFF file, and all that they point to, lie in the file.
fn tiff(bytes: &[u8]) -> Option<()> {
    /// More pages than this are a circle.
    const MOST_PAGES: usize = 1 << 16;
    let big = bytes.starts_with(b"MM");
    let short = |at: usize| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(usize::from(if big { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) }))
    };
    let long = |at: usize| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) } as usize)
    };
    // BigTIFF, with longer numbers: the decoder's business.
    if short(2)? != 42 {
        return Some(());
    }
    let mut at = long(4)?;
    for _ in 0..MOST_PAGES {
        if at == 0 {
            return Some(());
        }
        let entries = short(at)?;
        let (mut places, mut lengths) = (Vec::new(), Vec::new());
        for entry in (0..entries).map(|entry| at + 2 + 12 * entry) {
            let (tag, kind, count) = (short(entry)?, short(entry + 2)?, long(entry + 4)?);
            let size = match kind {
                1 | 2 | 6 | 7 => 1,
                3 | 8 => 2,
                5 | 10 | 12 => 8,
                _ => 4,
            };
            let len = count.checked_mul(size)?;
            let values = if len <= 4 { entry + 8 } else { long(entry + 8)? };
            bytes.get(values..values.checked_add(len)?)?;
            let value = |index| if size == 2 { short(values + 2 * index) } else { long(values + 4 * index) };
            match tag {
                // Where strips or tiles begin, and their lengths.
                273 | 324 => places = (0..count).map(value).collect::<Option<Vec<_>>>()?,
                279 | 325 => lengths = (0..count).map(value).collect::<Option<Vec<_>>>()?,
                _ => {}
            }
        }
        for (place, len) in places.into_iter().zip(lengths) {
            bytes.get(place..place.checked_add(len)?)?;
        }
        at = long(at + 2 + 12 * entries)?;
    }
    None
}
