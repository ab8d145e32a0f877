//! The pixels of a picture file, resized and cropped to the wanted size, whole or as random patches.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbImage};
use wta_core::Random;

use crate::decoders::caught;
use crate::error::{Error, Result};
use crate::memory::reserve;

use super::decode::{Decoded, decode};
use super::keys::ImageFolder;

/// A picture of bytes.
enum Raster {
    Grey(GrayImage),
    Colour(RgbImage),
}

/// The images of a file: its centre, or `count` random patches.
pub(super) fn cut(path: &Path, keys: &ImageFolder, count: usize, random: Random) -> Result<Vec<Vec<u8>>> {
    caught(path, || cut_out(path, keys, count, random))
}

fn cut_out(path: &Path, keys: &ImageFolder, count: usize, mut random: Random) -> Result<Vec<Vec<u8>>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let Decoded { picture, _turn } = decode(path)?;
    let (size, _) = keys.shape();
    let (height, width) = (size.height as u32, size.width as u32);
    let (columns, rows) = (picture.width(), picture.height());
    if columns == 0 || rows == 0 {
        return Err(Error::file(path, "is a picture without pixels"));
    }
    let scale = match (keys.shorter_side, keys.patches) {
        (Some(side), _) => f64::from(side) / f64::from(columns.min(rows)),
        (None, None) => (f64::from(width) / f64::from(columns)).max(f64::from(height) / f64::from(rows)),
        (None, Some(_)) => 1.0,
    };
    let scaled = |side: u32, least: u32| {
        let rounded = (f64::from(side) * scale).round().min(f64::from(u32::MAX)) as u32;
        // Rounding must not make the picture smaller than the size that it has to cover.
        if scale == 1.0 { side } else { rounded.max(least) }
    };
    let (columns, rows) = (scaled(columns, width), scaled(rows, height));
    if columns < width || rows < height {
        return Err(Error::file(
            path,
            format!(
                "has {rows} x {columns} pixels, fewer than a patch of {height} x {width}; set data.shorter_side"
            ),
        ));
    }
    if scale != 1.0 {
        // First the rows, as floats with four channels, then the columns.
        let halfway = u64::from(picture.width()).saturating_mul(u64::from(rows)).saturating_mul(16);
        let resized = u64::from(columns).saturating_mul(u64::from(rows)).saturating_mul(20);
        reserve::expect(halfway.saturating_add(resized), || {
            format!("{}: a picture resized to {rows} x {columns} pixels", path.display())
        })?;
    }
    let picture = on_background(picture, keys.background.min(255));
    let raster = if keys.colour { Raster::Colour(picture.into_rgb8()) } else { Raster::Grey(grey(picture)) };
    let raster = match raster {
        raster if scale == 1.0 => raster,
        Raster::Grey(picture) => {
            Raster::Grey(imageops::resize(&picture, columns, rows, FilterType::Triangle))
        }
        Raster::Colour(picture) => {
            Raster::Colour(imageops::resize(&picture, columns, rows, FilterType::Triangle))
        }
    };
    let (left, top) = (columns - width, rows - height);
    if count == 1 && (left, top) == (0, 0) {
        // The whole picture, which may be large, is not copied.
        return Ok(vec![match raster {
            Raster::Grey(picture) => picture.into_raw(),
            Raster::Colour(picture) => picture.into_raw(),
        }]);
    }
    let images = (0..count).map(|_| {
        let (x, y) = match keys.patches {
            None => (left / 2, top / 2),
            Some(_) => (random.below(left + 1), random.below(top + 1)),
        };
        match &raster {
            Raster::Grey(picture) => imageops::crop_imm(picture, x, y, width, height).to_image().into_raw(),
            Raster::Colour(picture) => imageops::crop_imm(picture, x, y, width, height).to_image().into_raw(),
        }
    });
    Ok(images.collect())
}

/// A picture on a background of this grey: what is transparent shows it.
fn on_background(picture: DynamicImage, background: u32) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let is_grey = !picture.color().has_color();
    let transparent = picture.to_rgba8();
    let mut flat = RgbImage::new(transparent.width(), transparent.height());
    for (to, pixel) in flat.pixels_mut().zip(transparent.pixels()) {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        let mixed = |colour: u32| ((colour * alpha + background * (255 - alpha) + 127) / 255) as u8;
        to.0 = [red, green, blue].map(mixed);
    }
    let flat = DynamicImage::ImageRgb8(flat);
    // The three colours are equal, so that the conversion to grey would only round.
    if is_grey { DynamicImage::ImageLuma8(flat.to_luma8()) } else { flat }
}

/// Luminance with the weights of ITU-R 601, as in Pillow and MATLAB.
fn grey(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_color() {
        return picture.into_luma8();
    }
    let picture = picture.into_rgb8();
    let mut grey = GrayImage::new(picture.width(), picture.height());
    for (to, pixel) in grey.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue] = pixel.0.map(u32::from);
        to.0 = [((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8];
    }
    grey
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use safetensors::SafeTensors;

    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images")
    }

    fn keys(text: &str) -> ImageFolder {
        toml::from_str(&format!("folder = 'pictures'\n{text}")).unwrap()
    }

    /// The largest difference between a file decoded by this module and by Pillow.
    fn difference(file: &str, colour: bool) -> u8 {
        let stored = fs::read(fixtures().join(format!("{file}.safetensors"))).unwrap();
        let tensors = SafeTensors::deserialize(&stored).unwrap();
        let expected = tensors.tensor(if colour { "rgb" } else { "grey" }).unwrap();
        let keys =
            keys(&format!("size = [{}, {}]\ncolour = {colour}", expected.shape()[0], expected.shape()[1]));
        let found = cut(&fixtures().join(file), &keys, 1, Random::stream(0, 0)).unwrap();
        assert_eq!(found[0].len(), expected.data().len(), "{file}");
        found[0].iter().zip(expected.data()).map(|(found, expected)| found.abs_diff(*expected)).max().unwrap()
    }

    #[test]
    fn pictures_are_those_of_pillow() {
        for file in [
            "colour.png",
            "palette.png",
            "alpha.png",
            "colour.webp",
            "colour.bmp",
            "colour.tif",
            "colour.gif",
        ] {
            assert_eq!((difference(file, true), difference(file, false)), (0, 0), "{file}");
        }
        // Decoders may round the inverse transform differently.
        for (file, most) in
            [("colour.jpg", 3), ("progressive.jpg", 3), ("grey.jpg", 2), ("cmyk.jpg", 4), ("turned.jpg", 3)]
        {
            let (colour, grey) = (difference(file, true), difference(file, false));
            assert!(colour <= most && grey <= most, "{file}: {colour} {grey}");
        }
    }

    #[test]
    fn transparent_pictures_lie_on_the_background() {
        let on = |background: u8| {
            let keys = keys(&format!("size = [10, 12]\ncolour = false\nbackground = {background}"));
            cut(&fixtures().join("alpha.png"), &keys, 1, Random::stream(0, 0)).unwrap().remove(0)
        };
        assert_eq!((on(255)[0], on(7)[0], on(0)[0]), (255, 7, 0), "the first pixel is transparent");
        assert_ne!(on(255), on(0));
    }

    #[test]
    fn deep_pictures_are_rounded_to_bytes() {
        let keys = keys("size = [10, 12]\ncolour = false");
        let bytes =
            |file: &str| cut(&fixtures().join(file), &keys, 1, Random::stream(0, 0)).unwrap().remove(0);
        let formula = |row: usize, column: usize| (row * 6000 + column * 97) as f64;
        for (file, scale) in [("grey16.png", 257.0), ("grey16.pgm", 257.0), ("grey10bit.pgm", 257.0)] {
            for (index, found) in bytes(file).iter().enumerate() {
                let expected = formula(index / 12, index % 12) / scale;
                assert!((f64::from(*found) - expected).abs() <= 1.0, "{file}: {found} for {expected}");
            }
        }
        assert_eq!(bytes("grey.pgm"), bytes("grey.png"));
        assert_eq!(bytes("grey.png")[12 + 2], 30);
    }
}
