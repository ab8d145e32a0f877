//! A run directory: everything that one experiment leaves behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wta_core::{Network, Shape, Size};
use wta_simd::Isa;

use crate::atomic;
use crate::error::{Error, Result};
use crate::model::{self, Model};
use crate::preprocess::{Preprocess, Preprocessor};
use crate::recipe::{self, Recipe};

/// All that a run folder may hold.
const FILES: [&str; 10] = [
    "checkpoint.safetensors",
    "preprocess.safetensors",
    "model.safetensors",
    "svm.safetensors",
    "metrics.csv",
    "eval.json",
    "dictionary.png",
    "feature_maps.png",
    "reconstructions.png",
    "recipe.toml",
];

/// What `metrics.csv` has for each epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u64,
    /// Half the squared error of an image, averaged over the epoch.
    pub loss: f64,
    /// The mean squared error of a pixel.
    pub pixel_mse: f64,
    /// The share of maps that never survived in the epoch.
    pub dead_share: f64,
    /// The learning rate at the epoch's last step.
    pub rate: f64,
    /// Wall-clock time of the epoch.
    pub seconds: f64,
}

/// A run directory.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// The run in this folder, which need not be there yet.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().to_path_buf() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The checkpoint's path.
    pub fn checkpoint(&self) -> PathBuf {
        self.file("checkpoint.safetensors")
    }

    /// The run of the layer below, in a stack.
    pub fn below(&self) -> Self {
        Self::new(self.file("below"))
    }

    /// Begins a run: makes the folder and writes the recipe.
    ///
    /// # Errors
    ///
    /// One sentence when the folder holds a run already, or cannot be written.
    pub fn begin(&self, recipe: &Recipe) -> Result<()> {
        if self.file("recipe.toml").exists() {
            return Err(Error::file(
                &self.folder,
                "holds a run already; continue it with --resume, or choose another --run folder",
            ));
        }
        atomic::create_dir(&self.folder)?;
        self.write_recipe(recipe)
    }

    fn write_recipe(&self, recipe: &Recipe) -> Result<()> {
        let text = recipe.to_toml()?;
        atomic::write(&self.file("recipe.toml"), |to| to.write_all(text.as_bytes()))
    }

    /// Removes the files of this run, and nothing else.
    ///
    /// # Errors
    ///
    /// One sentence when one cannot be removed.
    pub fn remove(&self) -> Result<()> {
        self.remove_below()?;
        // The recipe goes last: without it the folder is no run folder.
        FILES.into_iter().try_for_each(|name| self.remove_file(name))
    }

    /// Removes the files of this run, and its folder unless there is anything else in it.
    ///
    /// # Errors
    ///
    /// As for [`Run::remove`].
    pub fn remove_folder(&self) -> Result<()> {
        self.remove()?;
        let _ = std::fs::remove_dir(&self.folder);
        Ok(())
    }

    fn remove_below(&self) -> Result<()> {
        if self.below().exists() { self.below().remove_folder() } else { Ok(()) }
    }

    fn remove_file(&self, name: &str) -> Result<()> {
        match std::fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", self.file(name), error))
            }
            _ => Ok(()),
        }
    }

    /// Makes this a run of another recipe, with what training that one would make just the same: what preprocessing has learnt,
    /// the layers below, or all of the training when only features or classifier differ.
    ///
    /// # Errors
    ///
    /// One sentence when there is no run here, or a file cannot be removed or written.
    pub fn turn_into(&self, recipe: &Recipe) -> Result<()> {
        let old = self.recipe()?;
        for name in FILES {
            let keeps = match name {
                "preprocess.safetensors" => old.preprocesses_like(recipe),
                "checkpoint.safetensors" | "model.safetensors" | "metrics.csv" => old.trains_like(recipe),
                // Replaced last: what is broken off before still says what the folder holds.
                "recipe.toml" => true,
                _ => false,
            };
            if !keeps {
                self.remove_file(name)?;
            }
        }
        match &recipe.below {
            Some(below) if self.below().exists() => self.below().turn_into(below)?,
            _ => self.remove_below()?,
        }
        self.write_recipe(recipe)
    }

    /// Copies what training made, the layers below included, and not what came of it later: the copy can be resumed
    /// and stacked on.
    ///
    /// # Errors
    ///
    /// One sentence when a file cannot be read or written.
    pub fn copy_training(&self, to: &Self) -> Result<()> {
        atomic::create_dir(&to.folder)?;
        if self.below().exists() {
            self.below().copy_training(&to.below())?;
        }
        // The recipe goes last: what is broken off before is no run folder.
        let files = [
            "preprocess.safetensors",
            "checkpoint.safetensors",
            "model.safetensors",
            "metrics.csv",
            "recipe.toml",
        ];
        for name in files {
            let from = self.file(name);
            if from.exists() {
                let bytes = std::fs::read(&from).map_err(|e| Error::io("read", &from, e))?;
                atomic::write(&to.file(name), |to| to.write_all(&bytes))?;
            }
        }
        Ok(())
    }

    /// Whether there is anything to resume.
    pub fn exists(&self) -> bool {
        self.file("recipe.toml").exists()
    }

    /// The run's recipe.
    ///
    /// # Errors
    ///
    /// One sentence when there is no run here.
    pub fn recipe(&self) -> Result<Recipe> {
        let path = self.file("recipe.toml");
        if !path.exists() {
            return Err(Error::file(
                &self.folder,
                "is not a run folder: it has no recipe.toml; make one with `wta train`",
            ));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        recipe::parse(&text, &path.display().to_string())
    }

    /// `Ok` when this run was made with the same recipe.
    ///
    /// # Errors
    ///
    /// One sentence when it was made with another.
    pub fn expect_recipe(&self, recipe: &Recipe) -> Result<()> {
        let theirs = self.recipe()?;
        if theirs == *recipe {
            return Ok(());
        }
        let what = if theirs.name == recipe.name {
            "other settings (epochs, seed or an edited recipe)".to_owned()
        } else {
            format!("recipe {}", theirs.name)
        };
        Err(Error::file(
            &self.folder,
            format!(
                "was made with {what}, not this {}; resume with the same, or choose another --run folder",
                recipe.name
            ),
        ))
    }

    /// The trained model.
    ///
    /// # Errors
    ///
    /// One sentence when there is no model, or not one of this network.
    pub fn model(&self, network: &Network) -> Result<Model> {
        let path = self.file("model.safetensors");
        if !path.exists() {
            return Err(Error::file(
                &self.folder,
                "has no model.safetensors yet; finish an epoch of `wta train`",
            ));
        }
        model::load(&path, network)
    }

    /// The metrics of the first `epochs` epochs.
    ///
    /// # Errors
    ///
    /// One sentence when the file cannot be read.
    pub fn metrics(&self, epochs: u64) -> Result<Vec<EpochMetrics>> {
        let path = self.file("metrics.csv");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let broken = |e: csv::Error| Error::file(&path, format!("cannot be read ({e}); remove it"));
        let rows = csv::Reader::from_path(&path).map_err(broken)?.into_deserialize();
        let rows: std::result::Result<Vec<EpochMetrics>, _> = rows.collect();
        Ok(rows.map_err(broken)?.into_iter().filter(|row| row.epoch <= epochs).collect())
    }

    /// Writes the metrics.
    ///
    /// # Errors
    ///
    /// One sentence when the file cannot be written.
    pub fn save_metrics(&self, rows: &[EpochMetrics]) -> Result<()> {
        atomic::write(&self.file("metrics.csv"), |to| {
            let mut writer = csv::Writer::from_writer(to);
            for row in rows {
                writer.serialize(row).map_err(std::io::Error::other)?;
            }
            writer.flush()
        })
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    ///
    /// One sentence when the file cannot be written.
    pub fn save_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        atomic::write(&self.file(name), |to| {
            serde_json::to_writer_pretty(&mut *to, value)?;
            to.write_all(b"\n")
        })
    }
}

/// A trained network: a run's recipe and its parameters, for images of one shape.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The recipe.
    pub recipe: Recipe,
    /// The network; of a stack, the last layer's.
    pub network: Network,
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// What is done to images before the network, or a stack's lowest one, sees them.
    pub preprocess: Arc<Preprocess>,
    /// The layer below, in a stack.
    pub below: Option<Box<Below>>,
}

/// The layer below a trained one.
#[derive(Clone, Debug)]
pub struct Below {
    /// The layer.
    pub trained: Trained,
    /// What its features are multiplied by.
    pub scale: f32,
}

impl Trained {
    /// Loads a run's network for images of this shape.
    ///
    /// # Errors
    ///
    /// As for [`Run::recipe`], [`Run::model`] and [`Preprocess::load`].
    pub fn load(run: &Run, image: Shape) -> Result<Self> {
        Self::load_as(run, run.recipe()?, image)
    }

    /// Loads a run's network for images of this shape, applied as `recipe` says: the run's own, or what
    /// [`Recipe::applied`] made of it.
    ///
    /// # Errors
    ///
    /// As for [`Trained::load`].
    pub fn load_as(run: &Run, recipe: Recipe, image: Shape) -> Result<Self> {
        let network = recipe.network(image)?;
        let Model { parameters, input_scale } = run.model(&network)?;
        let below = match (&recipe.below, recipe.below_applied()) {
            (Some(below), Some(applied)) => {
                run.below().expect_recipe(below)?;
                let scale = input_scale.ok_or_else(|| {
                    Error::file(run.file("model.safetensors"), "has no tensor input.scale; train again")
                })?;
                Some(Box::new(Below { trained: Self::load_as(&run.below(), applied, image)?, scale }))
            }
            _ => None,
        };
        let preprocess = match &below {
            None => Arc::new(Preprocess::load(run, &recipe, image)?),
            Some(below) => Arc::clone(&below.trained.preprocess),
        };
        Ok(Self { recipe, network, parameters, preprocess, below })
    }

    /// The shape of an image's features.
    pub fn features_shape(&self) -> Shape {
        self.recipe.pooled(self.network.code())
    }

    /// Ready to do to images what is to be done before the network sees them.
    ///
    /// # Errors
    ///
    /// As for [`Preprocessor::for_images`].
    pub fn preprocessor(&self, isa: Isa) -> Result<Preprocessor> {
        let lowest = self.layers().first().map_or(self.network, |lowest| lowest.network);
        if lowest.is_fully_connected() {
            return Ok(Preprocessor::new(isa, &self.preprocess));
        }
        Preprocessor::for_images(isa, &self.preprocess, lowest.input())
    }

    /// From one position of the code to the next, in the input's rows and columns.
    pub fn step(&self) -> Size {
        self.network.decoder().conv.stride
    }

    /// CRC-32 of the parameters, of a stack's layers one after the other from the lowest up; of what is not stacked it is
    /// the checksum that `wta train` prints.
    pub fn checksum(&self) -> u32 {
        let layers = self.layers().into_iter();
        let parameters: Vec<f32> = layers.flat_map(|layer| &layer.parameters).copied().collect();
        model::checksum(&parameters)
    }

    /// The layers of a stack from the lowest up; of what is not stacked, itself.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.below.as_ref().map_or(Vec::new(), |below| below.trained.layers());
        layers.push(self);
        layers
    }
}
