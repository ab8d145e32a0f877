//! The pictures of a folder: its splits, its classes, and its files in order.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wta_core::Random;

use crate::data::classes::{Classes, MOST_CLASSES};
use crate::draw::{count_of, draw};
use crate::error::{Error, Result};

use super::array::ending;
use super::entries::{entries, files_below};
use super::keys::ImageFolder;
use super::split_names::{Part, part_of};

/// Files with other extensions are passed over.
const ENDINGS: [&str; 14] =
    ["bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"];

/// A file and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) path: PathBuf,
    pub(super) class: u16,
}

/// The pictures of a folder by split, and what is not used.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    pub(super) train: Vec<Picture>,
    pub(super) test: Vec<Picture>,
    pub(super) classes: Classes,
    /// Lines for people on what was passed over.
    pub(super) notes: Vec<String>,
}

/// The pictures of a data set.
pub(super) fn splits(folder: &Path, keys: &ImageFolder) -> Result<Pictures> {
    let mut passed = Passed::default();
    let mut found = match split_folders(folder)? {
        Some((train, test, unused)) => {
            passed.folders.extend(unused);
            let classes = class_names(&train, keys)?;
            let extra = class_names(&test, keys)?.into_iter().find(|name| !classes.contains(name));
            if let Some(extra) = extra {
                return Err(Error::file(
                    test.join(extra),
                    "is a class without training pictures; add some or remove it",
                ));
            }
            let train = pictures(&train, &classes, keys, &mut passed)?;
            let test = pictures(&test, &classes, keys, &mut passed)?;
            Pictures { train, test, classes: named(&classes)?, notes: Vec::new() }
        }
        None => {
            let classes = class_names(folder, keys)?;
            let all = pictures(folder, &classes, keys, &mut passed)?;
            let (train, test) = drawn(&all, keys);
            Pictures { train, test, classes: named(&classes)?, notes: Vec::new() }
        }
    };
    found.notes = passed.notes(folder);
    Ok(found)
}

/// The folders of the splits, if there are any: for training, for testing, and others that are not used.
/// Without a folder for testing, that for validation is it.
fn split_folders(folder: &Path) -> Result<Option<(PathBuf, PathBuf, Vec<PathBuf>)>> {
    let mut of_part: BTreeMap<Part, Vec<PathBuf>> = BTreeMap::new();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        if let Some(part) = path.file_name().and_then(|name| part_of(&name.to_string_lossy())) {
            of_part.entry(part).or_default().push(path);
        }
    }
    let mut take = |part: Part| of_part.get_mut(&part).map(|folders| folders.remove(0));
    let (train, test, validation) = (take(Part::Train), take(Part::Test), take(Part::Validation));
    Ok(match (train, test, validation) {
        (Some(train), Some(test), validation) => Some((train, test, validation.into_iter().collect())),
        (Some(train), None, Some(validation)) => Some((train, validation, Vec::new())),
        _ => None,
    })
}

/// Training and test pictures, drawn from all.
fn drawn(all: &[Picture], keys: &ImageFolder) -> (Vec<Picture>, Vec<Picture>) {
    let count = count_of(keys.test_share, all.len());
    let (test, train) = draw(Random::stream(keys.seed, 0), all.len(), count);
    let files =
        |indices: &[usize]| indices.iter().filter_map(|index| all.get(*index)).cloned().collect::<Vec<_>>();
    (files(&train), files(&test))
}

/// What is in a folder and not used.
#[derive(Default)]
struct Passed {
    /// How many files with each extension.
    endings: BTreeMap<String, usize>,
    /// How many pictures lie beside the folders of the classes.
    beside: usize,
    /// Splits for which there is no use.
    folders: Vec<PathBuf>,
}

impl Passed {
    fn notes(self, folder: &Path) -> Vec<String> {
        let folder = folder.display();
        let mut notes = Vec::new();
        let others: usize = self.endings.values().sum();
        if others > 0 {
            let kinds = kinds(&self.endings);
            let files = if others == 1 { "file that is no picture" } else { "files that are no pictures" };
            notes.push(format!("{folder}: passed over {others} {files}: {kinds}"));
        }
        if self.beside > 0 {
            let pictures = number_of(self.beside);
            notes.push(format!("{folder}: passed over {pictures} beside the folders of the classes"));
        }
        let unused = self
            .folders
            .iter()
            .map(|unused| format!("{}: is not used: there is a folder for testing", unused.display()));
        notes.extend(unused);
        notes
    }
}

/// How many pictures there are of each kind, for people: `25 pictures (24 .png, 1 .webp)`.
pub(super) fn counted(pictures: &[Picture]) -> String {
    let mut endings: BTreeMap<String, usize> = BTreeMap::new();
    for picture in pictures {
        *endings.entry(ending(&picture.path)).or_default() += 1;
    }
    format!("{} ({})", number_of(pictures.len()), kinds(&endings))
}

/// `1 picture`, `2 pictures`
pub(super) fn number_of(count: usize) -> String {
    format!("{count} picture{}", if count == 1 { "" } else { "s" })
}

/// `1 .heic, 2 .txt`
fn kinds(endings: &BTreeMap<String, usize>) -> String {
    let of = |(ending, count): (&String, &usize)| match ending.as_str() {
        "" => format!("{count} without an extension"),
        ending => format!("{count} .{ending}"),
    };
    endings.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// The folders of the classes in their order; none if pictures have no labels.
fn class_names(folder: &Path, keys: &ImageFolder) -> Result<Vec<OsString>> {
    if !keys.labelled {
        return Ok(Vec::new());
    }
    let folders = entries(folder)?.into_iter().filter(|path| path.is_dir());
    let names: Vec<OsString> = folders.filter_map(|path| path.file_name().map(OsString::from)).collect();
    match names.len() {
        0 => Err(Error::file(folder, "has no folders, which are the classes; set data.labelled = false")),
        1..=MOST_CLASSES => Ok(names),
        more => Err(Error::file(
            folder,
            format!("has {more} classes, but at most {MOST_CLASSES} work; set data.labelled = false"),
        )),
    }
}

/// The names for people, which may be the same for two folders if they are not Unicode.
fn named(folders: &[OsString]) -> Result<Classes> {
    let mut names: Vec<String> = Vec::new();
    for folder in folders {
        let name = folder.to_string_lossy().into_owned();
        let taken = |name: &String| names.contains(name);
        let numbered = (2..).map(|number| format!("{name} ({number})")).find(|name| !taken(name));
        names.push(if taken(&name) { numbered.unwrap_or(name) } else { name });
    }
    Classes::new(names)
}

/// All pictures of a folder, sorted by path.
fn pictures(
    folder: &Path,
    classes: &[OsString],
    keys: &ImageFolder,
    passed: &mut Passed,
) -> Result<Vec<Picture>> {
    let mut all = Vec::new();
    if !keys.labelled {
        add_files(folder, 0, &mut all, passed)?;
        return Ok(all);
    }
    // A class may be without test pictures.
    let folders = classes.iter().map(|name| folder.join(name)).zip(0..=u16::MAX);
    for (folder, class) in folders.filter(|(folder, _)| folder.is_dir()) {
        add_files(&folder, class, &mut all, passed)?;
    }
    passed.beside += entries(folder)?.iter().filter(|path| path.is_file() && is_picture(path)).count();
    Ok(all)
}

/// The number of pictures in a folder, at any depth.
pub(in crate::data) fn count(folder: &Path) -> usize {
    let mut files = Vec::new();
    if files_below(folder, is_picture, &mut files).is_err() { 0 } else { files.len() }
}

pub(super) fn is_picture(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// The picture at `path`, or all pictures of the folder sorted by path, without regard to classes; and lines
/// for people on what was passed over.
pub(super) fn pictures_in(path: &Path) -> Result<(Vec<Picture>, Vec<String>)> {
    let mut all = Vec::new();
    let mut passed = Passed::default();
    if path.is_dir() {
        add_files(path, 0, &mut all, &mut passed)?;
    } else {
        all.push(Picture { path: path.to_path_buf(), class: 0 });
    }
    Ok((all, passed.notes(path)))
}

/// Adds the pictures of a folder, at any depth.
fn add_files(folder: &Path, class: u16, all: &mut Vec<Picture>, passed: &mut Passed) -> Result<()> {
    let mut files = Vec::new();
    files_below(folder, |_| true, &mut files)?;
    for path in files {
        if is_picture(&path) {
            all.push(Picture { path, class });
        } else {
            *passed.endings.entry(ending(&path)).or_default() += 1;
        }
    }
    Ok(())
}
