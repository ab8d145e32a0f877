//! From firmware back to a run: the folder that a `model.wta` could have been exported from.
//!
//! A `model.wta` says what the network is, and not what it learnt from: the data set comes from a recipe, or
//! is a set of arrays. What it does not hold has to be made up: a decoder that was left out is 0 throughout,
//! and settings of a training that is not there are usual ones. Exporting the run gives
//! the same numbers; the same bytes where the file has no more than a run (no state of a training, no 8-bit
//! integers) and no less (a decoder).

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use wta_core::model::{PREPROCESSING, TrainingState};
use wta_core::{
    BadImages, Guard, Method, Model, Pool, Schedule, Selection, Shape, Size, Threshold, TrainingConfig,
};

use crate::data::{Classes, Form};
use crate::error::{Error, Result};
use crate::evaluate::origin_of;
use crate::extent::Extent;
use crate::files::whole;
use crate::memory::flash::as_in_flash;
use crate::preprocess::Preprocess;
use crate::recipe::{
    Architecture, BadSamplesRecipe, CorruptionRecipe, Features, InitialRecipe, LayerRecipe, OptimizerRecipe,
    PoolRecipe, Recipe, Resolved, ScheduleRecipe, SparsityRecipe, parse,
};
use crate::run::{Below, CLASSIFIER, RECORD, Run, SampleKind, Trained};
use crate::svm::file::Origin;
use crate::svm::{self, Columns};
use crate::train::save_checkpoint;

/// What is not in a `model.wta`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A recipe whose data set, classifier's settings and, where the model has no state of a training,
    /// training settings the run gets.
    pub recipe: Option<Recipe>,
    /// The shape of a sample, where neither the model nor the recipe says it.
    pub shape: Option<Shape>,
}

/// What came of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network.
    pub trained: Trained,
    /// The number of classes of the classifier; 0 for none.
    pub classes: usize,
    /// Steps of training done, if the model has the state of a training that a recipe can describe.
    pub step: Option<u64>,
    /// Sentences about what the model does not hold, or the run does not take.
    pub notes: Vec<&'static str>,
}

/// What a run without a recipe learns from: arrays of these names.
const DATA: &str = r#"name = "imported"
about = "imported from a model.wta"
data = { set = "array", train = "train.npy", train_labels = "train_labels.npy", test = "test.npy", test_labels = "test_labels.npy" }
network = { kind = "fully-connected", units = [1], initial = "he" }
sparsity = { lifetime = 0.05 }
training = { epochs = 1, batch = 100, optimizer = "adam", rate = 1e-3 }
"#;

/// The largest seed that TOML can say.
const MOST_SEED: u64 = i64::MAX as u64;

/// Makes a run of a `model.wta`, in a folder that is new or empty.
///
/// # Errors
///
/// One sentence if the file cannot be read, is damaged or holds 8-bit integers alone, if the folder holds
/// anything, or if no recipe can describe the model.
pub fn import(path: &Path, run: &Run, options: &Options) -> Result<Imported> {
    let bytes = whole::read(path)?;
    let words = as_in_flash(&bytes, || format!("{}: its content", path.display()))?;
    let whole = bytemuck::cast_slice(&words).get(..bytes.len()).unwrap_or_default();
    let refused = |problem: String| Error::file(path, problem);
    let found = Model::parse(whole).map_err(|error| refused(error.to_string()))?;
    if found.parameters().is_none() {
        return Err(refused(
            "holds no network in f32, of which a run is made; export it without 8-bit integers".into(),
        ));
    }
    if found.lowest().is_stacked() {
        return Err(refused(
            "is the upper layer of a stack without the layers below; import the whole stack".into(),
        ));
    }
    let parts = Parts::of(&found, options).map_err(&refused)?;
    let resolved = parts.recipe.resolve(parts.image)?;
    if resolved.network().turned() != found.network().turned() {
        return Err(refused("has a network that no recipe describes".into()));
    }
    // As it will be read.
    if parse(&parts.recipe.to_toml()?, "import")? != parts.recipe {
        return Err(refused("has settings that no recipe describes".into()));
    }
    let staged = run.staged()?;
    let imported = parts.write(&found, staged.run())?;
    staged.commit()?;
    Ok(imported)
}

/// A run to be, but for its numbers.
struct Parts {
    recipe: Recipe,
    /// The shape of a sample.
    image: Shape,
    preprocess: Preprocess,
    notes: Vec<&'static str>,
}

impl Parts {
    /// Fails with a sentence to come behind the file's name.
    fn of(found: &Model<'_>, options: &Options) -> std::result::Result<Self, String> {
        let lowest = found.lowest();
        let words: Option<&[u32]> =
            lowest.section(PREPROCESSING).and_then(|bytes| bytemuck::try_cast_slice(bytes).ok());
        let known = options.shape.or_else(|| options.recipe.as_ref()?.data.set.image_shape());
        let input = upright(lowest.network().input());
        let (preprocess, steps) = match words {
            Some(words) => Preprocess::from_device(words)?,
            None if lowest.network().is_fully_connected() => {
                if known.is_none() && lowest.is_planar() {
                    return Err("does not say the shape of a sample; say it".to_owned());
                }
                // Numbers without an order, as a data set of vectors has them.
                let vector = Shape::new(1, 1, input.len());
                (Preprocess::none(known.unwrap_or(vector)), Vec::new())
            }
            None => (Preprocess::none(input), Vec::new()),
        };
        let image = preprocess.shape();
        if known.is_some_and(|known| known != image) || image.len() != lowest.network().input().len() {
            return Err("takes samples of another shape than was said".to_owned());
        }
        let mut notes = Vec::new();
        if matches!(found.training(), Ok(None)) {
            notes.push("it has no state of a training: one is begun with its weights");
        }
        if found.int8().is_some() {
            notes.push("its 8-bit integers are left out: quantise the run again to export them");
        }
        let mut base = match &options.recipe {
            Some(recipe) => recipe.clone(),
            None => parse(DATA, "import").map_err(|error| error.to_string())?,
        };
        // A stack's layers have one data set.
        base.data.divide_by = divisor(lowest.scale());
        let mut recipe: Option<Recipe> = None;
        for layer in layers(found) {
            let below = recipe.take().map(Box::new);
            recipe = Some(described(&layer, &base, below));
        }
        let mut recipe = recipe.ok_or("has no layer")?;
        // All layers of a stack name the steps, which are done once.
        let mut layer = Some(&mut recipe);
        while let Some(here) = layer {
            here.preprocess.clone_from(&steps);
            layer = here.below.as_deref_mut();
        }
        Ok(Self { recipe, image, preprocess, notes })
    }

    fn write(mut self, found: &Model<'_>, run: &Run) -> Result<Imported> {
        let classes = found.svm().map_or(0, |svm| svm.classes());
        // A device may have left a name empty.
        let name = |class: usize| match found.class_name(class) {
            None | Some("") => class.to_string(),
            Some(name) => name.to_owned(),
        };
        let names = Classes::new((0..classes).map(name))?;
        let kind = SampleKind {
            shape: self.image,
            form: Form::of(self.image),
            classes: names.clone(),
            count: None,
            fingerprint: None,
        };
        self.trained(found)?.write(run, &kind)?;
        // A resume must not begin with other weights: without a state of the training, it begins with these.
        let mut folder = run.clone();
        let trained = Trained::open(run, self.image)?;
        for layer in trained.layers().into_iter().rev() {
            layer.save_as_trained(&folder, None)?;
            folder = folder.below();
        }
        if !found.parameters().is_some_and(|parameters| parameters.has_decoder()) {
            self.notes
                .push("it has no decoder: that of the run is 0 throughout, which training would begin from");
        }
        let step = self.save_training(found, run, &trained)?;
        if let Some(found_svm) = found.svm() {
            let svm = svm::Model {
                classes,
                features: found_svm.features(),
                weights: found_svm.weights().to_vec(),
                bias: found_svm.bias().to_vec(),
            };
            let columns = Columns { layers: vec![trained.features()], factors: None };
            let origin = origin_of(&trained, trained.resolved.pool(), 1.0, names.names());
            let classifier = svm::file::save(&run.file(CLASSIFIER), &svm, &columns, &origin)?;
            let Origin { weights, pool, power, classes, .. } = origin;
            let record = json!({ "classes": classes, "pool": pool, "power": power, "weights": weights, "classifier": classifier });
            run.save_json(RECORD, &record)?;
        }
        Ok(Imported { trained, classes, step, notes: self.notes })
    }

    /// The network with all layers.
    fn trained(&self, found: &Model<'_>) -> Result<Trained> {
        let top = Arc::new(self.recipe.resolve(self.image)?);
        let mut all: Vec<Arc<Resolved>> =
            std::iter::successors(Some(top.clone()), |layer| layer.below().cloned()).collect();
        all.reverse();
        let preprocess = Arc::new(self.preprocess.clone());
        let mut trained: Option<Trained> = None;
        for (resolved, layer) in all.into_iter().zip(layers(found)) {
            let mut parameters = vec![0.0; resolved.network().parameters_len()];
            let stored = layer.section(wta_core::model::PARAMETERS).unwrap_or_default();
            let values: &[f32] = bytemuck::try_cast_slice(stored).unwrap_or_default();
            parameters.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            let below = trained.take().map(|trained| Box::new(Below { trained, scale: layer.scale() }));
            let preprocess = preprocess.clone();
            trained = Some(Trained { resolved, parameters, preprocess, below, thresholds: None });
        }
        trained.ok_or_else(|| Error::Invalid("the model has no layer".to_owned()))
    }

    /// Writes the checkpoint, if there is the state of a training; returns the steps done.
    fn save_training(&mut self, found: &Model<'_>, run: &Run, trained: &Trained) -> Result<Option<u64>> {
        let Some(state) = found.training()? else { return Ok(None) };
        if !is_described(&state) {
            self.notes
                .push("its training has settings that no recipe describes: one is begun with its weights");
            return Ok(None);
        }
        save_checkpoint(
            run,
            &trained.parameters,
            state.moments,
            state.step,
            trained.network().code().channels,
        )?;
        Ok(Some(state.step))
    }
}

/// The layers from the lowest up.
fn layers<'a>(found: &Model<'a>) -> Vec<Model<'a>> {
    let mut all: Vec<Model<'a>> = std::iter::successors(Some(*found), Model::below).collect();
    all.reverse();
    all
}

/// A shape as a host knows it: a signal is a row.
fn upright(shape: Shape) -> Shape {
    if shape.width == 1 && shape.height > 1 { Shape::new(shape.channels, 1, shape.height) } else { shape }
}

/// What numbers are divided by to get this scale, to the bit if there is such a number.
fn divisor(scale: f32) -> f32 {
    let near = 1.0 / scale;
    let candidates = [near.round(), near, near.next_up(), near.next_down()];
    candidates.into_iter().find(|divisor| 1.0 / divisor == scale).unwrap_or(near)
}

/// The recipe of a layer on the one below.
fn described(found: &Model<'_>, base: &Recipe, below: Option<Box<Recipe>>) -> Recipe {
    let network = found.network();
    let turned = network.input().width == 1 && network.input().height > 1;
    // On a signal, one number would count along the time alone.
    let size = |Size { height, width }: Size| match turned {
        true => Extent::Rectangle([width, height]),
        false => Extent::from(Size::new(height, width)),
    };
    let (tied, initial) = (network.is_tied(), InitialRecipe::He);
    let architecture = if network.is_fully_connected() {
        let units = network.layers().map(|layer| layer.conv.maps).collect();
        Architecture::FullyConnected { units, tied, initial }
    } else {
        let layer = |conv: wta_core::Conv| LayerRecipe {
            maps: conv.maps,
            kernel: size(conv.kernel),
            stride: size(conv.stride),
        };
        let encoder = network.layers().map(|found| layer(found.conv)).collect();
        Architecture::Convolutional {
            encoder,
            decoder_kernel: size(network.decoder().conv.kernel),
            tied,
            initial,
        }
    };
    let pool = found.pool();
    let threshold = pool.threshold.into();
    let is_pooled = Pool { threshold: Threshold::None, ..pool } != Pool::NONE;
    let windows = is_pooled.then(|| PoolRecipe {
        kernel: size(pool.kernel),
        stride: size(pool.stride),
        ..PoolRecipe::from(pool)
    });
    let mut recipe = Recipe {
        network: architecture,
        features: Features { root: found.sqrt_features(), pool: windows, threshold, ..Features::default() },
        below,
        large: None,
        preprocess: Vec::new(),
        ..base.clone()
    };
    if let Ok(Some(state)) = found.training() {
        train_like(&mut recipe, &state, size);
    }
    recipe
}

/// Whether a recipe can say all of this training.
fn is_described(state: &TrainingState<'_>) -> bool {
    let TrainingConfig { optimizer, corruption, .. } = state.config;
    let seeded = corruption.is_none() || corruption.seed <= MOST_SEED;
    seeded && (optimizer.method == Method::ADAM || matches!(optimizer.method, Method::Sgd { .. }))
}

/// The settings of a training in the recipe. The epochs are not known, as the number of samples is not.
fn train_like(recipe: &mut Recipe, state: &TrainingState<'_>, size: impl Fn(Size) -> Extent) {
    let config = state.config;
    let (lifetime, per_sample, per_batch) = match config.sparsity.selection {
        Selection::All => (None, None, None),
        Selection::Lifetime { rate } => (Some(rate), None, None),
        Selection::PerSample { count } => (None, Some(count), None),
        Selection::Batch { count } => (None, None, Some(count)),
    };
    let grid = size(config.sparsity.grid);
    recipe.sparsity = SparsityRecipe { grid, lifetime, per_sample, per_batch, ..SparsityRecipe::default() };
    recipe.dictionary.unit_atoms = config.dictionary.unit_atoms;
    recipe.corruption = CorruptionRecipe { input: config.corruption.input, hidden: config.corruption.hidden };
    let training = &mut recipe.training;
    training.batch = config.batch;
    training.rate = config.optimizer.rate;
    training.decay = config.optimizer.decay;
    training.seed = config.corruption.seed & MOST_SEED;
    let Guard { inputs, limit, bad_images, gradient_norm } = config.guard;
    training.clip_inputs = inputs.map(<[f32; 2]>::from);
    training.limit_inputs = limit;
    training.clip_gradient = gradient_norm;
    training.bad_samples = match bad_images {
        BadImages::Refuse => BadSamplesRecipe::Refuse,
        BadImages::Skip => BadSamplesRecipe::Skip,
    };
    training.optimizer = match config.optimizer.method {
        Method::Adam { .. } => OptimizerRecipe::Adam,
        Method::Sgd { momentum } => OptimizerRecipe::Sgd { momentum },
    };
    training.schedule = match config.optimizer.schedule {
        Schedule::Constant => ScheduleRecipe::Constant,
        Schedule::Linear => ScheduleRecipe::Linear,
        Schedule::Step { at, factor } => ScheduleRecipe::Step { at, factor },
        Schedule::Ramps { rise, fall } => ScheduleRecipe::Ramps { rise, fall },
    };
}
