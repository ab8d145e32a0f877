//! PNG pictures of atoms, feature maps and reconstructions. All numbers come with the channels last.

use std::path::Path;

use image::imageops::{FilterType, resize};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use wta_core::Shape;

use crate::error::{Error, Result};
use crate::files::atomic;

/// The colour between tiles.
const GAP: Rgb<u8> = Rgb([40, 44, 60]);

/// The colour of winners.
const MARK: Rgb<u8> = Rgb([255, 70, 40]);

/// Small tiles are enlarged until they are at least this wide and high.
const SMALLEST_TILE: usize = 64;

/// The widest picture that is comfortable to view: beyond it, tiles are enlarged less.
const WIDEST: usize = 1600;

/// A picture to be saved.
#[derive(Clone, Debug)]
pub struct Picture {
    image: RgbImage,
}

impl Picture {
    /// Writes it as PNG.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let png = self.png().map_err(|error| Error::file(path, error.to_string()))?;
        atomic::replace(path, |to| to.write_all(&png))
    }

    /// The content of a PNG file; of a picture without colours, a grey one.
    ///
    /// # Errors
    ///
    /// One sentence if it is too large to be encoded.
    pub fn png(&self) -> Result<Vec<u8>> {
        let is_grey = self.image.pixels().all(|Rgb([red, green, blue])| red == green && green == blue);
        let image = DynamicImage::from(self.image.clone());
        let image = if is_grey { DynamicImage::from(image.into_luma8()) } else { image };
        let mut png = Vec::new();
        image
            .write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png)
            .map_err(|e| Error::Invalid(format!("cannot be encoded as PNG: {e}")))?;
        Ok(png)
    }

    /// The picture, made smaller if it is wider or higher than `most` pixels.
    #[must_use]
    pub(crate) fn within(self, most: u32) -> Self {
        let (width, height) = self.size();
        let largest = width.max(height);
        if largest <= most {
            return self;
        }
        let scaled = |side: u32| (u64::from(side) * u64::from(most) / u64::from(largest)).max(1) as u32;
        Self { image: resize(&self.image, scaled(width), scaled(height), FilterType::Triangle) }
    }

    /// Column, row and colour of each pixel.
    #[cfg(test)]
    pub(super) fn pixels(&self) -> impl Iterator<Item = (u32, u32, [u8; 3])> {
        self.image.enumerate_pixels().map(|(x, y, pixel)| (x, y, pixel.0))
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.image.dimensions()
    }
}

impl From<RgbImage> for Picture {
    fn from(image: RgbImage) -> Self {
        Self { image }
    }
}

/// A small image that is arranged with others.
struct Tile {
    height: usize,
    width: usize,
    pixels: Vec<Rgb<u8>>,
}

impl Tile {
    /// The tile in the middle of a larger one.
    fn within(self, height: usize, width: usize) -> Self {
        let (top, left) = ((height - self.height) / 2, (width - self.width) / 2);
        let mut pixels = vec![GAP; height * width];
        for (y, row) in self.pixels.chunks(self.width.max(1)).enumerate() {
            let start = (top + y) * width + left;
            if let Some(to) = pixels.get_mut(start..start + row.len()) {
                to.copy_from_slice(row);
            }
        }
        Self { height, width, pixels }
    }
}

/// A dictionary: `count` atoms of `height x width x channels`, each on its own scale. 0 is mid grey, and the
/// largest magnitude is black or white (in colour for three channels). Atoms with neither one nor three
/// channels are shown by the mean over their channels.
///
/// # Errors
///
/// One sentence if there is no atom, or a number is not finite.
pub fn dictionary(
    atoms: &[f32],
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
) -> Result<Picture> {
    expect_finite(atoms)?;
    let tiles = atoms.chunks_exact((height * width * channels).max(1)).take(count).map(|atom| {
        let largest = atom.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        tile(atom, height, width, channels, |v| 128.0 + scale * v)
    });
    grid(tiles.collect(), 1.0)
}

/// Images, one tile each: black is the smallest number of all, white the largest.
///
/// # Errors
///
/// One sentence if there is no image, or a number is not finite.
pub fn images(images: &[f32], count: usize, height: usize, width: usize, channels: usize) -> Result<Picture> {
    expect_finite(images)?;
    let low = images.iter().fold(f32::INFINITY, |low, v| low.min(*v));
    let high = images.iter().fold(f32::NEG_INFINITY, |high, v| high.max(*v));
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    let tiles = images.chunks_exact((height * width * channels).max(1)).take(count);
    grid(tiles.map(|image| tile(image, height, width, channels, |v| scale * (v - low))).collect(), 1.0)
}

/// One image's feature maps, one tile each: black is 0, white the largest activation of all maps. The
/// `winners` (map and position) are marked.
///
/// # Errors
///
/// One sentence if there is no map, or a number is not finite.
pub fn feature_maps(
    maps: &[f32],
    height: usize,
    width: usize,
    channels: usize,
    winners: &[(usize, usize)],
) -> Result<Picture> {
    expect_finite(maps)?;
    let largest = maps.iter().fold(0.0f32, |m, v| m.max(*v));
    let scale = if largest > 0.0 { 255.0 / largest } else { 0.0 };
    let tiles = (0..channels).map(|map| {
        let values: Vec<f32> = maps.iter().skip(map).step_by(channels).copied().collect();
        let mut tile = tile(&values, height, width, 1, |v| scale * v);
        for (_, position) in winners.iter().filter(|(winner, _)| *winner == map) {
            if let Some(pixel) = tile.pixels.get_mut(*position) {
                *pixel = MARK;
            }
        }
        tile
    });
    grid(tiles.collect(), 1.0)
}

/// The numbers that are shown as black and white in pictures of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shades {
    /// 0 and 1.
    Unit,
    /// This many times the image's root mean square below and above 0, which is mid grey. For preprocessed
    /// images, whose numbers have no limits.
    Deviations(u8),
}

impl Shades {
    /// The factor and the offset that turn a number of `image` into a byte.
    fn scale_and_shift(self, image: &[f32]) -> (f32, f32) {
        match self {
            Self::Unit => (255.0, 0.0),
            Self::Deviations(count) => {
                let squares: f32 = image.iter().map(|v| v * v).sum();
                let range = f32::from(count) * (squares / image.len().max(1) as f32).sqrt();
                (if range > 0.0 { 127.0 / range } else { 0.0 }, 128.0)
            }
        }
    }
}

/// Images, each above its reconstruction with the same shades.
///
/// # Errors
///
/// One sentence if there is no image, or a number is not finite.
pub fn side_by_side(
    images: &[f32],
    reconstructions: &[f32],
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
    shades: Shades,
) -> Result<Picture> {
    expect_finite(images)?;
    expect_finite(reconstructions)?;
    let len = (height * width * channels).max(1);
    let pairs = images.chunks_exact(len).zip(reconstructions.chunks_exact(len)).take(count);
    let tiles = pairs.map(|(image, reconstruction)| {
        let (scale, shift) = shades.scale_and_shift(image);
        let mut pair = tile(image, height, width, channels, |v| scale * v + shift);
        pair.pixels.extend(vec![GAP; width]);
        pair.pixels.extend(tile(reconstruction, height, width, channels, |v| scale * v + shift).pixels);
        pair.height = 2 * height + 1;
        pair
    });
    grid(tiles.collect(), 2.0)
}

/// A row for each atom: the atom on its own scale, then samples, of which black is the smallest number of
/// all, white the largest. A row with fewer samples than others is filled up.
///
/// # Errors
///
/// One sentence if there is no atom, or a number is not finite.
pub(super) fn atoms_before_samples(
    rows: &[(Vec<f32>, Vec<f32>)],
    atom: Shape,
    sample: Shape,
) -> Result<Picture> {
    let (height, width) = (atom.height.max(sample.height), atom.width.max(sample.width));
    let all = || rows.iter().flat_map(|(_, samples)| samples);
    rows.iter().try_for_each(|(atom, samples)| {
        expect_finite(atom)?;
        expect_finite(samples)
    })?;
    let low = all().fold(f32::INFINITY, |low, v| low.min(*v));
    let high = all().fold(f32::NEG_INFINITY, |high, v| high.max(*v));
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    let samples_of = |values: &[f32]| values.len() / sample.len().max(1);
    let columns = 1 + rows.iter().map(|(_, samples)| samples_of(samples)).max().unwrap_or(0);
    let mut tiles = Vec::new();
    for (values, samples) in rows {
        let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let of_atom = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let shown = tile(values, atom.height, atom.width, atom.channels, |v| 128.0 + of_atom * v);
        tiles.push(shown.within(height, width));
        let shown = samples.chunks_exact(sample.len().max(1)).map(|values| {
            let shown = tile(values, sample.height, sample.width, sample.channels, |v| scale * (v - low));
            shown.within(height, width)
        });
        tiles.extend(shown);
        let missing = columns - 1 - samples_of(samples);
        tiles.extend(
            (0..missing).map(|_| Tile { height: 0, width: 0, pixels: Vec::new() }.within(height, width)),
        );
    }
    arranged(&tiles, columns)
}

/// An image of `shape`, a pixel for each of its own: black is `low`, white `high`.
///
/// # Errors
///
/// One sentence if a number is not finite, or the image has no pixels.
pub(super) fn single(values: &[f32], shape: Shape, (low, high): (f32, f32)) -> Result<Picture> {
    expect_finite(values)?;
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    let tile = tile(values, shape.height, shape.width, shape.channels, |v| scale * (v - low));
    let size = |side: usize| u32::try_from(side).ok().filter(|side| *side > 0);
    let pixels: Vec<u8> = tile.pixels.iter().flat_map(|pixel| pixel.0).collect();
    size(tile.width)
        .zip(size(tile.height))
        .and_then(|(width, height)| RgbImage::from_raw(width, height, pixels))
        .map(Picture::from)
        .ok_or_else(|| Error::Invalid("there is nothing to make a picture of".to_owned()))
}

fn tile(values: &[f32], height: usize, width: usize, channels: usize, shade: impl Fn(f32) -> f32) -> Tile {
    let byte = |v: f32| shade(v).round().clamp(0.0, 255.0) as u8;
    let pixels = values.chunks_exact(channels.max(1)).map(|pixel| match pixel {
        [red, green, blue] => Rgb([byte(*red), byte(*green), byte(*blue)]),
        [grey] => Rgb([byte(*grey); 3]),
        many => Rgb([byte(many.iter().sum::<f32>() / many.len() as f32); 3]),
    });
    Tile { height, width, pixels: pixels.collect() }
}

/// Arranges tiles in rows, so that the picture is about twice as wide as high. `tall` is the number of images
/// stacked in a tile.
fn grid(tiles: Vec<Tile>, tall: f64) -> Result<Picture> {
    let Some((height, width)) = tiles.first().map(|tile| (tile.height, tile.width)) else {
        return Err(Error::Invalid("there is nothing to make a picture of".to_owned()));
    };
    let shape = 2.0 * tall * height as f64 / (tall * width as f64).max(1.0);
    let columns = ((tiles.len() as f64 * shape).sqrt().ceil() as usize).clamp(1, tiles.len());
    // A little wider if that fills the last row.
    let even = (columns..=columns + columns / 3).find(|columns| tiles.len().is_multiple_of(*columns));
    arranged(&tiles, even.unwrap_or(columns))
}

/// Arranges tiles of the same size in rows of so many.
fn arranged(tiles: &[Tile], columns: usize) -> Result<Picture> {
    let Some((height, width)) = tiles.first().map(|tile| (tile.height, tile.width)) else {
        return Err(Error::Invalid("there is nothing to make a picture of".to_owned()));
    };
    let rows = tiles.len().div_ceil(columns);
    let wanted = SMALLEST_TILE.div_ceil(width.min(height).max(1)).max(1);
    let scale = wanted.min((WIDEST / (columns * (width + 1))).max(1));
    let gap = (scale / 2).clamp(1, 4);
    let (step_x, step_y) = (width * scale + gap, height * scale + gap);
    let size = |count: usize, step: usize| u32::try_from(count * step + gap);
    let (Ok(total_width), Ok(total_height)) = (size(columns, step_x), size(rows, step_y)) else {
        return Err(Error::Invalid("a picture of so many images is too large".to_owned()));
    };
    let mut image = RgbImage::from_pixel(total_width, total_height, GAP);
    for (index, tile) in tiles.iter().enumerate() {
        let (left, top) = (gap + index % columns * step_x, gap + index / columns * step_y);
        for y in 0..tile.height * scale {
            for x in 0..tile.width * scale {
                if let Some(pixel) = tile.pixels.get(y / scale * tile.width + x / scale) {
                    image.put_pixel((left + x) as u32, (top + y) as u32, *pixel);
                }
            }
        }
    }
    Ok(Picture { image })
}

pub(super) fn expect_finite(values: &[f32]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::Invalid(format!("element {index} of a picture is not a finite number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atom_spans_black_to_white_with_zero_as_grey() {
        let picture = dictionary(&[-2.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0], 2, 2, 2, 1).unwrap();
        let colours: std::collections::BTreeSet<u8> = picture.image.pixels().map(|p| p.0[0]).collect();
        assert!([1, 128, 192, 255].iter().all(|c| colours.contains(c)), "{colours:?}");
        let (width, height) = picture.size();
        assert!(width > 2 * 40 && height >= 40 && width > height);
    }

    #[test]
    fn rows_are_full_where_that_is_nearly_the_shape_wanted() {
        // 16 tiles in rows of 6 would leave two places empty; 13 cannot be arranged evenly.
        for (count, columns, rows) in [(16, 8, 2), (13, 6, 3), (1, 1, 1)] {
            let picture = dictionary(&vec![1.0; count * 64 * 64], count, 64, 64, 1).unwrap();
            assert_eq!(picture.size(), (columns * 65 + 1, rows * 65 + 1), "{count}");
        }
    }

    #[test]
    fn winners_are_marked_and_colours_kept() {
        let picture = feature_maps(&[0.0, 1.0, 0.5, 0.0], 1, 2, 2, &[(1, 0)]).unwrap();
        assert!(picture.image.pixels().any(|p| *p == MARK));
        let colour = dictionary(&[1.0, 0.0, -1.0], 1, 1, 1, 3).unwrap();
        assert!(colour.image.pixels().any(|p| p.0 == [255, 128, 1]));
    }

    #[test]
    fn preprocessed_images_lie_around_mid_grey_and_reconstructions_share_their_shades() {
        let (image, reconstruction) = ([1.0, -1.0, 2.0, -2.0], [0.0, 0.5, 9.0, -9.0]);
        let picture = side_by_side(&image, &reconstruction, 1, 2, 2, 1, Shades::Deviations(2)).unwrap();
        let colours: std::collections::BTreeSet<u8> = picture.image.pixels().map(|p| p.0[0]).collect();
        // Twice the root mean square is 3.16, so a value of 2 is 80 shades away from 128.
        for shade in [168, 88, 208, 48, 128, 148, 255, 0] {
            assert!(colours.contains(&shade), "{shade} in {colours:?}");
        }
    }

    #[test]
    fn nothing_and_what_is_not_a_number_are_refused() {
        assert!(dictionary(&[], 0, 2, 2, 1).is_err());
        let shades = Shades::Unit;
        let error = side_by_side(&[0.0, f32::NAN], &[0.0, 0.0], 1, 1, 2, 1, shades).unwrap_err().to_string();
        assert!(error.contains("element 1"), "{error}");
    }
}
