//! Folders of pictures (PNG, JPEG, WebP and others) as a data set: whole pictures resized to one size, or
//! random patches.
//!
//! Each picture is decoded, converted to grey or colour (8 bits; deeper ones are rounded), resized and
//! cropped. All threads work on a group of files at a time. Pixels that do not fit into memory go to a
//! temporary file ([`Collector`]).

use std::path::Path;

use rayon::prelude::*;
use wta_core::{Random, Size};

use super::decode::{self, MOST_SIDE};
use super::keys::{ImageFolder, OnError};
use super::raster::cut;
use super::tree::{Picture, Pictures, counted, number_of, pictures_in, splits};
use crate::data::classes::Classes;
use crate::data::collector::Collector;
use crate::data::dataset::{Dataset, Split};
use crate::data::form::Form;
use crate::draw::too_few;
use crate::error::{Error, Interrupted, Result, Setting};
use crate::extent::Extent;
use crate::memory::reserve;
use crate::observer::Observer;

/// Files decoded before their pixels are collected.
const GROUP: usize = 256;

/// Loads a split. The observer gets a note for each file that is skipped.
pub(in crate::data) fn load(
    data: &Path,
    keys: &ImageFolder,
    split: Split,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let folder = if keys.folder == "." { data.to_path_buf() } else { data.join(&keys.folder) };
    if !folder.is_dir() {
        return Err(Error::file(&folder, "is not a folder; put the pictures there or change data.folder"));
    }
    let Pictures { train, test, classes, notes } = splits(&folder, keys)?;
    if split == Split::Train {
        // Once: whoever trains or evaluates reads this split.
        notes.iter().for_each(|note| observer.note(note));
    }
    let (chosen, other) = if split == Split::Train { (&train, &test) } else { (&test, &train) };
    if chosen.is_empty()
        && let Some(problem) = too_few(keys.test_share, other.len()).filter(|_| !other.is_empty())
    {
        let pictures = number_of(other.len());
        return Err(Error::file(&folder, format!("has {pictures}, {problem}")));
    }
    if chosen.is_empty() {
        return Err(Error::file(
            &folder,
            "has no pictures for this split; put PNG, JPEG, WebP or other files there",
        ));
    }
    let name = if split == Split::Train { "training" } else { "testing" };
    observer.note(&format!("{}: {} for {name}", folder.display(), counted(chosen)));
    let each = |index: usize| match keys.patches {
        None => 1,
        Some(count) => count / train.len().max(1) + usize::from(index < count % train.len().max(1)),
    };
    collect(&folder, chosen, classes, keys, each, observer)
}

/// The data set of some files; `each` says how many images a file gives.
fn collect(
    from: &Path,
    files: &[Picture],
    classes: Classes,
    keys: &ImageFolder,
    each: impl Fn(usize) -> usize + Sync,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let (size, channels) = keys.shape();
    let (mut pixels, mut labels) = (Collector::bytes(from), Vec::new());
    for (group, files) in files.chunks(GROUP).enumerate() {
        let images: u64 = (0..files.len()).map(|index| each(group * GROUP + index) as u64).sum();
        let len = (size.height * size.width * channels) as u64;
        reserve::expect(images.saturating_mul(len), || format!("{}: images of some files", from.display()))?;
        let made: Vec<Result<Vec<Vec<u8>>>> = files
            .par_iter()
            .enumerate()
            .map(|(index, file)| {
                if observer.should_stop() {
                    return Err(Error::Interrupted(Interrupted::Reading));
                }
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
                // Neither is a fault of the file.
                Err(error @ (Error::Interrupted(_) | Error::Memory { .. })) => return Err(error),
                Err(error) if keys.on_error == OnError::Skip => observer.note(&format!("skipped {error}")),
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
        form: Form::Image,
        values: pixels.finish()?,
        labels,
        classes,
    })
}

/// A picture, or all pictures of a folder without regard to classes. They are resized to the given size;
/// without one, all must have the same number of rows and columns.
pub(in crate::data) fn pictures_of(
    path: &Path,
    colour: bool,
    given: Option<Extent>,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let files = listed(path, observer)?;
    let size = match given {
        Some(size) => size,
        None => common_size(&files)?,
    };
    let keys = ImageFolder::of(size, colour);
    keys.check().map_err(|_| Error::setting(Setting::Size, format!("must lie between 1 and {MOST_SIDE}")))?;
    // No file is skipped, so the images are in the order of the files.
    collect(path, &files, Classes::default(), &keys, |_| 1, &())
}

/// A picture, or all pictures of a folder without regard to classes, brought to the size of a data set's
/// images; none is skipped. They are not cut into patches. Each has its file's name.
pub(super) fn loose(
    path: &Path,
    keys: &ImageFolder,
    observer: &dyn Observer,
) -> Result<(Dataset, Vec<String>)> {
    let files = listed(path, observer)?;
    let (labelled, on_error) = (false, OnError::Refuse);
    // A patch of a picture would be drawn; its centre at the patches' scale is not.
    let keys = ImageFolder { labelled, on_error, patches: None, ..keys.clone() };
    let dataset = collect(path, &files, Classes::default(), &keys, |_| 1, observer)?;
    Ok((dataset, files.iter().map(|file| file.path.display().to_string()).collect()))
}

/// A picture, or all pictures of a folder; there is one at least.
fn listed(path: &Path, observer: &dyn Observer) -> Result<Vec<Picture>> {
    let (files, notes) = pictures_in(path)?;
    notes.iter().for_each(|note| observer.note(note));
    if files.is_empty() {
        return Err(Error::file(path, "has no pictures; put PNG, JPEG, WebP or other files there"));
    }
    Ok(files)
}

/// The rows and columns of the first picture; all others must have the same.
fn common_size(files: &[Picture]) -> Result<Extent> {
    let first = files.first().map_or(Path::new(""), |file| &file.path);
    let Size { height, width } = decode::size(first)?;
    let other = files.par_iter().find_map_first(|file| match decode::size(&file.path) {
        Ok(size) if size == Size::new(height, width) => None,
        Ok(size) => Some(Error::setting(
            Setting::Size,
            format!(
                "is needed to bring all pictures to one: {} has {} x {} pixels, but {} has {height} x {width}",
                file.path.display(),
                size.height,
                size.width,
                first.display()
            ),
        )),
        Err(error) => Some(error),
    });
    other.map_or(Ok(Extent::Rectangle([height, width])), Err)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Mutex;

    use super::*;

    /// Collects the notes.
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Observer for Notes {
        fn note(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images")
    }

    fn keys(text: &str) -> ImageFolder {
        toml::from_str(&format!("folder = 'pictures'\n{text}")).unwrap()
    }

    /// A folder `pictures` with copies of fixtures, given as pairs (to, from).
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
        set.values.bytes().unwrap().chunks_exact(set.image_len()).collect()
    }

    #[test]
    fn the_centre_is_cut_and_small_pictures_grow() {
        let folder = folder(&[("a.png", "grey.png")]);
        let load = |text| load(folder.path(), &keys(text), Split::Train, &()).unwrap();
        let set = load("size = [10, 6]\ncolour = false\ntest_share = 0");
        assert_eq!(all(&set)[0][..6], [15, 20, 25, 30, 35, 40], "columns 3 to 8 of 12");
        assert_eq!((set.height, set.width, set.labels, set.classes.len()), (10, 6, None, 0));
        let set = load("size = 40\ntest_share = 0");
        assert_eq!((set.len(), set.image_len()), (1, 40 * 40 * 3));
        let half = load("size = 5\nshorter_side = 5\ncolour = false\ntest_share = 0");
        // At half the size, the third row and column lie at 4.5, where 20 * row + 5 * column is 112.5.
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
            load(folder.path(), &keys(&text), split, &()).unwrap()
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
    fn splits_are_known_in_any_case_and_what_is_not_used_is_told() {
        let files = [
            ("Train/a/1.png", "grey.png"),
            ("Train/b/1.WEBP", "colour.webp"),
            ("Train/b/2.tif", "colour.tif"),
            ("valid/b/3.png", "grey.png"),
            ("Train/b/notes.txt", "grey.png"),
            ("Train/b/x.heic", "grey.png"),
            ("Train/beside.png", "grey.png"),
        ];
        let folder = folder(&files);
        let labelled = keys("size = 8\nlabelled = true");
        let notes = Notes::default();
        let train = load(folder.path(), &labelled, Split::Train, &notes).unwrap();
        assert_eq!((train.len(), train.labels, train.classes.names().len()), (3, Some(vec![0, 1, 1]), 2));
        let test = load(folder.path(), &labelled, Split::Test, &()).unwrap();
        assert_eq!(test.labels, Some(vec![1]), "the folder for validation");
        let notes = notes.0.into_inner().unwrap();
        assert!(notes[0].ends_with("passed over 2 files that are no pictures: 1 .heic, 1 .txt"), "{notes:?}");
        assert!(notes[1].ends_with("passed over 1 picture beside the folders of the classes"), "{notes:?}");
        assert!(notes[2].ends_with("3 pictures (1 .png, 1 .tif, 1 .webp) for training"), "{notes:?}");
        fs::create_dir_all(folder.path().join("pictures/TEST/a")).unwrap();
        fs::copy(fixtures().join("grey.png"), folder.path().join("pictures/TEST/a/1.png")).unwrap();
        let notes = Notes::default();
        load(folder.path(), &labelled, Split::Train, &notes).unwrap();
        let test = load(folder.path(), &labelled, Split::Test, &notes).unwrap();
        assert_eq!(test.labels, Some(vec![0]));
        let notes = notes.0.into_inner().unwrap();
        let told = notes.iter().filter(|note| note.contains("valid: is not used")).count();
        assert_eq!(told, 1, "once, though both splits are read: {notes:?}");
    }

    #[cfg(unix)]
    #[test]
    fn names_need_not_be_unicode() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let folder = folder(&[("b/1.png", "grey.png")]);
        for latin in [&b"caf\xe9"[..], b"caf\xe8"] {
            let class = folder.path().join("pictures").join(OsStr::from_bytes(latin));
            // Some file systems have Unicode names only.
            if fs::create_dir(&class).is_err() {
                return;
            }
            fs::copy(fixtures().join("grey.png"), class.join(OsStr::from_bytes(b"\xfc.png"))).unwrap();
        }
        let keys = keys("size = 8\nlabelled = true\ntest_share = 0");
        let set = load(folder.path(), &keys, Split::Train, &()).unwrap();
        assert_eq!((set.len(), set.labels.unwrap()), (3, vec![0, 1, 2]));
        let caf = "caf\u{fffd}";
        assert_eq!(set.classes.names(), ["b", caf, &format!("{caf} (2)")]);
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
            |split| load(folder.path(), &labelled, split, &()).map(|set| (set.labels, set.classes.len()));
        assert_eq!(labels(Split::Train).unwrap(), (Some(vec![0, 1]), 2));
        assert_eq!(labels(Split::Test).unwrap(), (Some(vec![1]), 2));
        fs::create_dir(folder.path().join("pictures/test/c")).unwrap();
        assert!(
            labels(Split::Test)
                .unwrap_err()
                .to_string()
                .contains("test/c: is a class without training pictures")
        );
        let unlabelled = load(folder.path(), &keys("size = 8"), Split::Train, &()).unwrap();
        assert_eq!((unlabelled.len(), unlabelled.labels, unlabelled.classes.len()), (2, None, 0));
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
        let Pictures { train, test, .. } = split(1);
        assert_eq!((train.len(), test.len()), (15, 5));
        assert!(test.iter().all(|file| !train.contains(file)));
        assert_eq!(split(1).test, test);
        assert_ne!(split(2).test, test);
    }

    #[test]
    fn damaged_files_are_named_and_refused_or_skipped() {
        let folder = folder(&[("good.png", "grey.png"), ("bad.jpg", "colour.jpg")]);
        let bad = folder.path().join("pictures/bad.jpg");
        for bytes in [&b""[..], b"<html>", &fs::read(fixtures().join("colour.jpg")).unwrap()[..500]] {
            fs::write(&bad, bytes).unwrap();
            let notes = Notes::default();
            let load = |text| load(folder.path(), &keys(text), Split::Train, &notes);
            let refused = load("size = 8\ntest_share = 0").unwrap_err().to_string();
            assert!(refused.contains("bad.jpg: is ") && refused.contains("on_error"), "{refused}");
            assert_eq!(load("size = 8\ntest_share = 0\non_error = 'skip'").unwrap().len(), 1);
            let told = notes.0.into_inner().unwrap();
            let skipped: Vec<&String> = told.iter().filter(|note| note.starts_with("skipped ")).collect();
            assert!(skipped.len() == 1 && skipped[0].contains("bad.jpg: is "), "{told:?}");
        }
        let patches = keys("size = 11\npatches = 4\ntest_share = 0");
        fs::remove_file(bad).unwrap();
        let small = load(folder.path(), &patches, Split::Train, &()).unwrap_err().to_string();
        assert!(small.contains("good.png: has 10 x 12 pixels, fewer than a patch of 11 x 11"), "{small}");
    }
}
