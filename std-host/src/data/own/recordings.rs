//! Long recordings as a data set: each is cut into windows of equal length, which are the samples.
//!
//! Windows of one recording are alike. So whole recordings are for training or for testing, or the end of
//! each is for testing, and no test window shares a time step with a training window.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wta_core::Random;

use super::array::{Array, container, ending};
use super::fortran;
use super::keys::{SignalFiles, SplitBy};
use super::layout::Layout;
use super::recording_files::{Found, find};
use super::split_names::Part as SplitName;
use super::table::{self, Columns, is_table};
use super::wav;
use crate::data::classes::Classes;
use crate::data::collector::{Collector, in_memory};
use crate::data::dataset::{Dataset, Split};
use crate::data::element::Element;
use crate::data::form::Form;
use crate::data::signal::Signal;
use crate::data::stored::Stored;
use crate::data::values::Values;
use crate::data::windows::{Recording, Start, Windows};
use crate::error::{Error, Result};
use crate::memory::reserve;
use crate::numbers::grouped;
use crate::observer::Observer;

/// Whether a file holds a recording, by its name or its first bytes.
pub(in crate::data) fn is_recording(path: &Path) -> bool {
    ending(path) == "wav" || is_table(path) || container(path).is_some()
}

/// A recording, and what of it belongs to a split: the time steps from `start` to `end`.
struct Chosen<'a> {
    found: &'a Found,
    start: f64,
    end: f64,
}

/// Loads a split.
pub(in crate::data) fn load(
    folder: &Path,
    keys: &SignalFiles,
    split: Split,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let mut all = find(folder, &keys.recordings, keys.classes, None, is_recording)?;
    if let Some(test) = &keys.test {
        all.retain(|found| found.part != Some(SplitName::Test));
        all.extend(find(folder, test, keys.classes, Some(SplitName::Test), is_recording)?);
    }
    let classes = match keys.classes {
        None => Classes::default(),
        Some(_) => {
            let names: BTreeSet<&str> = all.iter().filter_map(|found| found.class.as_deref()).collect();
            Classes::new(names)?
        }
    };
    let chosen = choose(&all, keys, split)?;
    let dataset = windows(&chosen, keys, &classes, observer)?;
    if dataset.is_empty() {
        return Err(Error::Invalid(format!(
            "no recording for {} is as long as a window, {} time steps; set data.window",
            if split == Split::Train { "training" } else { "testing" },
            keys.window
        )));
    }
    Ok(dataset)
}

/// The windows of a recording, or of all in a folder, that belong to no data set; each with its name, which
/// ends in the time step at which it begins.
pub(super) fn loose(
    path: &Path,
    keys: &SignalFiles,
    observer: &dyn Observer,
) -> Result<(Dataset, Vec<String>)> {
    let (path, _, all) = all_at(path)?;
    let chosen: Vec<Chosen<'_>> = all.iter().map(|found| Chosen { found, start: 0.0, end: 1.0 }).collect();
    let keys = SignalFiles { classes: None, ..keys.clone() };
    let dataset = windows(&chosen, &keys, &Classes::default(), observer)?;
    if dataset.is_empty() {
        return Err(Error::file(path, format!("is shorter than a window, {} time steps", keys.window)));
    }
    let Values::Windows(windows) = &dataset.values else { return Ok((dataset, Vec::new())) };
    let name = |start: &Start| {
        let file = all.get(start.recording).map(|found| found.path.display().to_string());
        format!("{}@{}", file.unwrap_or_default(), start.number / dataset.channels.max(1))
    };
    let names = windows.starts().iter().map(name).collect();
    Ok((dataset, names))
}

/// A recording, or all in a folder, as they are: time steps of channels side by side.
pub(in crate::data) fn whole(path: &Path) -> Result<Vec<Signal>> {
    if !path.exists() {
        return Err(Error::file(
            path,
            "is not there; give a recording (.wav, .npy, .csv), or a folder of them",
        ));
    }
    let (_, name, all) = all_at(path)?;
    let keys = SignalFiles::of(name.as_str().into(), 1);
    let mut left = in_memory();
    let mut signals = Vec::new();
    for Found { path, .. } in all {
        let read = read(&path, &keys, left)?;
        if let Recording::Memory(values) = &read.recording {
            left = left.saturating_sub((values.len() * size_of::<f32>()) as u64);
        }
        signals.push(Signal::new(path, read.channels, read.rate, read.recording));
    }
    Ok(signals)
}

/// A path that has a name, the name, and the recordings there: one, or all in a folder.
fn all_at(path: &Path) -> Result<(PathBuf, String, Vec<Found>)> {
    // `.` and `..` have no name of their own.
    let named = match path.file_name() {
        Some(_) => path.to_path_buf(),
        None => std::fs::canonicalize(path).map_err(|e| Error::io("read", path, e))?,
    };
    let name = named.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = named.parent().unwrap_or(Path::new(""));
    let all = find(folder, &name.as_str().into(), None, None, is_recording)?;
    Ok((named, name, all))
}

/// The recordings of a split.
fn choose<'a>(all: &'a [Found], keys: &SignalFiles, split: Split) -> Result<Vec<Chosen<'a>>> {
    let whole = |found| Chosen { found, start: 0.0, end: 1.0 };
    let is_test = |found: &&Found| found.part == Some(SplitName::Test);
    if all.iter().any(|found| is_test(&found)) {
        let wanted = all.iter().filter(|found| is_test(found) == (split == Split::Test));
        return Ok(wanted.map(whole).collect());
    }
    if keys.test_share == 0.0 {
        return match split {
            Split::Train => Ok(all.iter().map(whole).collect()),
            Split::Test => Err(Error::Invalid(
                "the recipe's [data] names no test recordings; add test = FILES, or test_share = 0.2"
                    .to_owned(),
            )),
        };
    }
    if keys.split == SplitBy::Time {
        let at = 1.0 - keys.test_share;
        let part = |found| match split {
            Split::Train => Chosen { found, start: 0.0, end: at },
            Split::Test => Chosen { found, start: at, end: 1.0 },
        };
        return Ok(all.iter().map(part).collect());
    }
    let test = drawn(all, keys)?;
    let wanted = all.iter().enumerate().filter(|(index, _)| test.contains(index) == (split == Split::Test));
    Ok(wanted.map(|(_, found)| whole(found)).collect())
}

/// The recordings that are drawn for testing: of each class a share, at least one and not all.
fn drawn(all: &[Found], keys: &SignalFiles) -> Result<BTreeSet<usize>> {
    let mut of_class: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (index, found) in all.iter().enumerate() {
        of_class.entry(found.class.as_deref()).or_default().push(index);
    }
    let mut test = BTreeSet::new();
    for (number, (class, mut members)) in of_class.into_iter().enumerate() {
        if members.len() < 2 {
            let of = class.map_or(String::new(), |class| format!(" of class {class}"));
            return Err(Error::Invalid(format!(
                "there is one recording{of} only, which cannot be for training and for testing; add recordings, or set \
                 data.split = \"time\", which tests on the end of each recording"
            )));
        }
        Random::stream(keys.seed, number as u64).shuffle(&mut members);
        let count = (members.len() as f64 * keys.test_share).round() as usize;
        test.extend(members.iter().take(count.clamp(1, members.len() - 1)));
    }
    Ok(test)
}

/// The windows of some recordings.
fn windows(
    chosen: &[Chosen<'_>],
    keys: &SignalFiles,
    classes: &Classes,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let (mut recordings, mut starts, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut channels, mut first, mut rate, mut short) = (0, Path::new(""), None, 0);
    let mut left = in_memory();
    observer.begin("read recordings", chosen.len() as u64);
    for Chosen { found, start, end } in chosen {
        let read = read(&found.path, keys, left)?;
        if recordings.is_empty() {
            (channels, first, rate) = (read.channels, found.path.as_path(), read.rate);
        }
        if read.channels != channels || read.rate != rate {
            let told = |channels: usize, rate: Option<u32>| {
                format!("{channels} channels{}", rate.map_or(String::new(), |rate| format!(" at {rate} Hz")))
            };
            let problem = format!(
                "has {}, but {} has {}; recordings of one data set are alike",
                told(read.channels, read.rate),
                first.display(),
                told(channels, rate)
            );
            return Err(Error::file(&found.path, problem));
        }
        if let Recording::Memory(values) = &read.recording {
            left = left.saturating_sub((values.len() * size_of::<f32>()) as u64);
        }
        let steps = read.recording.len() / channels.max(1);
        let at = |share: f64| (steps as f64 * share).round() as usize;
        let (mut place, end, before) = (at(*start), at(*end), starts.len());
        while place + keys.window <= end {
            reserve::grow(&mut starts, 1, || "the windows of all recordings".to_owned())?;
            starts.push(Start { recording: recordings.len(), number: place * channels });
            place += keys.step();
        }
        short += usize::from(starts.len() == before);
        if let Some(class) = &found.class {
            let class = classes.names().iter().position(|name| name == class).unwrap_or(0);
            labels.resize(starts.len(), class as u16);
        }
        recordings.push(read.recording);
        observer.advance(1);
    }
    observer.end();
    let count = starts.len();
    observer.note(&format!(
        "{} windows of {} time steps, {channels} channels, of {} recordings{}",
        grouped(count as u64),
        keys.window,
        recordings.len(),
        if short > 0 { format!(" ({short} are shorter than a window and left out)") } else { String::new() }
    ));
    let values = Values::Windows(Windows::new(recordings, starts, keys.window * channels));
    let labels = keys.classes.is_some().then_some(labels);
    let classes = if labels.is_some() { classes.clone() } else { Classes::default() };
    Ok(Dataset { channels, height: 1, width: keys.window, form: Form::Signal, values, labels, classes })
}

/// A recording that has been read.
struct Read {
    recording: Recording,
    channels: usize,
    rate: Option<u32>,
}

/// Reads a recording, into at most so many bytes of memory; a longer one stays in a file.
fn read(path: &Path, keys: &SignalFiles, left: u64) -> Result<Read> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut values = Collector::new(Element::F32, folder, left);
    if ending(path) == "wav" {
        let wave = wav::read(path, |step| values.push_floats(finite(path, step)?))?;
        return Ok(Read { recording: recording(values)?, channels: wave.channels, rate: Some(wave.rate) });
    }
    if is_table(path) {
        let columns = Columns { numbers: keys.columns.as_deref(), ..Columns::default() };
        let channels = table::read(path, columns, |step| values.push_floats(step.numbers))?;
        return Ok(Read { recording: recording(values)?, channels, rate: None });
    }
    let array = Array::open(path, keys.tensor.as_deref())?;
    array.element()?;
    let (steps, channels, time_first) = match array.header.shape[..] {
        [steps] => (steps, 1, true),
        [rows, columns] => match keys.layout {
            Some(Layout::ChannelsFirst) => (columns, rows, false),
            Some(Layout::ChannelsLast) => (rows, columns, true),
            // There are more time steps than channels.
            None if rows < columns => (columns, rows, false),
            None => (rows, columns, true),
        },
        _ => {
            let problem = format!(
                "is an array of {}, but a recording is one of time steps, or of channels x time steps",
                array.shape()
            );
            return Err(Error::file(&array.name, problem));
        }
    };
    // Time steps by channels in Fortran order is what channels by time steps is in C order.
    let across = array.header.fortran == time_first && channels > 1;
    let part = array.part()?;
    if across {
        fortran::samples(part, &[steps, channels], |step| values.push_floats(step))?;
        return Ok(Read { recording: recording(values)?, channels, rate: None });
    }
    let stored = Stored::new(vec![part], channels.max(1), None);
    let bytes = (stored.len() * size_of::<f32>()) as u64;
    let recording = if bytes <= left {
        stored.each(|numbers| values.push_floats(numbers))?;
        recording(values)?
    } else {
        stored.each(|_| Ok(()))?;
        Recording::Stored(stored)
    };
    Ok(Read { recording, channels, rate: None })
}

fn recording(values: Collector) -> Result<Recording> {
    Ok(match values.finish()? {
        Values::Floats(values) => Recording::Memory(values),
        Values::Stored(stored) => Recording::Stored(stored),
        Values::Bytes(_) | Values::Held(_) | Values::Windows(_) | Values::Chosen(_) => {
            Recording::Memory(Vec::new())
        }
    })
}

fn finite<'a>(path: &Path, step: &'a [f32]) -> Result<&'a [f32]> {
    match step.iter().all(|number| number.is_finite()) {
        true => Ok(step),
        false => Err(Error::file(path, "holds a number that is not finite; clean the recording")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A `.npy` of float32 whose numbers are 0, 1, 2 and so on from `from` on.
    fn npy(path: &Path, shape: &[usize], from: f32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let shape_text: String = shape.iter().map(|size| format!("{size}, ")).collect();
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape_text}), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        let count: usize = shape.iter().product();
        bytes.extend((0..count).flat_map(|index| (from + index as f32).to_le_bytes()));
        fs::write(path, bytes).unwrap();
    }

    fn wav(path: &Path, channels: u16, rate: u32, numbers: &[i16]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        numbers.iter().for_each(|number| writer.write_sample(*number).unwrap());
        writer.finalize().unwrap();
    }

    fn keys(text: &str) -> SignalFiles {
        toml::from_str(&format!("recordings = 'r'\n{text}")).unwrap()
    }

    fn samples(set: &Dataset) -> Vec<Vec<f32>> {
        let sample = |index| {
            let mut sample = vec![f32::NAN; set.image_len()];
            set.write(index, 1.0, &mut sample).unwrap();
            sample
        };
        (0..set.len()).map(sample).collect()
    }

    #[test]
    fn all_kinds_of_files_give_the_same_windows() {
        let folder = tempfile::tempdir().unwrap();
        let numbers: Vec<i16> = (0..24).collect();
        // Time step by time step, two channels.
        wav(&folder.path().join("r/a.wav"), 2, 100, &numbers);
        let set =
            load(folder.path(), &keys("window = 5\nstep = 3\ntest_share = 0"), Split::Train, &()).unwrap();
        assert_eq!((set.len(), set.channels, set.height, set.width, set.form), (3, 2, 1, 5, Form::Signal));
        let expected = samples(&set);
        assert_eq!(expected[1], (6..16).map(|v| v as f32).collect::<Vec<_>>());
        fs::remove_file(folder.path().join("r/a.wav")).unwrap();
        npy(&folder.path().join("r/a.npy"), &[12, 2], 0.0);
        let again = |text: &str| {
            let text = format!("window = 5\nstep = 3\ntest_share = 0\n{text}");
            samples(&load(folder.path(), &keys(&text), Split::Train, &()).unwrap())
        };
        assert_eq!(again(""), expected);
        fs::remove_file(folder.path().join("r/a.npy")).unwrap();
        let text: String = (0..12).map(|step| format!("{};{}\n", 2 * step, 2 * step + 1)).collect();
        fs::write(folder.path().join("r/a.csv"), format!("x;y\n{text}")).unwrap();
        assert_eq!(again(""), expected);
        assert_eq!(again("columns = ['y']")[0], [1.0, 3.0, 5.0, 7.0, 9.0]);
        fs::remove_file(folder.path().join("r/a.csv")).unwrap();
        // Channels by time steps: channel 0 is 0 to 11.
        npy(&folder.path().join("r/a.npy"), &[2, 12], 0.0);
        assert_eq!(again("")[0], [0.0, 12.0, 1.0, 13.0, 2.0, 14.0, 3.0, 15.0, 4.0, 16.0]);
        assert_eq!(again("layout = 'channels-first'"), again(""));
    }

    #[test]
    fn no_time_step_is_in_both_splits() {
        let folder = tempfile::tempdir().unwrap();
        for (index, name) in ["a/1", "a/2", "a/3", "b/x", "b/y"].iter().enumerate() {
            npy(&folder.path().join(format!("r/{name}.npy")), &[20], 1000.0 * index as f32);
        }
        for text in ["", "split = 'time'\ntest_share = 0.4", "seed = 9\ntest_share = 0.5"] {
            let text = format!("window = 4\nstep = 1\nclasses = 'folder'\n{text}");
            let [train, test] = [Split::Train, Split::Test]
                .map(|split| load(folder.path(), &keys(&text), split, &()).unwrap());
            let steps =
                |set: &Dataset| samples(set).concat().iter().map(|v| *v as i32).collect::<BTreeSet<i32>>();
            assert!(steps(&train).is_disjoint(&steps(&test)), "{text}");
            for set in [&train, &test] {
                assert_eq!(set.classes.names(), ["a", "b"]);
                for (sample, label) in samples(set).iter().zip(set.labels.as_ref().unwrap()) {
                    assert_eq!(u16::from(sample[0] >= 3000.0), *label, "{text}");
                }
                assert!([0, 1].iter().all(|class| set.labels.as_ref().unwrap().contains(class)));
            }
        }
    }

    #[test]
    fn folders_are_splits_in_any_case_and_validation_stands_in_for_a_test() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["Train/a/1", "Train/b/1", "VALID/a/1", "VALID/b/2"] {
            npy(&folder.path().join(format!("r/{name}.npy")), &[8], 0.0);
        }
        let keys = keys("window = 4\nclasses = 'folder'");
        let len = |split| load(folder.path(), &keys, split, &()).unwrap().len();
        assert_eq!((len(Split::Train), len(Split::Test)), (4, 4));
        npy(&folder.path().join("r/TEST/a/9.npy"), &[4], 0.0);
        assert_eq!((len(Split::Train), len(Split::Test)), (4, 1));
    }

    #[test]
    fn what_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |text: &str, split| {
            let sentence = load(folder.path(), &keys(text), split, &()).unwrap_err().to_string();
            assert!(!sentence.contains('\n'), "{sentence}");
            sentence
        };
        npy(&folder.path().join("r/normal.npy"), &[20], 0.0);
        npy(&folder.path().join("r/fault_7.npy"), &[20], 0.0);
        let alone = refused("window = 4\nclasses = 'file'", Split::Train);
        assert!(alone.contains("one recording of class fault only") && alone.contains("\"time\""), "{alone}");
        assert!(refused("window = 4\nclasses = 'folder'", Split::Train).contains("lies in no folder"));
        assert!(refused("window = 21", Split::Train).contains("is as long as a window, 21 time steps"));
        assert!(refused("window = 4\ntest_share = 0", Split::Test).contains("names no test recordings"));
        npy(&folder.path().join("r/two.npy"), &[20, 2], 0.0);
        assert!(refused("window = 4\ntest_share = 0", Split::Train).contains("two.npy: has 2 channels, but"));
        npy(&folder.path().join("r/two.npy"), &[2, 3, 4], 0.0);
        assert!(refused("window = 4\ntest_share = 0", Split::Train).contains("is an array of 2 x 3 x 4"));
        fs::write(folder.path().join("r/two.wav"), b"RIFF").unwrap();
        fs::remove_file(folder.path().join("r/two.npy")).unwrap();
        assert!(refused("window = 4\ntest_share = 0", Split::Train).contains("no whole .wav file"));
    }
}
