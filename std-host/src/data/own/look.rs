//! What a file or a folder most likely is: the `[data]` of a recipe, found by names and headers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::array::{Array, container, names};
use super::column::Column;
use super::decode;
use super::entries::{entries, files_below};
use super::keys::{ArrayFiles, ClassBy, ImageFolder, Names, SignalFiles, SplitBy};
use super::label::Label;
use super::paths::Paths;
use super::recordings::is_recording;
use super::split_names::part_of;
use super::table::{self, is_table};
use super::tree::is_picture;
use super::{array, recording_files};
use crate::error::{Error, Result};
use crate::extent::Extent;
use crate::files::folder_of;

/// The largest side that pictures are brought to.
const MOST_SIDE: usize = 48;

/// Pictures whose sizes are looked at.
const LOOKED_AT: usize = 200;

/// An array of one dimension, or of two, with so many time steps at least is a recording.
const LONG: usize = 2_000;

/// A data set of one's own.
pub(in crate::data) enum Own {
    Images(ImageFolder),
    Array(ArrayFiles),
    Signals(SignalFiles),
}

/// What was found: the data folder, the data set, and what was concluded from what.
pub(in crate::data) struct Found {
    pub(in crate::data) folder: PathBuf,
    pub(in crate::data) own: Own,
    pub(in crate::data) remarks: Vec<String>,
}

/// Looks at a file or a folder.
pub(in crate::data) fn look(path: &Path) -> Result<Found> {
    if path.is_dir() { look_at_folder(path) } else { look_at_file(path) }
}

fn look_at_file(path: &Path) -> Result<Found> {
    let folder = folder_of(path);
    let name = name_of(path);
    let (folder, mut remarks) = (folder.to_path_buf(), Vec::new());
    array::length(path)?;
    if is_picture(path) {
        return Err(Error::file(path, "is one picture; give the folder of all pictures"));
    }
    let own = if is_recording_alone(path)? {
        remarks.push(format!("{name} is one recording: it is cut into windows, and its end is for testing"));
        signals(&folder, &name, &[path.to_path_buf()], &mut remarks)?
    } else {
        let keys = ArrayFiles { test_share: 0.2, ..ArrayFiles::new(name.as_str()) };
        Own::Array(with_labels(&folder, keys, &mut remarks)?)
    };
    Ok(Found { folder, own, remarks })
}

fn look_at_folder(path: &Path) -> Result<Found> {
    let (folder, mut remarks) = (path.to_path_buf(), Vec::new());
    let mut pictures = Vec::new();
    files_below(path, is_picture, &mut pictures)?;
    if !pictures.is_empty() {
        let own = Own::Images(image_folder(path, &pictures, &mut remarks)?);
        return Ok(Found { folder, own, remarks });
    }
    let top: Vec<PathBuf> =
        entries(path)?.into_iter().filter(|file| file.is_file() && is_recording(file)).collect();
    if let Some(own) = arrays(path, &top, &mut remarks)? {
        return Ok(Found { folder, own, remarks });
    }
    let mut recordings = Vec::new();
    files_below(path, is_recording, &mut recordings)?;
    if recordings.is_empty() {
        return Err(Error::file(
            path,
            "holds no pictures, arrays, tables or recordings; give a file or folder of .npy, .npz, .safetensors, \
             .csv, .wav or picture files",
        ));
    }
    let own = signals(path, ".", &recordings, &mut remarks)?;
    Ok(Found { folder, own, remarks })
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file is one long recording and not an array of samples.
fn is_recording_alone(path: &Path) -> Result<bool> {
    if array::ending(path) == "wav" {
        return Ok(true);
    }
    if is_table(path) || container(path).is_none() || names(path)?.is_some_and(|names| names.len() > 1) {
        return Ok(false);
    }
    let array = Array::open(path, None)?;
    Ok(match array.header.shape[..] {
        [_] => true,
        [rows, columns] => rows.min(columns) <= 16 && rows.max(columns) >= LONG && rows < columns,
        _ => false,
    })
}

/// The words of a file's name, in lower case.
fn words(path: &Path) -> Vec<String> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    stem.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_owned).collect()
}

/// Whether a file holds labels, by its name.
pub(super) fn is_labels(path: &Path) -> bool {
    let label = ["y", "label", "labels", "target", "targets", "class", "classes", "ytrain", "ytest"];
    words(path).iter().any(|word| label.contains(&word.as_str()))
}

fn is_for_test(path: &Path) -> bool {
    let test = ["test", "testing", "val", "valid", "validation", "ytest", "xtest"];
    words(path).iter().any(|word| test.contains(&word.as_str()))
}

/// Arrays of samples, if these files are some: those with a file of labels beside them, or of three
/// dimensions or more.
fn arrays(folder: &Path, files: &[PathBuf], remarks: &mut Vec<String>) -> Result<Option<Own>> {
    let (mut train, mut test): (Vec<&PathBuf>, Vec<&PathBuf>) = (Vec::new(), Vec::new());
    let (mut train_labels, mut test_labels, mut class_names) = (None, None, None);
    for file in files.iter().filter(|file| array::ending(file) != "wav") {
        let is_text = array::ending(file) == "txt";
        if is_text && words(file).iter().any(|word| word == "classes" || word == "names") {
            class_names = Some(Names::File(name_of(file)));
        } else if is_labels(file) {
            let labels = if is_for_test(file) { &mut test_labels } else { &mut train_labels };
            *labels = Some(Paths::One(name_of(file)));
        } else if !is_text && !words(file).iter().any(|word| word == "readme") {
            let samples = if is_for_test(file) { &mut test } else { &mut train };
            samples.push(file);
        }
    }
    let Some(first) = train.first().copied() else { return Ok(None) };
    let several = names(first).ok().flatten().is_some_and(|names| names.len() > 1);
    let dimensions =
        if is_table(first) || several { 2 } else { Array::open(first, None)?.header.shape.len() };
    let are_samples =
        train_labels.is_some() || dimensions > 2 || is_table(first) || several || !test.is_empty();
    if dimensions < 2
        || !are_samples
        || (is_table(first) && train.len() > 1 && train_labels.is_none() && test.is_empty())
    {
        return Ok(None);
    }
    let paths = |files: &[&PathBuf]| match files {
        [one] => Paths::One(name_of(one)),
        several => Paths::Many(several.iter().map(|file| name_of(file)).collect()),
    };
    let mut keys = ArrayFiles { train_labels, class_names, ..ArrayFiles::new(paths(&train)) };
    if test.is_empty() {
        keys.test_share = 0.2;
        remarks.push("no file is for testing by its name: a fifth of the samples is".to_owned());
    } else {
        keys.test = Some(paths(&test));
        keys.test_labels = test_labels;
    }
    with_labels(folder, keys, remarks).map(|keys| Some(Own::Array(keys)))
}

/// Keys with the names of arrays in archives, and the column of labels in tables.
fn with_labels(folder: &Path, mut keys: ArrayFiles, remarks: &mut Vec<String>) -> Result<ArrayFiles> {
    let files = keys.train.files(folder, |_| true)?;
    let Some(first) = files.first() else { return Ok(keys) };
    if is_table(first) {
        if keys.train_labels.is_none()
            && let Some((column, why)) = label_column(first)?
        {
            remarks.push(format!("column {why}"));
            keys.label_column = Some(column);
        }
        return Ok(keys);
    }
    let Some(names) = names(first)?.filter(|names| names.len() > 1) else { return Ok(keys) };
    let labels = names.iter().find(|name| is_labels(Path::new(name)) && !is_for_test(Path::new(name)));
    let mut samples =
        names.iter().filter(|name| !is_labels(Path::new(name)) && !is_for_test(Path::new(name)));
    let Some(samples) = samples.next() else { return Ok(keys) };
    remarks.push(format!("{} holds {}; {samples} are the samples", name_of(first), names.join(", ")));
    keys.tensor = Some(samples.clone());
    if let Some(labels) = labels
        && keys.train_labels.is_none()
    {
        keys.label_tensor = Some(labels.clone());
        keys.train_labels = Some(keys.train.clone());
        keys.test_labels = keys.test.clone();
    }
    Ok(keys)
}

/// The column of a table that holds the labels: one of words, or one that is called so.
pub(super) fn label_column(path: &Path) -> Result<Option<(Column, String)>> {
    let (header, rows) = table::peek(path)?;
    let column = |place: usize| match header.get(place) {
        Some(name) => Column::Name(name.clone()),
        None => Column::Place(place as i64),
    };
    let called = ["label", "class", "target", "y", "species", "category", "activity"];
    let by_name = header.iter().position(|name| called.contains(&name.to_lowercase().as_str()));
    if let Some(place) = by_name {
        return Ok(Some((
            column(place),
            format!("{} is called like labels", header.get(place).map_or("", |n| n)),
        )));
    }
    let width = rows.first().map_or(0, Vec::len);
    let words = (0..width).find(|place| {
        let fields = rows.iter().filter_map(|row| row.get(*place));
        let different: BTreeSet<Label> = fields.map(|field| Label::of(field)).collect();
        different.iter().all(|label| matches!(label, Label::Text(text) if text.parse::<f64>().is_err()))
            && different.len() < rows.len().max(2)
    });
    Ok(words.map(|place| (column(place), format!("{place} holds words, which are the labels"))))
}

/// Recordings.
fn signals(folder: &Path, recordings: &str, files: &[PathBuf], remarks: &mut Vec<String>) -> Result<Own> {
    let shortest = files.iter().filter_map(|file| steps(file)).min();
    // Short recordings still give some windows each.
    let window = shortest.map_or(256, |steps| (steps / 8).next_power_of_two().clamp(16, 256));
    let step = Some((window / 2).max(1));
    let mut keys = SignalFiles { step, ..SignalFiles::of(recordings.into(), window) };
    if files.len() > 1 {
        for (by, why) in [
            (ClassBy::Folder, "the folders are the classes"),
            (ClassBy::File, "the files' names without their number are the classes"),
        ] {
            let Ok(found) = recording_files::find(folder, &keys.recordings, Some(by), None, is_recording)
            else {
                continue;
            };
            let classes: BTreeSet<&str> = found.iter().filter_map(|found| found.class.as_deref()).collect();
            let of_one = classes
                .iter()
                .any(|class| found.iter().filter(|found| found.class.as_deref() == Some(*class)).count() < 2);
            let splits = found.iter().any(|found| found.part.is_some());
            // As many classes as recordings are classes only if there are few.
            if classes.len() > 1 && (classes.len() < found.len() || found.len() <= 8) {
                remarks.push(format!("{why}: {}", classes.into_iter().collect::<Vec<_>>().join(", ")));
                keys.classes = Some(by);
                if of_one && !splits {
                    remarks.push(
                        "a class has one recording only: the end of each recording is for testing".to_owned(),
                    );
                    keys.split = SplitBy::Time;
                }
                break;
            }
        }
    }
    if files.len() == 1 {
        keys.split = SplitBy::Time;
    }
    Ok(Own::Signals(keys))
}

/// The time steps of a recording, if its header says.
fn steps(path: &Path) -> Option<usize> {
    if array::ending(path) == "wav" {
        return super::wav::header(path).ok().map(|wave| wave.steps);
    }
    if is_table(path) {
        return None;
    }
    Array::open(path, None).ok()?.header.shape.iter().max().copied()
}

fn image_folder(folder: &Path, pictures: &[PathBuf], remarks: &mut Vec<String>) -> Result<ImageFolder> {
    let step = pictures.len().div_ceil(LOOKED_AT).max(1);
    let some: Vec<&PathBuf> = pictures.iter().step_by(step).collect();
    let mut sizes: Vec<(usize, usize)> = some
        .iter()
        .filter_map(|file| decode::size(file).ok())
        .map(|size| (size.height, size.width))
        .collect();
    sizes.sort_unstable();
    let Some((height, width)) = sizes.get(sizes.len() / 2).copied() else {
        return Err(Error::file(folder, "holds pictures of which none can be read"));
    };
    let scale = (MOST_SIDE as f64 / height.max(width) as f64).min(1.0);
    let side = |pixels: usize| ((pixels as f64 * scale).round() as usize).max(1);
    let same = sizes.first() == sizes.last();
    remarks.push(format!(
        "{} pictures, {} {height} x {width} pixels",
        pictures.len(),
        if same { "all of" } else { "half of them larger than" }
    ));
    let colour = some.iter().take(20).any(|file| decode::is_colour(file));
    let inside = entries(folder)?.into_iter().filter(|path| path.is_dir());
    let names: Vec<String> = inside.map(|path| name_of(&path)).collect();
    let are_splits = names.iter().filter(|name| part_of(name).is_some()).count() > 1;
    let class_root = if are_splits {
        names.iter().find(|name| part_of(name).is_some()).map(|name| folder.join(name))
    } else {
        Some(folder.to_path_buf())
    };
    let classes = match class_root {
        Some(root) => entries(&root)?.into_iter().filter(|path| path.is_dir()).count(),
        None => 0,
    };
    if classes > 1 {
        remarks.push(format!("{classes} folders, which are the classes"));
    }
    Ok(ImageFolder {
        folder: ".".to_owned(),
        size: Extent::from(wta_core::Size::new(side(height), side(width))),
        colour,
        labelled: classes > 1,
        shorter_side: None,
        patches: None,
        test_share: if are_splits { ImageFolder::default_share() } else { 0.2 },
        seed: super::keys::default_seed(),
        background: ImageFolder::default_background(),
        on_error: super::keys::OnError::Skip,
    })
}
