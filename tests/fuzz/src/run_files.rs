//! A run folder one file of which is damaged, of another run, or missing: it is opened, evaluated, exported
//! and resumed, or told. What is changed without its checksum is never taken for sound numbers.
//!
//! An input is: which file; what is done beside putting the rest there; the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use wta::evaluate::{Encoded, Encoding, Plan, Predictor, evaluate};
use wta::export::{self, Source};
use wta::preprocess::Samples;
use wta::recipe::{Per, PreprocessRecipe};
use wta::run::Run;
use wta::train::{Options, train_into};
use wta::{Dataset, Isa, Recipe, Shape, Trained};

use super::rules::{Lines, expect_no_hidden_panic, folder, sentence, watch};

/// The files of a run. The first is the one whose numbers an undamaged run must have.
const FILES: [&str; 8] = [
    "model.safetensors",
    "preprocess.safetensors",
    "svm.safetensors",
    "checkpoint.safetensors",
    "eval.json",
    "sample.json",
    "metrics.csv",
    "recipe.toml",
];

/// The checksum of the file is repaired.
const REPAIRED: u8 = 1;
/// Another file of the folder is that of another run, or of one of an earlier version.
const FOREIGN: u8 = 2;
/// Another file is missing.
const MISSING: u8 = 4;
/// The foreign file is of a version without checksums.
const EARLIER: u8 = 8;

const SHAPE: Shape = Shape { channels: 1, height: 6, width: 6 };

/// A run: its files, by the order of [`FILES`].
type Files = Vec<Vec<u8>>;

/// What every case starts from.
struct Sound {
    files: Files,
    other: Files,
    trained: Trained,
}

macro_rules! earlier {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/runs/version-0.1/run/", $name)).to_vec()
    };
}

/// A run that version 0.1 wrote, which had no `sample.json`.
fn earlier() -> Files {
    vec![
        earlier!("model.safetensors"),
        earlier!("preprocess.safetensors"),
        earlier!("svm.safetensors"),
        earlier!("checkpoint.safetensors"),
        earlier!("eval.json"),
        Vec::new(),
        earlier!("metrics.csv"),
        earlier!("recipe.toml"),
    ]
}

fn dataset() -> &'static Dataset {
    static DATASET: OnceLock<Dataset> = OnceLock::new();
    DATASET.get_or_init(|| {
        let number = |index: usize| ((index * index) as f32 * 0.37).sin() + (index / 36 % 3) as f32;
        let numbers: Vec<f32> = (0..24 * 36).map(number).collect();
        let labels: Vec<u16> = (0..24).map(|index| index % 3).collect();
        Dataset::from_floats(SHAPE, numbers).unwrap().with_labels(labels).unwrap()
    })
}

fn recipe(seed: u64, epochs: usize) -> Recipe {
    let standardise = PreprocessRecipe::Standardise { per: Per::Number, regulariser: 0.1, samples: None };
    let builder = Recipe::builder("x").preprocess(standardise).convolutional([(2, 3)], 3).lifetime(0.5);
    builder.pool("3/2".parse().unwrap()).epochs(epochs).batch(12).seed(seed).build().unwrap()
}

/// Trains and evaluates.
fn make(name: &str, seed: u64) -> (Files, Trained) {
    let folder = folder(name);
    let (run, recipe) = (Run::new(&folder), recipe(seed, 2));
    let samples = Samples::new(&recipe, dataset()).unwrap();
    train_into(&run, false, &recipe, &samples, Options::default(), &()).unwrap();
    let trained = Trained::open(&run, SHAPE).unwrap();
    let encoded = Encoded::new(&trained, &samples, Some(&samples), Encoding::default(), &()).unwrap();
    let plan = Plan { labels: None, draws: 1, seed: 1, svm: &recipe.svm };
    evaluate(&encoded, plan, &()).unwrap().save(&run).unwrap();
    let files = FILES.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect();
    fs::remove_dir_all(folder).unwrap();
    (files, trained)
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let (files, trained) = make("sound", 1);
        Sound { files, other: make("other", 2).0, trained }
    })
}

/// Puts the file into a folder with the others, and uses that as the program does.
pub fn run(bytes: &[u8]) -> bool {
    watch();
    let [which, changes, content @ ..] = bytes else { return false };
    let which = usize::from(*which) % FILES.len();
    let mut files: Vec<Option<Vec<u8>>> = sound().files.iter().cloned().map(Some).collect();
    let second = (which + 1 + usize::from(changes >> 4)) % FILES.len();
    if changes & FOREIGN != 0 {
        let other = if changes & EARLIER != 0 { &earlier() } else { &sound().other };
        files[second] = Some(other[second].clone());
    }
    if changes & MISSING != 0 {
        files[second] = None;
    }
    let mut content = content.to_vec();
    if changes & REPAIRED != 0 {
        repair(&mut content);
    }
    files[which] = Some(content);
    let folder = folder("run");
    let write = |place: &Path| {
        fs::create_dir_all(place).unwrap();
        for (name, content) in FILES.iter().zip(&files) {
            match content {
                Some(content) => fs::write(place.join(name), content).unwrap(),
                None => drop(fs::remove_file(place.join(name))),
            }
        }
    };
    let is_repaired = changes & REPAIRED != 0;
    let place = folder.join("x");
    write(&place);
    let opened = open(&Run::new(&place), is_repaired);
    resume(&Run::new(&place));
    fs::remove_dir_all(&folder).unwrap();
    expect_no_hidden_panic();
    opened
}

/// Whether all of it can be read.
fn open(run: &Run, is_repaired: bool) -> bool {
    let notes = run.unproven();
    notes.iter().for_each(sentence);
    let trained = told(Trained::open(run, SHAPE));
    if let Some(trained) = &trained {
        let is_proven = |file: &str| !notes.iter().any(|note| note.contains(file));
        // A damaged file of numbers is told, unless it says that it has no checksum, or has the right one.
        let same = !is_repaired && is_proven("model.safetensors") && is_proven("preprocess.safetensors");
        let sound = &sound().trained;
        let recipe = trained.recipe();
        if same && *recipe == *sound.recipe() {
            assert!(bits(&trained.parameters) == bits(&sound.parameters), "other weights");
            assert!(trained.preprocess == sound.preprocess, "another preprocessing");
        }
    }
    let source = told(Source::open(run, None));
    if let Some(source) = &source {
        for decoder in [false, true] {
            if let Some(file) = told(export::model(source, export::Options { decoder })) {
                file.model().unwrap();
            }
        }
    }
    let predictor = told(Predictor::open(Isa::detect(), run, SHAPE));
    if let Some(predictor) = &predictor
        && let Some(samples) = told(Samples::new(predictor.recipe(), dataset()))
    {
        let classes = predictor.classes().len();
        told(predictor.run(&samples, |_, class, scores| {
            assert!(class < classes.max(1) && scores.len() == classes.max(1), "{class} of {classes}");
            Ok(())
        }));
    }
    trained.is_some() && source.is_some() && predictor.is_some()
}

/// Goes on for another epoch, as `wta train --resume --epochs 3`.
fn resume(run: &Run) {
    let recipe = recipe(1, 3);
    let samples = Samples::new(&recipe, dataset()).unwrap();
    if let Some((trained, _)) = told(train_into(run, true, &recipe, &samples, Options::default(), &Lines)) {
        let again = Trained::open(run, SHAPE).unwrap();
        assert!(
            bits(&again.parameters) == bits(&trained.parameters),
            "what was trained is not in the folder"
        );
        assert!(trained.parameters.iter().all(|parameter| parameter.is_finite()));
    }
}

fn told<T>(result: wta::Result<T>) -> Option<T> {
    result.map_err(|error| sentence(&error)).ok()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Writes the checksum that `std-host/src/files/seal.rs` describes into a file of tensors that has one.
fn repair(file: &mut [u8]) {
    const KEY: &[u8] = b"\"checksum_crc32\":\"";
    let Some(at) = file.windows(KEY.len()).position(|window| window == KEY).map(|at| at + KEY.len()) else {
        return;
    };
    let Some(checksum) = checksum(file) else { return };
    if let Some(place) = file.get_mut(at..at + checksum.len()) {
        place.copy_from_slice(checksum.as_bytes());
    }
}

fn checksum(file: &[u8]) -> Option<String> {
    let (_, header) = SafeTensors::read_metadata(file).ok()?;
    let tensors = SafeTensors::deserialize(file).ok()?;
    let mut crc = flate2::Crc::new();
    let views: BTreeMap<&str, _> = tensors.iter().collect();
    for (name, view) in views {
        crc.update(name.as_bytes());
        crc.update(&[0]);
        crc.update(view.dtype().to_string().as_bytes());
        view.shape().iter().for_each(|size| crc.update(&(*size as u64).to_le_bytes()));
        crc.update(view.data());
    }
    let metadata: BTreeMap<_, _> = header.metadata().as_ref()?.iter().collect();
    for (key, value) in metadata.into_iter().filter(|(key, _)| *key != "checksum_crc32") {
        for text in [key, value] {
            crc.update(text.as_bytes());
            crc.update(&[0]);
        }
    }
    Some(format!("{:08x}", crc.sum()))
}

/// Each file as it was written, with its checksum to be repaired and not; beside files of other runs.
pub fn seeds() -> Vec<Vec<u8>> {
    let changes = [0, REPAIRED, FOREIGN, FOREIGN | EARLIER | 0x20, MISSING | 0x10, FOREIGN | 0x50, REPAIRED];
    let mut seeds = Vec::new();
    for (which, file) in sound().files.iter().enumerate() {
        for changes in changes {
            seeds.push([&[which as u8, changes], &file[..]].concat());
        }
    }
    for (which, file) in earlier().iter().enumerate() {
        seeds.push([&[which as u8, 0], &file[..]].concat());
    }
    seeds
}
