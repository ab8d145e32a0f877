//! Pictures.

use std::path::Path;

use image::{DynamicImage, ImageFormat};

use super::ends;
use crate::data::contents::Contents;
use crate::data::element::Element;
use crate::data::own::decode::{Decoded, decode};
use crate::data::range::Range;
use crate::error::{Error, Result};
use crate::files::whole;

/// Who reads pictures.
const READERS: &str = "data = { set = \"images\", folder = ... }; `wta predict` and `wta encode`; any viewer";

/// Whether a file that begins so is a picture of a format that is read.
pub(crate) fn is_picture(start: &[u8]) -> bool {
    image::guess_format(start).is_ok_and(|format| kind(format).is_some())
}

fn kind(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Png => "a picture (PNG)",
        ImageFormat::Jpeg => "a picture (JPEG)",
        ImageFormat::Gif => "a picture (GIF)",
        ImageFormat::Bmp => "a picture (BMP)",
        ImageFormat::Tiff => "a picture (TIFF)",
        ImageFormat::WebP => "a picture (WebP)",
        ImageFormat::Pnm => "a picture (PBM, PGM or PPM)",
        _ => return None,
    })
}

/// What a picture holds.
pub(crate) fn picture(path: &Path) -> Contents {
    let unknown = |error| Contents::new("a picture", READERS).wrong(error);
    let (format, whole) = match look(path) {
        Ok(found) => found,
        Err(error) => return unknown(error),
    };
    let contents = Contents::new(kind(format).unwrap_or("a picture"), READERS);
    match decode(path) {
        Err(error) => contents.wrong(error),
        Ok(Decoded { picture, _turn }) => {
            let contents = with_pixels(contents, &picture);
            // Decoders stop at the last pixel, and so miss that the end is not there.
            if whole {
                contents
            } else {
                contents.wrong(Error::file(path, "is cut off or damaged; get the file again"))
            }
        }
    }
}

/// Its format, and whether its end is there.
fn look(path: &Path) -> Result<(ImageFormat, bool)> {
    let bytes = whole::read(path)?;
    let format = image::guess_format(&bytes);
    let format = format.map_err(|error| Error::file(path, format!("is no picture ({error})")))?;
    Ok((format, ends::is_whole(format, &bytes)))
}

fn with_pixels(contents: Contents, picture: &DynamicImage) -> Contents {
    let (colour, bytes) = (picture.color(), picture.as_bytes());
    let channels = usize::from(colour.channel_count().max(1));
    let element = match usize::from(colour.bytes_per_pixel()) / channels {
        1 => Element::U8,
        2 => Element::U16,
        _ => Element::F32,
    };
    let mut range = Range::default();
    range.add_stored(element, bytes, cfg!(target_endian = "big"));
    let what = match (colour.has_color(), colour.has_alpha()) {
        (false, false) => "grey",
        (false, true) => "grey, with transparency",
        (true, false) => "red, green, blue",
        (true, true) => "red, green, blue, with transparency",
    };
    let shape = [picture.height() as usize, picture.width() as usize, channels];
    contents.with("colours", what).array("pixels", element.name(), &shape, Some(range))
}
