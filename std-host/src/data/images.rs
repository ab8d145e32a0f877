//! Folders of pictures (PNG, JPEG, PGM, PPM) as a data set: whole pictures brought to one size, or random patches of them.
//!
//! A picture is decoded, made grey or colour (8 bits; deeper ones are rounded), resized and cut, on all threads, a group of
//! files at a time. What does not fit into memory goes to a temporary file ([`super::pixels`]).

use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbImage};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use wta_core::{Random, Size};

use crate::error::{Error, Result};
use crate::recipe::Extent;

use super::picture_file::{MOST_BYTES, MOST_SIDE, decode};
use super::pixels::Collector;
use super::{Dataset, Split, picture_file};

/// The keys of `set = "images"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// The folder, below the data folder. If it has the folders `train` and `test`, these are the splits.
    pub folder: String,
    /// Rows and columns of the data set's images.
    pub size: Extent,
    /// Red, green and blue, or grey.
    #[serde(default = "Images::default_colour")]
    pub colour: bool,
    /// Whether the first level of folders are the classes, in the order of their names.
    #[serde(default)]
    pub labelled: bool,
    /// First resize a picture so that its shorter side has so many pixels [default: whole pictures just cover `size`,
    /// patches are cut from the picture as it is].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shorter_side: Option<u32>,
    /// Cut so many patches from random places of all training pictures together, and as many from each test picture as
    /// from a training picture [default: the centre of every picture].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<usize>,
    /// Without `train` and `test`: the share of pictures that are for testing.
    #[serde(default = "Images::default_share")]
    pub test_share: f64,
    /// Draws the patches and the test pictures.
    #[serde(default = "Images::default_seed")]
    pub seed: u64,
    /// What to do about files that cannot be decoded.
    #[serde(default)]
    pub on_error: OnError,
}

impl Images {
    fn default_colour() -> bool {
        true
    }

    fn default_share() -> f64 {
        0.1
    }

    fn default_seed() -> u64 {
        1
    }

    /// The images' rows, columns and channels.
    pub(super) fn shape(&self) -> (Size, usize) {
        (self.size.into(), if self.colour { 3 } else { 1 })
    }

    /// `Ok` when the keys make sense.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let (size, _) = self.shape();
        let sides = 1..=MOST_SIDE as usize;
        if !sides.contains(&size.height) || !sides.contains(&size.width) {
            return Err(format!("data.size must lie between 1 and {MOST_SIDE}"));
        }
        if self.shorter_side.is_some_and(|side| !sides.contains(&(side as usize))) {
            return Err(format!("data.shorter_side must lie between 1 and {MOST_SIDE}"));
        }
        let smallest = size.height.max(size.width);
        if self.shorter_side.is_some_and(|side| (side as usize) < smallest) {
            return Err("data.shorter_side must be at least data.size".to_owned());
        }
        if self.patches == Some(0) {
            return Err("data.patches must be at least 1".to_owned());
        }
        if !(0.0..1.0).contains(&self.test_share) {
            return Err("data.test_share must be at least 0 and less than 1".to_owned());
        }
        Ok(())
    }
}

/// What to do about a file that cannot be decoded, or is smaller than a patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Name it and end.
    #[default]
    Refuse,
    /// Name it and go on.
    Skip,
}

/// The endings of files that are looked at.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "pgm", "ppm", "pnm"];

/// Folders in folders; more are a circle of links.
const MOST_DEPTH: usize = 16;

/// Files decoded before their pixels are collected.
const GROUP: usize = 256;

/// A file and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    path: PathBuf,
    class: u8,
}

/// Loads a split; `tell` gets a sentence for each file that is skipped.
pub(super) fn load(data: &Path, keys: &Images, split: Split, tell: &mut dyn FnMut(&str)) -> Result<Dataset> {
    let folder = data.join(&keys.folder);
    if !folder.is_dir() {
        return Err(Error::file(&folder, "is not a folder; put the pictures there or change data.folder"));
    }
    let (train, test, classes) = splits(&folder, keys)?;
    let chosen = if split == Split::Train { &train } else { &test };
    if chosen.is_empty() {
        return Err(Error::file(&folder, "has no PNG, JPEG or PGM files for this split; put pictures there"));
    }
    let each = |index: usize| match keys.patches {
        None => 1,
        Some(count) => count / train.len().max(1) + usize::from(index < count % train.len().max(1)),
    };
    collect(&folder, chosen, classes, keys, each, tell)
}

/// The data set of some files, of which each gives so many images.
fn collect(
    from: &Path,
    files: &[Picture],
    classes: usize,
    keys: &Images,
    each: impl Fn(usize) -> usize + Sync,
    tell: &mut dyn FnMut(&str),
) -> Result<Dataset> {
    let (size, channels) = keys.shape();
    let (mut pixels, mut labels) = (Collector::bytes(from), Vec::new());
    for (group, files) in files.chunks(GROUP).enumerate() {
        let made: Vec<Result<Vec<Vec<u8>>>> = files
            .par_iter()
            .enumerate()
            .map(|(index, file)| {
                let index = group * GROUP + index;
                cut(&file.path, keys, each(index), Random::stream(keys.seed, index as u64 + 1))
            })
            .collect();
        for (file, made) in files.iter().zip(made) {
            match made {
                Ok(images) => images.iter().try_for_each(|image| {
                    labels.push(file.class);
                    pixels.push_bytes(image)
                })?,
                Err(error) if keys.on_error == OnError::Skip => tell(&format!("skipped {error}")),
                Err(error) => {
                    return Err(Error::Invalid(format!(
                        "{error} (data.on_error = \"skip\" leaves such files out)"
                    )));
                }
            }
        }
    }
    if labels.is_empty() {
        return Err(Error::file(from, "has no picture that can be used; see the skipped ones"));
    }
    let labels = keys.labelled.then_some(labels);
    Ok(Dataset {
        channels,
        height: size.height,
        width: size.width,
        pixels: pixels.finish()?,
        labels,
        classes,
    })
}

/// A picture, or all pictures of a folder, whatever classes they are of: brought to `size`, or as they are if all have the same
/// number of rows and columns.
pub(super) fn pictures_of(path: &Path, colour: bool, size: Option<Extent>) -> Result<Dataset> {
    let mut paths = Vec::new();
    if path.is_dir() {
        list(path, MOST_DEPTH, &mut paths)?
    } else {
        paths.push(path.to_path_buf())
    }
    let Some(first) = paths.first() else {
        return Err(Error::file(path, "has no PNG, JPEG or PGM files; put pictures there"));
    };
    let size = match size {
        Some(size) => size,
        None => {
            let Size { height, width } = picture_file::size(first)?;
            let other = paths.par_iter().find_map_first(|path| match picture_file::size(path) {
                Ok(size) if size == Size::new(height, width) => None,
                Ok(size) => Some(Error::file(
                    path,
                    format!(
                        "has {} x {} pixels, but {} has {height} x {width}; give --size to bring all to one",
                        size.height,
                        size.width,
                        first.display()
                    ),
                )),
                Err(error) => Some(error),
            });
            if let Some(error) = other {
                return Err(error);
            }
            Extent::Rectangle([height, width])
        }
    };
    let keys = Images {
        folder: String::new(),
        size,
        colour,
        labelled: false,
        shorter_side: None,
        patches: None,
        test_share: 0.0,
        seed: Images::default_seed(),
        on_error: OnError::Refuse,
    };
    keys.check().map_err(|problem| Error::Invalid(problem.replace("data.size", "--size")))?;
    let files: Vec<Picture> = paths.into_iter().map(|path| Picture { path, class: 0 }).collect();
    // Nothing is skipped, so that the order of what comes out is that of the files.
    collect(path, &files, 0, &keys, |_| 1, &mut |_| ())
}

/// How many pictures a folder has, anywhere below it.
pub(super) fn count(folder: &Path) -> usize {
    let mut files = Vec::new();
    if list(folder, MOST_DEPTH, &mut files).is_err() { 0 } else { files.len() }
}

/// The training pictures, the test pictures and the number of classes.
fn splits(folder: &Path, keys: &Images) -> Result<(Vec<Picture>, Vec<Picture>, usize)> {
    let [train, test] = ["train", "test"].map(|name| folder.join(name));
    if train.is_dir() && test.is_dir() {
        let classes = class_names(&train, keys)?;
        let extra = class_names(&test, keys)?.into_iter().find(|name| !classes.contains(name));
        if let Some(extra) = extra {
            return Err(Error::file(
                test.join(extra),
                "is a class without training pictures; add some or remove it",
            ));
        }
        return Ok((pictures(&train, &classes, keys)?, pictures(&test, &classes, keys)?, classes.len()));
    }
    let classes = class_names(folder, keys)?;
    let all = pictures(folder, &classes, keys)?;
    let mut order: Vec<usize> = (0..all.len()).collect();
    Random::stream(keys.seed, 0).shuffle(&mut order);
    order.truncate((all.len() as f64 * keys.test_share).round() as usize);
    let mut is_test = vec![false; all.len()];
    for index in order {
        if let Some(is_test) = is_test.get_mut(index) {
            *is_test = true;
        }
    }
    let (test, train): (Vec<_>, Vec<_>) = all.into_iter().zip(is_test).partition(|(_, is_test)| *is_test);
    let files = |pairs: Vec<(Picture, bool)>| pairs.into_iter().map(|(file, _)| file).collect();
    Ok((files(train), files(test), classes.len()))
}

/// The classes' names in their order; none where pictures have no labels.
fn class_names(folder: &Path, keys: &Images) -> Result<Vec<String>> {
    if !keys.labelled {
        return Ok(Vec::new());
    }
    let names: Vec<String> = entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    match names.len() {
        0 => Err(Error::file(folder, "has no folders, which are the classes; set data.labelled = false")),
        1..=256 => Ok(names),
        more => Err(Error::file(
            folder,
            format!("has {more} classes, but at most 256 work; set data.labelled = false"),
        )),
    }
}

/// All pictures of a folder, sorted by path.
fn pictures(folder: &Path, classes: &[String], keys: &Images) -> Result<Vec<Picture>> {
    let mut all = Vec::new();
    let mut add = |folder: &Path, class: u8| -> Result<()> {
        let mut files = Vec::new();
        list(folder, MOST_DEPTH, &mut files)?;
        all.extend(files.into_iter().map(|path| Picture { path, class }));
        Ok(())
    };
    if keys.labelled {
        // Not every class needs test pictures.
        let folders = classes.iter().map(|name| folder.join(name)).zip(0..=u8::MAX);
        folders.filter(|(folder, _)| folder.is_dir()).try_for_each(|(folder, class)| add(&folder, class))?;
    } else {
        add(folder, 0)?;
    }
    Ok(all)
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if depth == 0 {
        return Err(Error::file(
            folder,
            format!("lies more than {MOST_DEPTH} folders deep; is a link a circle?"),
        ));
    }
    for path in entries(folder)? {
        if path.is_dir() {
            list(&path, depth - 1, files)?;
        } else if is_picture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// What a folder has, sorted by name, without hidden files.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("read", folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// A picture of bytes.
enum Raster {
    Grey(GrayImage),
    Colour(RgbImage),
}

/// The images that a file gives: its centre, or `count` patches.
fn cut(path: &Path, keys: &Images, count: usize, mut random: Random) -> Result<Vec<Vec<u8>>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let picture = decode(path)?;
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
        // Rounding must not make a picture smaller than what it is to cover.
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
    if u64::from(columns) * u64::from(rows) > MOST_BYTES / 3 {
        return Err(Error::file(path, "is too long and narrow to be resized; remove it"));
    }
    let raster = if keys.colour { Raster::Colour(picture.to_rgb8()) } else { Raster::Grey(grey(&picture)) };
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

/// Luminance by the weights of ITU-R 601, as Pillow and MATLAB take it.
fn grey(picture: &DynamicImage) -> GrayImage {
    if !picture.color().has_color() {
        return picture.to_luma8();
    }
    let picture = picture.to_rgb8();
    let mut grey = GrayImage::new(picture.width(), picture.height());
    for (to, pixel) in grey.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue] = pixel.0.map(u32::from);
        to.0 = [((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8];
    }
    grey
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images")
    }

    fn keys(text: &str) -> Images {
        toml::from_str(&format!("folder = 'pictures'\n{text}")).unwrap()
    }

    /// A folder `pictures` with copies of fixtures: (to, from).
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (to, from) in files {
            let to = folder.path().join("pictures").join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(fixtures().join(from), to).unwrap();
        }
        folder
    }

    fn all(set: &Dataset) -> Vec<&[u8]> {
        set.pixels.bytes().unwrap().chunks_exact(set.image_len()).collect()
    }

    /// The largest difference between a file as it is decoded here and by Pillow.
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
        for file in ["colour.png", "palette.png", "alpha.png"] {
            assert_eq!((difference(file, true), difference(file, false)), (0, 0), "{file}");
        }
        // Decoders may round the transform in their own ways.
        for (file, most) in [("colour.jpg", 3), ("progressive.jpg", 3), ("grey.jpg", 2), ("cmyk.jpg", 4)] {
            let (colour, grey) = (difference(file, true), difference(file, false));
            assert!(colour <= most && grey <= most, "{file}: {colour} {grey}");
        }
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

    #[test]
    fn the_centre_is_cut_and_small_pictures_grow() {
        let folder = folder(&[("a.png", "grey.png")]);
        let load = |text| load(folder.path(), &keys(text), Split::Train, &mut |_| ()).unwrap();
        let set = load("size = [10, 6]\ncolour = false\ntest_share = 0");
        assert_eq!(all(&set)[0][..6], [15, 20, 25, 30, 35, 40], "columns 3 to 8 of 12");
        assert_eq!((set.height, set.width, set.labels, set.classes), (10, 6, None, 0));
        let set = load("size = 40\ntest_share = 0");
        assert_eq!((set.len(), set.image_len()), (1, 40 * 40 * 3));
        let half = load("size = 5\nshorter_side = 5\ncolour = false\ntest_share = 0");
        // Half the size: the third row and column lie at 4.5 and 4.5, where 20 * row + 5 * column is 112.5.
        assert!(all(&half)[0][12].abs_diff(112) <= 3, "{:?}", all(&half));
    }

    #[test]
    fn patches_are_drawn_by_the_seed() {
        let folder = folder(&[
            ("a.png", "grey.png"),
            ("b/c.PNG", "grey.png"),
            (".hidden.png", "cmyk.jpg"),
            ("x.txt", "cmyk.jpg"),
        ]);
        let patches = |text: &str, split| {
            let text = format!("size = 4\ncolour = false\npatches = 31\n{text}");
            load(folder.path(), &keys(&text), split, &mut |_| ()).unwrap()
        };
        let set = patches("test_share = 0", Split::Train);
        assert_eq!(set.len(), 31);
        let mut corners = std::collections::BTreeSet::new();
        for patch in all(&set) {
            corners.insert(patch[0]);
            for (index, pixel) in patch.iter().enumerate() {
                assert_eq!(*pixel as usize, patch[0] as usize + index / 4 * 20 + index % 4 * 5);
            }
        }
        assert!(corners.len() > 10, "{corners:?}");
        assert_eq!(all(&set), all(&patches("test_share = 0", Split::Train)));
        assert_ne!(all(&set), all(&patches("test_share = 0\nseed = 2", Split::Train)));
        assert_eq!(patches("test_share = 0.5", Split::Train).len(), 31);
        assert_eq!(patches("test_share = 0.5", Split::Test).len(), 31, "as many of each picture");
    }

    #[test]
    fn classes_and_splits_are_folders() {
        let files = [
            ("train/b/1.png", "grey.png"),
            ("train/a/1.jpg", "colour.jpg"),
            ("test/b/x/2.png", "colour.png"),
        ];
        let folder = folder(&files);
        let labelled = keys("size = 8\nlabelled = true");
        let labels =
            |split| load(folder.path(), &labelled, split, &mut |_| ()).map(|set| (set.labels, set.classes));
        assert_eq!(labels(Split::Train).unwrap(), (Some(vec![0, 1]), 2));
        assert_eq!(labels(Split::Test).unwrap(), (Some(vec![1]), 2));
        fs::create_dir(folder.path().join("pictures/test/c")).unwrap();
        assert!(
            labels(Split::Test)
                .unwrap_err()
                .to_string()
                .contains("test/c: is a class without training pictures")
        );
        let unlabelled = load(folder.path(), &keys("size = 8"), Split::Train, &mut |_| ()).unwrap();
        assert_eq!((unlabelled.len(), unlabelled.labels, unlabelled.classes), (2, None, 0));
    }

    #[test]
    fn a_share_of_the_pictures_is_for_testing_and_no_picture_is_in_both() {
        let names: Vec<String> = (0..20).map(|index| format!("{index}.png")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "grey.png")).collect();
        let folder = folder(&files);
        let split = |seed: u64| {
            let keys = keys(&format!("size = 8\ntest_share = 0.25\nseed = {seed}"));
            splits(&folder.path().join("pictures"), &keys).unwrap()
        };
        let (train, test, _) = split(1);
        assert_eq!((train.len(), test.len()), (15, 5));
        assert!(test.iter().all(|file| !train.contains(file)));
        assert_eq!(split(1).1, test);
        assert_ne!(split(2).1, test);
    }

    #[test]
    fn damaged_files_are_named_and_refused_or_skipped() {
        let folder = folder(&[("good.png", "grey.png"), ("bad.jpg", "colour.jpg")]);
        let bad = folder.path().join("pictures/bad.jpg");
        for bytes in [&b""[..], b"<html>", &fs::read(fixtures().join("colour.jpg")).unwrap()[..500]] {
            fs::write(&bad, bytes).unwrap();
            let mut told = Vec::new();
            let mut load =
                |text| load(folder.path(), &keys(text), Split::Train, &mut |line| told.push(line.to_owned()));
            let refused = load("size = 8\ntest_share = 0").unwrap_err().to_string();
            assert!(refused.contains("bad.jpg: is ") && refused.contains("on_error"), "{refused}");
            assert_eq!(load("size = 8\ntest_share = 0\non_error = 'skip'").unwrap().len(), 1);
            assert!(
                told.len() == 1 && told[0].starts_with("skipped ") && told[0].contains("bad.jpg: is "),
                "{told:?}"
            );
        }
        let patches = keys("size = 11\npatches = 4\ntest_share = 0");
        fs::remove_file(bad).unwrap();
        let small = load(folder.path(), &patches, Split::Train, &mut |_| ()).unwrap_err().to_string();
        assert!(small.contains("good.png: has 10 x 12 pixels, fewer than a patch of 11 x 11"), "{small}");
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
                    // A PNG file's last chunk says nothing but that it is the last; checksums are before it.
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
            let sentence = decode(&path).unwrap_err().to_string();
            assert!(sentence.contains("pixels by its header, more than a file of"), "{sentence}");
        }
    }

    #[test]
    fn senseless_keys_are_told() {
        for (text, expected) in [
            ("size = 0", "data.size must lie between"),
            ("size = [8, 100000]", "data.size must lie between"),
            ("size = 8\nshorter_side = 7", "data.shorter_side must be at least data.size"),
            ("size = 8\npatches = 0", "data.patches must be"),
            ("size = 8\ntest_share = 1.0", "data.test_share must be"),
        ] {
            let sentence = keys(text).check().unwrap_err();
            assert!(sentence.contains(expected), "{sentence}");
        }
        assert!(keys("size = 8\nshorter_side = 8\npatches = 1").check().is_ok());
    }
}
