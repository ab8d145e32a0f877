//! The pictures of a folder: its splits, its classes, and its files in order.

use std::path::{Path, PathBuf};

use wta_core::Random;

use crate::data::classes::{Classes, MOST_CLASSES};
use crate::error::{Error, Result};

use super::entries::{entries, files_below};
use super::keys::ImageFolder;

/// Files with other extensions are ignored.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "pgm", "ppm", "pnm"];

/// A file and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) path: PathBuf,
    pub(super) class: u16,
}

/// The training pictures, the test pictures and the number of classes.
pub(super) fn splits(folder: &Path, keys: &ImageFolder) -> Result<(Vec<Picture>, Vec<Picture>, Classes)> {
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
        return Ok((
            pictures(&train, &classes, keys)?,
            pictures(&test, &classes, keys)?,
            Classes::new(classes)?,
        ));
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
    Ok((files(train), files(test), Classes::new(classes)?))
}

/// The classes' names in their order; none if pictures have no labels.
fn class_names(folder: &Path, keys: &ImageFolder) -> Result<Vec<String>> {
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
        1..=MOST_CLASSES => Ok(names),
        more => Err(Error::file(
            folder,
            format!("has {more} classes, but at most {MOST_CLASSES} work; set data.labelled = false"),
        )),
    }
}

/// All pictures of a folder, sorted by path.
fn pictures(folder: &Path, classes: &[String], keys: &ImageFolder) -> Result<Vec<Picture>> {
    let mut all = Vec::new();
    let mut add = |folder: &Path, class: u16| -> Result<()> {
        let mut files = Vec::new();
        files_below(folder, is_picture, &mut files)?;
        all.extend(files.into_iter().map(|path| Picture { path, class }));
        Ok(())
    };
    if keys.labelled {
        // A class may be without test pictures.
        let folders = classes.iter().map(|name| folder.join(name)).zip(0..=u16::MAX);
        folders.filter(|(folder, _)| folder.is_dir()).try_for_each(|(folder, class)| add(&folder, class))?;
    } else {
        add(folder, 0)?;
    }
    Ok(all)
}

/// The number of pictures in a folder, at any depth.
pub(in crate::data) fn count(folder: &Path) -> usize {
    let mut files = Vec::new();
    if files_below(folder, is_picture, &mut files).is_err() { 0 } else { files.len() }
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// The picture at `path`, or all pictures of the folder sorted by path, without regard to classes.
pub(super) fn pictures_in(path: &Path) -> Result<Vec<Picture>> {
    let mut paths = Vec::new();
    if path.is_dir() {
        files_below(path, is_picture, &mut paths)?;
    } else {
        paths.push(path.to_path_buf());
    }
    Ok(paths.into_iter().map(|path| Picture { path, class: 0 }).collect())
}
