//! A run folder: everything that one experiment writes.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wta_core::Network;

use super::links::Links;
use super::model::{self, SavedModel};
use crate::error::{Error, Result, RunProblem};
use crate::files::{atomic, disk, folder_of, place, whole};
use crate::observer::EpochMetrics;
use crate::recipe::{self, Recipe};

/// The folder of the layer below, in a stack.
pub(super) const BELOW: &str = "below";

/// The classifier of the last evaluation.
pub(crate) const CLASSIFIER: &str = "svm.safetensors";

/// The results of the last evaluation.
pub(crate) const RECORD: &str = "eval.json";

/// The lock that is held while a process trains in a run folder.
pub(super) const TRAINING: &str = ".lock";

/// The lock that is held while a process writes down an evaluation, which may be done beside a training.
pub(super) const EVALUATION: &str = ".lock-eval";

/// All files that a run folder may hold; the recipe last.
pub(super) const FILES: [&str; 17] = [
    "report.html",
    "progress.json",
    "mistakes.png",
    "reconstruction.json",
    "atoms.csv",
    "atoms.png",
    "sample.json",
    "checkpoint.safetensors",
    "preprocess.safetensors",
    "model.safetensors",
    CLASSIFIER,
    "metrics.csv",
    RECORD,
    "dictionary.png",
    "feature_maps.png",
    "reconstructions.png",
    "recipe.toml",
];

/// A run folder.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// The run in this folder, which need not exist yet.
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

    /// The run's files that are there, with their bytes; without those of the layers below.
    pub fn files(&self) -> Vec<(&'static str, u64)> {
        let bytes = |name: &str| std::fs::metadata(self.file(name)).ok().filter(std::fs::Metadata::is_file);
        FILES.into_iter().filter_map(|name| Some((name, bytes(name)?.len()))).collect()
    }

    /// The checkpoint's path.
    pub fn checkpoint(&self) -> PathBuf {
        self.file("checkpoint.safetensors")
    }

    /// The run of the layer below, in a stack.
    pub fn below(&self) -> Self {
        Self::new(self.file(BELOW))
    }

    /// Begins a run: makes the folder and writes the recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if the folder holds a run already, [`Error::Io`] if it cannot be written.
    pub fn begin(&self, recipe: &Recipe) -> Result<()> {
        self.expect_free()?;
        atomic::create_dir(&self.folder)?;
        self.write_recipe(recipe)
    }

    /// `Ok` if a run may begin in the folder.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if it holds a run already.
    pub fn expect_free(&self) -> Result<()> {
        if self.exists() { Err(Error::run(&self.folder, RunProblem::Occupied)) } else { Ok(()) }
    }

    fn write_recipe(&self, recipe: &Recipe) -> Result<()> {
        let text = recipe.to_toml()?;
        atomic::replace(&self.file("recipe.toml"), |to| to.write_all(text.as_bytes()))
    }

    /// Whether a file of a run is in the folder.
    pub(crate) fn has_files(&self) -> bool {
        let below = self.below();
        let is_below = below.folder.is_symlink() || (below.folder.is_dir() && below.has_files());
        is_below || FILES.iter().any(|name| self.file(name).exists())
    }

    /// Whether a path has the name of, or leads to, a file which runs in this folder, and in those of the
    /// layers below, consist of, or a lock.
    pub fn is_own(&self, path: &Path) -> bool {
        let is_here = |path: &Path| {
            let parent = folder_of(path).canonicalize();
            parent.is_ok_and(|parent| self.folder.canonicalize().is_ok_and(|folder| parent == folder))
        };
        let is_file = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| FILES.contains(&name) || [TRAINING, EVALUATION, BELOW].contains(&name))
        };
        let is_own = |path: &Path| is_file(path) && is_here(path);
        is_own(path)
            || place(path).is_some_and(|place| is_own(&place))
            || (self.below().folder.is_dir() && self.below().is_own(path))
    }

    /// Removes the files of this run, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be removed.
    pub fn remove(&self) -> Result<()> {
        self.remove_below()?;
        // The recipe goes last: a folder without it is not a run folder.
        FILES.into_iter().try_for_each(|name| self.remove_file(name))
    }

    /// Removes the files of this run, then the folder unless it holds anything else.
    ///
    /// # Errors
    ///
    /// As for [`Run::remove`].
    pub fn remove_folder(&self) -> Result<()> {
        self.remove()?;
        for name in [TRAINING, EVALUATION] {
            // Nobody works in a run that is removed: such a file is what a killed process has left.
            self.remove_file(name)?;
        }
        let _ = disk::remove_dir(&self.folder);
        Ok(())
    }

    fn remove_below(&self) -> Result<()> {
        // What a link points to belongs to somebody else.
        if self.below().folder.is_symlink() {
            return self.remove_file(BELOW);
        }
        if self.below().exists() {
            return self.below().remove_folder();
        }
        if self.below().folder.is_dir() {
            // Made for its lock, and nothing more.
            let _ = self.below().remove_below();
            let _ = disk::remove_dir(&self.below().folder);
        }
        Ok(())
    }

    fn remove_file(&self, name: &str) -> Result<()> {
        match disk::remove_file(&self.file(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", self.file(name), error))
            }
            _ => Ok(()),
        }
    }

    /// Rewrites this run for another recipe, but keeps whatever training with that recipe would reproduce
    /// exactly: the learnt preprocessing, the layers below, or the whole training if only the features or the
    /// classifier differ.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if there is no run here, [`Error::Io`] if a file cannot be removed or written.
    pub fn turn_into(&self, recipe: &Recipe) -> Result<()> {
        let old = self.recipe()?;
        for name in FILES {
            let keeps = match name {
                "preprocess.safetensors" => old.preprocesses_like(recipe),
                "checkpoint.safetensors" | "model.safetensors" | "metrics.csv" | "sample.json" => {
                    old.trains_like(recipe)
                }
                // Replaced last: if this is interrupted, the old recipe still describes the folder.
                "recipe.toml" => true,
                _ => false,
            };
            if !keeps {
                self.remove_file(name)?;
            }
        }
        match &recipe.below {
            Some(below) if self.below().exists() && !self.below().folder.is_symlink() => {
                self.below().turn_into(below)?
            }
            _ => self.remove_below()?,
        }
        self.write_recipe(recipe)
    }

    /// Copies the files of the training, with those of the layers below, but no files that were made from it
    /// later. The copy can be resumed and stacked on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be read or written.
    pub fn copy_training(&self, to: &Self) -> Result<()> {
        atomic::create_dir(&to.folder)?;
        if self.below().exists() {
            self.below().copy_training(&to.below())?;
        }
        // The recipe goes last: if this is interrupted, the copy is not a run folder.
        let files = [
            "preprocess.safetensors",
            "checkpoint.safetensors",
            "model.safetensors",
            "metrics.csv",
            "sample.json",
            "recipe.toml",
        ];
        for name in files {
            let from = self.file(name);
            if from.exists() {
                let bytes = whole::read(&from)?;
                atomic::replace(&to.file(name), |to| to.write_all(&bytes))?;
            }
        }
        Ok(())
    }

    /// Whether there is a run that can be resumed.
    pub fn exists(&self) -> bool {
        self.file("recipe.toml").exists()
    }

    /// Whether an epoch has been finished, so that there is a model.
    pub fn is_trained(&self) -> bool {
        self.file("model.safetensors").exists()
    }

    /// The run's recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if there is no run here; also if its recipe cannot be read.
    pub fn recipe(&self) -> Result<Recipe> {
        let path = self.file("recipe.toml");
        if !path.exists() {
            return Err(Error::run(&self.folder, RunProblem::Missing));
        }
        recipe::load_file(&path)
    }

    /// `Ok` when this run was made with the same recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if it was made with another recipe.
    pub fn expect_recipe(&self, recipe: &Recipe) -> Result<()> {
        let theirs = self.recipe()?;
        if theirs == *recipe {
            return Ok(());
        }
        let differences = theirs.differences(recipe);
        let theirs = (theirs.name != recipe.name).then_some(theirs.name);
        let ours = recipe.name.clone();
        Err(Error::run(&self.folder, RunProblem::OtherRecipe { theirs, ours, differences }))
    }

    /// Goes on with a run: `Ok` when it was made with the same recipe, or one that differs by fewer epochs
    /// alone, be it in the layers below. Then the run's recipe gets the new numbers.
    ///
    /// # Errors
    ///
    /// As for [`Run::expect_recipe`]; [`Error::Io`] if the recipe cannot be written.
    pub fn go_on(&self, recipe: &Recipe) -> Result<()> {
        self.expect_to_go_on(recipe)?;
        if self.recipe()? == *recipe { Ok(()) } else { self.write_recipe(recipe) }
    }

    /// `Ok` if [`Run::go_on`] would go on with this recipe.
    ///
    /// # Errors
    ///
    /// As for [`Run::expect_recipe`].
    pub fn expect_to_go_on(&self, recipe: &Recipe) -> Result<()> {
        let theirs = self.recipe()?;
        if theirs.with_more_epochs(recipe) == *recipe { Ok(()) } else { self.expect_recipe(recipe) }
    }

    /// The trained model.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if there is no model; one sentence if it is damaged, or a model of another network or
    /// another recipe.
    pub fn model(&self, network: &Network) -> Result<SavedModel> {
        self.linked_model(network).map(|(model, _)| model)
    }

    /// The trained model, which has to belong to the run's recipe, and what else it belongs to.
    pub(super) fn linked_model(&self, network: &Network) -> Result<(SavedModel, Links)> {
        let path = self.file("model.safetensors");
        if !path.exists() {
            let problem = if self.exists() { RunProblem::Untrained } else { RunProblem::Missing };
            return Err(Error::run(&self.folder, problem));
        }
        let (model, links) = model::load_linked(&path, network)?;
        links.expect_recipe(&path, &self.recipe()?)?;
        Ok((model, links))
    }

    /// The metrics of the first `epochs` epochs; none if they have not been written.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read.
    pub fn metrics(&self, epochs: u64) -> Result<Vec<EpochMetrics>> {
        let path = self.file("metrics.csv");
        // What lies there before a training begins is not read.
        if epochs == 0 || !path.exists() {
            return Ok(Vec::new());
        }
        Ok(metrics(&path)?.into_iter().filter(|row| row.epoch <= epochs).collect())
    }

    /// Writes the metrics.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_metrics(&self, rows: &[EpochMetrics]) -> Result<()> {
        atomic::replace(&self.file("metrics.csv"), |to| {
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
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        atomic::replace(&self.file(name), |to| {
            serde_json::to_writer_pretty(&mut *to, value)?;
            to.write_all(b"\n")
        })
    }
}

/// The metrics in a file.
///
/// # Errors
///
/// [`Error::File`] if it cannot be read.
pub(crate) fn metrics(path: &Path) -> Result<Vec<EpochMetrics>> {
    let broken =
        |e: &dyn std::fmt::Display| Error::file(path, format!("is no table of metrics ({e}); remove it"));
    let text = whole::read(path)?;
    let mut reader = csv::Reader::from_reader(&text[..]);
    let headings = reader.headers().map_err(|error| broken(&error))?;
    // A line of something else would be taken for headings without a row.
    if !headings.is_empty() && !headings.iter().any(|heading| heading == "epoch") {
        return Err(broken(&"it has no column epoch"));
    }
    let rows: std::result::Result<_, _> = reader.into_deserialize().collect();
    rows.map_err(|error: csv::Error| broken(&error))
}

/// Whether a file of this name in a run folder is a lock.
pub(super) fn is_lock(name: &std::ffi::OsStr) -> bool {
    name == TRAINING || name == EVALUATION
}
