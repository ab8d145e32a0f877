//! The files of recordings, with the split and the class that their folders or names tell.

use std::path::{Path, PathBuf};

use super::entries::files_below;
use super::keys::ClassBy;
use super::paths::Paths;
use super::split_names::Part;
use super::split_names::part_of;
use crate::error::{Error, Result};

/// A file with a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The split, if folders tell it.
    pub(super) part: Option<Part>,
    pub(super) class: Option<String>,
}

/// All recordings that `paths` stands for, below folders at any depth, in the order of their names. `part`
/// is their split, if it is known.
pub(super) fn find(
    folder: &Path,
    paths: &Paths,
    classes: Option<ClassBy>,
    part: Option<Part>,
    wanted: impl Fn(&Path) -> bool + Copy,
) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    for (root, files) in paths.rooted(folder, |path, files| files_below(path, wanted, files), wanted)? {
        let inside: Vec<Vec<String>> = files.iter().map(|file| folders_of(file, &root)).collect();
        // Folders are splits if there are two of them at least.
        let split = |part: Part| inside.iter().any(|folders| first(folders).and_then(part_of) == Some(part));
        let are_splits = split(Part::Train) && (split(Part::Test) || split(Part::Validation));
        for (path, folders) in files.into_iter().zip(&inside) {
            let own = if are_splits { first(folders).and_then(part_of) } else { None };
            let folders = if own.is_some() { folders.get(1..).unwrap_or_default() } else { folders };
            let class = match classes {
                None => None,
                Some(ClassBy::File) => Some(class_of(&path)),
                Some(ClassBy::Folder) => Some(first(folders).map(str::to_owned).ok_or_else(|| {
                    Error::file(
                        &path,
                        "lies in no folder that names its class; move it, or set data.classes = \"file\"",
                    )
                })?),
            };
            all.push(Found { path, part: part.or(own), class });
        }
    }
    // Without a folder for testing, that for validation is it.
    if !all.iter().any(|found| found.part == Some(Part::Test)) {
        let validation = all.iter_mut().filter(|found| found.part == Some(Part::Validation));
        validation.for_each(|found| found.part = Some(Part::Test));
    }
    all.retain(|found| found.part != Some(Part::Validation));
    Ok(all)
}

fn first(folders: &[String]) -> Option<&str> {
    folders.first().map(String::as_str)
}

/// The folders between `root` and a file.
fn folders_of(file: &Path, root: &Path) -> Vec<String> {
    let folders = file.parent().and_then(|parent| parent.strip_prefix(root).ok());
    let names = folders.into_iter().flat_map(Path::components);
    names.map(|name| name.as_os_str().to_string_lossy().into_owned()).collect()
}

/// The class that a file's name tells: the name without what numbers it. `inner_7.npy` and `inner_14.npy`
/// are of class `inner`.
fn class_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let numbered = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = numbered.trim_end_matches(['_', '-', ' ', '.']);
    // A number that belongs to the name, as in `mode2`, has nothing before it that separates.
    if numbered.len() < stem.len() && name.len() < numbered.len() && !name.is_empty() {
        name.to_owned()
    } else {
        stem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_without_its_number_is_its_class() {
        for (file, class) in [
            ("inner_7.npy", "inner"),
            ("a/outer-14.wav", "outer"),
            ("normal.npy", "normal"),
            ("mode2.csv", "mode2"),
            ("mode2_3.csv", "mode2"),
            ("7.npy", "7"),
            ("_7.npy", "_7"),
            ("motor run 12.npy", "motor run"),
        ] {
            assert_eq!(class_of(Path::new(file)), class);
        }
    }
}
