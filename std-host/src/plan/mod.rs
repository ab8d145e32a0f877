//! What a training takes, before it runs: layers and shapes, memory, time and disk on this machine; RAM,
//! flash and instructions on a device. What will not fit is said.
//!
//! ```
//! use wta::plan::{Settings, Subject, plan};
//! use wta::recipe;
//!
//! let recipe = recipe::load("digits-demo")?;
//! let subject = Subject::load(&recipe, None, &())?;
//! let plan = plan(&recipe, &subject, Settings { patience: 0.1, ..Settings::default() }, &())?;
//! assert_eq!(plan.layers[0].parameters, 8_769);
//! assert!(plan.will_not_fit.is_empty());
//! # Ok::<(), wta::Error>(())
//! ```
//!
//! The numbers do not come from formulas of their own. Each layer does a few steps on a few samples, with the
//! code of a training ([`rehearse`]). What the process has in use is read from the
//! operating system. What grows with the number of samples is multiplied. The files are put together, and
//! not written; the model for a device is exported, with a classifier of zeros.

pub mod boards;
mod device;
mod layers;
mod subject;
mod uses;

use serde::Serialize;

use crate::error::{Error, Interrupted, Result};
use crate::files::free::free;
use crate::memory::resident;
use crate::numbers::{channels_rows_columns, grouped};
use crate::observer::{Observer, ProgressAlone};
use crate::recipe::Recipe;
use crate::run::Run;
use crate::train::{self, LayerRehearsal, Options, Wanted, rehearse};

pub use device::{DeviceForm, DevicePlan};
pub use layers::{LayerPlan, Stage};
pub use subject::Subject;
pub use uses::UsesPlan;

/// How to plan.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The options of the training.
    pub options: Options<'a>,
    /// The run folder, if it is known: there has to be room for its files.
    pub run: Option<&'a Run>,
    /// Whether the training continues from the run's checkpoint.
    pub resume: bool,
    /// About how many seconds the steps of the highest layer may take; those of each layer below, twice as
    /// long. At least one is done, however long it takes.
    pub patience: f64,
    /// The most bytes that the process may have in use; what the system leaves, by default.
    pub most: Option<u64>,
    /// The bytes of RAM that a device has.
    pub device_ram: Option<u64>,
    /// The bytes of flash that a device has.
    pub device_flash: Option<u64>,
}

impl Settings<'_> {
    /// The default of [`Settings::patience`].
    pub const PATIENCE: f64 = 5.0;
}

impl Default for Settings<'_> {
    fn default() -> Self {
        let options = Options::default();
        let (most, patience) = (resident::most(), Self::PATIENCE);
        Self { options, run: None, resume: false, patience, most, device_ram: None, device_flash: None }
    }
}

/// What a training takes. Bytes are whole, times are in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The recipe's name.
    pub recipe: String,
    /// The instruction set.
    pub isa: &'static str,
    /// The number of threads.
    pub threads: usize,
    /// The samples.
    pub samples: SamplesPlan,
    /// The layers, from the lowest up: each is trained to its end before the next one.
    pub layers: Vec<LayerPlan>,
    /// The memory of this machine.
    pub memory: MemoryPlan,
    /// The time of the whole training, without the disk; `None` if it was not measured.
    pub seconds: Option<f64>,
    /// The disk.
    pub disk: Option<DiskPlan>,
    /// What is done with the trained network; `None` if the training does not fit.
    pub uses: Option<UsesPlan>,
    /// A device; `None` if the training does not fit.
    pub device: Option<DevicePlan>,
    /// A sentence for each thing that will not fit.
    pub will_not_fit: Vec<String>,
}

/// The samples.
#[derive(Clone, Debug, Serialize)]
pub struct SamplesPlan {
    /// Channels x rows x columns of a sample.
    pub shape: String,
    /// The training samples.
    pub train: usize,
    /// The test samples, if their number is known.
    pub test: Option<usize>,
    /// The number of classes; 0 without labels.
    pub classes: usize,
    /// Whether the data set itself was loaded; otherwise others of its shape stand in for it.
    pub loaded: bool,
    /// Seconds to load it.
    pub load_seconds: Option<f64>,
}

/// The memory of this machine.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryPlan {
    /// The most bytes in use at any time of the training, with the program itself; `None` if it was not
    /// measured.
    pub peak: Option<u64>,
    /// The most bytes that the process may have in use, if that is known.
    pub most: Option<u64>,
}

/// The disk.
#[derive(Clone, Debug, Serialize)]
pub struct DiskPlan {
    /// The bytes of the run's files when the training has ended, but for pictures and tables of some KB.
    pub bytes: u64,
    /// The most bytes at any time: a file is replaced when the new one is whole.
    pub most: u64,
    /// The bytes that are free where the run folder is, or is to be.
    pub free: Option<u64>,
}

/// Plans the training of a recipe. Nothing is written.
///
/// # Errors
///
/// What [`train_into`](crate::train::train_into) would refuse, but for too little memory: that is in
/// [`Plan::will_not_fit`]. [`Error::Interrupted`] if the observer stops it.
pub fn plan(
    recipe: &Recipe,
    subject: &Subject,
    settings: Settings<'_>,
    observer: &dyn Observer,
) -> Result<Plan> {
    expect_room_for_run(recipe, &settings)?;
    let Settings { options, patience, most, .. } = settings;
    let resume = settings.run.filter(|_| settings.resume);
    let wanted = Wanted { options, resume, patience, most };
    // The results of so few steps are none.
    let quiet = ProgressAlone(observer);
    let found = rehearse(recipe, subject.few(), subject.few_patches(), wanted, &quiet);
    let found = found.map_err(|error| match error {
        Error::Interrupted(_) => Error::Interrupted(Interrupted::InMemory),
        error => error,
    })?;
    let mut will_not_fit: Vec<String> = found.refused.iter().map(ToString::to_string).collect();
    let image = subject.image();
    let resolved = recipe.resolve(image)?;
    let layers = resolved.layers();
    let layers = layers.iter().enumerate();
    let layers: Vec<LayerPlan> =
        layers.map(|(index, layer)| LayerPlan::new(layer, found.layers.get(index))).collect();
    let is_whole = found.refused.is_none();
    let peaks = found.layers.iter().map(|layer| layer.memory.map(|memory| memory.peak()));
    let peak = peaks.flatten().chain(subject.load_peak()).max().filter(|_| is_whole);
    let memory = MemoryPlan { peak, most };
    if let (Some(peak), Some(most)) = (memory.peak, memory.most)
        && peak > most
    {
        will_not_fit.push(format!(
            "the training needs {} of memory, and this process may have only {}",
            mebibytes(peak),
            mebibytes(most)
        ));
    }
    let disk = is_whole.then(|| DiskPlan::new(&found.layers, settings.run));
    if let Some(DiskPlan { most, free: Some(free), .. }) = disk
        && most > free
    {
        will_not_fit.push(format!(
            "the run's files need {} on the disk, where only {} are free",
            mebibytes(most),
            mebibytes(free)
        ));
    }
    let (mut uses, mut device) = (None, None);
    if let Some(trained) = &found.trained {
        uses = UsesPlan::new(trained, subject, options.isa)?;
        let found = DevicePlan::new(trained, subject)?;
        will_not_fit.extend(found.too_large(settings.device_ram, settings.device_flash));
        device = Some(found);
    }
    let seconds = layers.iter().map(|layer| layer.seconds).sum::<Option<f64>>();
    Ok(Plan {
        recipe: recipe.name.clone(),
        isa: options.isa.name(),
        threads: rayon::current_num_threads(),
        samples: SamplesPlan {
            shape: channels_rows_columns(image),
            train: subject.train(),
            test: subject.test(),
            classes: subject.classes(),
            loaded: subject.is_loaded(),
            load_seconds: subject.load_seconds(),
        },
        layers,
        memory,
        seconds: seconds.map(|seconds| seconds + subject.load_seconds().unwrap_or(0.0)),
        disk,
        uses,
        device,
        will_not_fit,
    })
}

/// `Ok` if a training of this recipe may begin, or continue, in the run folder.
fn expect_room_for_run(recipe: &Recipe, settings: &Settings<'_>) -> Result<()> {
    match settings.run {
        Some(run) if settings.resume && run.exists() => run.expect_to_go_on(recipe),
        Some(run) => run.expect_free(),
        None => Ok(()),
    }
}

impl DiskPlan {
    fn new(layers: &[LayerRehearsal], run: Option<&Run>) -> Self {
        let files = layers.iter().flat_map(|layer| {
            let train::Files { model, checkpoint } = layer.files;
            [model, checkpoint, layer.preprocess_file]
        });
        let bytes = files.clone().sum();
        let most = bytes + files.max().unwrap_or(0);
        Self { bytes, most, free: run.and_then(|run| free(run.folder())) }
    }
}

/// Bytes for a person, as `1,234 MiB`.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", grouped(bytes.div_ceil(1 << 20)))
}

#[cfg(test)]
mod tests {
    use wta_core::{Random, Shape};

    use super::*;
    use crate::Dataset;
    use crate::data::DataSource;
    use crate::extent::Extent;
    use crate::recipe::{self, Architecture, PreprocessRecipe};

    /// One step of a layer.
    fn settings() -> Settings<'static> {
        Settings { patience: 0.0, ..Settings::default() }
    }

    /// The recipe with few maps, small batches, and whitening that is quick to learn.
    fn small(recipe: &mut Recipe) {
        recipe.training.batch = 4;
        match &mut recipe.network {
            Architecture::Convolutional { encoder, .. } => {
                encoder.iter_mut().for_each(|layer| layer.maps = layer.maps.min(16));
            }
            Architecture::FullyConnected { units, .. } => {
                units.iter_mut().for_each(|units| *units = (*units).min(500));
            }
            Architecture::Rbm { hidden, .. } => *hidden = (*hidden).min(500),
        }
        for step in &mut recipe.preprocess {
            if let PreprocessRecipe::Zca { patch, samples, .. } = step {
                (*patch, *samples) = (Some(Extent::Square(3)), None);
            }
        }
        if let Some(below) = &mut recipe.below {
            small(below);
        }
    }

    /// A few samples of noise; smaller than those of the recipe, where its networks take them.
    fn noise(recipe: &Recipe) -> Dataset {
        let published = recipe.data.set.image_shape().unwrap();
        let side = match (&recipe.data.set, recipe.large, &recipe.below) {
            (DataSource::Digits | DataSource::Mnist, _, _) => published.height,
            (_, Some(_), _) => 64,
            (_, None, Some(_)) => 32,
            (_, None, None) => 16,
        };
        let shape = Shape::new(published.channels, side, side);
        let mut random = Random::new(3);
        let pixels: Vec<u8> = (0..12 * shape.len()).map(|_| random.below(256) as u8).collect();
        Dataset::from_bytes(shape, pixels).unwrap().with_labels([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]).unwrap()
    }

    #[test]
    fn every_recipe_has_a_plan() {
        for name in recipe::names() {
            let mut recipe = recipe::load(name).unwrap();
            small(&mut recipe);
            recipe.check().unwrap();
            let patches = recipe.below.as_deref().filter(|_| recipe.large.is_some()).map(noise);
            let subject = Subject::new(&recipe, noise(&recipe), patches).unwrap();
            let plan =
                plan(&recipe, &subject, settings(), &()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(plan.will_not_fit, Vec::<String>::new(), "{name}");
            assert_eq!((plan.samples.train, plan.samples.classes), (12, 10));
            let layers: Vec<&str> = plan.layers.iter().map(|layer| layer.recipe.as_str()).collect();
            let expected: Vec<&str> = recipe.layers().iter().map(|layer| layer.name.as_str()).collect();
            assert_eq!(layers, expected);
            for layer in &plan.layers {
                let parameters: usize = layer.stages.iter().map(|stage| stage.parameters).sum();
                assert_eq!(layer.parameters, parameters, "{name}");
                assert!(
                    layer.measured_steps == 1 && layer.seconds.is_some_and(|s| s > 0.0),
                    "{name}: {layer:?}"
                );
                let (least, step) = (layer.state_bytes, layer.step_bytes);
                assert!(layer.peak_bytes.is_none_or(|peak| peak > least), "{name}: {layer:?}");
                assert!(step.is_none_or(|step| step < layer.peak_bytes.unwrap_or(0)), "{name}: {layer:?}");
            }
            let disk = plan.disk.unwrap();
            let state: u64 = plan.layers.iter().map(|layer| layer.state_bytes).sum();
            assert!(disk.bytes > state && disk.most > disk.bytes, "{name}: {disk:?}");
            let device = plan.device.unwrap();
            assert!(!device.forms.is_empty() || !device.refused.is_empty(), "{name}");
            assert!(plan.uses.unwrap().evaluate_most > Some(0), "{name}");
        }
    }

    #[test]
    fn what_has_no_room_is_said_before_it_is_taken() {
        let recipe = recipe::load("mnist-fc1000").unwrap();
        let subject = Subject::load(&recipe, None, &()).unwrap();
        let little = Settings { most: Some(1 << 20), ..settings() };
        let plan = plan(&recipe, &subject, little, &()).unwrap();
        let [sentence] = &plan.will_not_fit[..] else { panic!("{:?}", plan.will_not_fit) };
        assert!(sentence.starts_with("recipe mnist-fc1000: the training needs "), "{sentence}");
        assert_eq!((plan.memory.peak, plan.seconds, plan.layers[0].step_ms), (None, None, None));
        assert_eq!(plan.layers[0].parameters, 784 * 1000 + 1000 + 784, "shapes are known all the same");
        assert_eq!((plan.samples.train, plan.samples.loaded), (60_000, false));
    }

    #[test]
    fn a_device_has_room_or_not() {
        let mut recipe = recipe::load("digits-demo").unwrap();
        small(&mut recipe);
        let subject = Subject::new(&recipe, noise(&recipe), None).unwrap();
        let with = |ram, flash| {
            let settings = Settings { device_ram: Some(ram), device_flash: Some(flash), ..settings() };
            plan(&recipe, &subject, settings, &()).unwrap().will_not_fit
        };
        assert_eq!(with(1 << 20, 1 << 20), Vec::<String>::new());
        let small = with(10_000, 50_000);
        assert!(
            small.iter().any(|s| s.starts_with("classifying, row by row needs 13,992 bytes of RAM")),
            "{small:?}"
        );
        assert!(
            small.iter().any(|s| s.starts_with("the model in f32 needs 91,536 bytes of flash")),
            "{small:?}"
        );
        assert!(!small.iter().any(|s| s.contains("int8")), "{small:?}");
    }

    #[test]
    fn own_data_are_needed() {
        let recipe = recipe::load("faces-conv64").unwrap();
        let error = Subject::load(&recipe, None, &()).unwrap_err().to_string();
        assert!(
            error.contains("is needed: the shape and the number of recipe faces-conv64's samples"),
            "{error}"
        );
    }
}
