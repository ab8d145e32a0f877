//! Searching for the best settings of a recipe: trains every combination and counts its errors on held-out
//! training samples. Without labels, combinations are compared by their loss on samples that are not trained
//! on.
//!
//! Test images are neither used nor loaded. The folder holds `search.toml` (the recipe that is varied),
//! `search.csv` (a row for each finished combination) and, during a training, its run folder `trial`. A
//! search that is started again continues where it stopped, and may have more values of the same keys. A
//! combination reuses whatever its own training would only reproduce from the one before: whitening, the
//! layers below or, if only the features or the classifier vary, the trained network.

mod halving;
mod space;
mod table;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub use halving::{Halving, Part, some};
pub use space::{Axis, Combination, combinations, settings};
pub use table::{Results, Row};

use crate::error::{Error, Interrupted, Result, RunProblem};
use crate::evaluate::{Encoded, Encoding, Plan, validate};
use crate::files::atomic;
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::recipe::{self, Recipe};
use crate::run::{Run, RunLock};
use crate::train::{self, Options, train_into};

/// Ends the `about` of a trial's recipe, so that a trial can be told from a run of the user's own.
const MADE_BY: &str = " (a trial of wta search, which removes it)";

/// The seed of the held-out part: the default of `wta eval`.
const SPLIT_SEED: u64 = 1;

/// The share of unlabelled samples that is held out, if a recipe does not say it.
const HELD_OUT: f64 = 0.1;

/// A search in a folder.
pub struct Search {
    folder: PathBuf,
    /// The combinations to try, in this order.
    pub combinations: Vec<Combination>,
    /// The finished combinations.
    pub results: Results,
    /// Until the search is dropped.
    _lock: RunLock,
}

impl Search {
    /// Begins a search over all combinations of the axes, or opens the one in this folder.
    ///
    /// # Errors
    ///
    /// One sentence if a combination makes no sense or a file cannot be written; [`Error::Run`] if the folder
    /// holds a run, or a search with another recipe or other keys.
    pub fn open(folder: &Path, base: &Recipe, axes: &[Axis]) -> Result<Self> {
        let combinations = combinations(base, axes)?;
        if Run::new(folder).exists() {
            return Err(Error::run(folder, RunProblem::NotASearch));
        }
        let lock = Run::new(folder).lock()?;
        let file = folder.join("search.toml");
        if file.exists() {
            if recipe::load_file(&file)? != *base {
                return Err(Error::run(folder, RunProblem::OtherSearch));
            }
        } else {
            let text = base.to_toml()?;
            atomic::replace(&file, |to| to.write_all(text.as_bytes()))?;
        }
        let keys = axes.iter().map(|axis| axis.key.clone()).collect();
        let results = Results::load(folder.join("search.csv"), keys)?;
        let search = Self { folder: folder.to_path_buf(), combinations, results, _lock: lock };
        search.expect_own_trial()?;
        Ok(search)
    }

    /// `Ok` if what is called `trial` may be removed: nothing is there, or a search has made it.
    fn expect_own_trial(&self) -> Result<()> {
        let trial = self.trial();
        let is_own = if trial.exists() {
            trial.recipe()?.about.ends_with(MADE_BY)
        } else {
            // What is left of a removal that was interrupted has no files of a run.
            !trial.has_files()
        };
        if trial.folder().is_symlink() || !is_own {
            let problem = "is not of a search, which would remove it; move it, or search in another folder";
            return Err(Error::file(trial.folder(), problem));
        }
        Ok(())
    }

    /// Trains and validates the combinations that are not finished, rung by rung. `report` gets the index and
    /// the result of every combination in each of its rungs, finished ones included.
    ///
    /// A training that diverges is a result like any other.
    ///
    /// # Errors
    ///
    /// One sentence if the data do not allow a recipe (found before any is trained) or a file cannot be
    /// written; [`Error::Interrupted`] if the observer stops it.
    pub fn run<E: From<Error>>(
        &mut self,
        samples: &Samples<'_>,
        halving: Halving,
        options: Options<'_>,
        observer: &dyn Observer,
        mut report: impl FnMut(usize, &Row) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for Combination { recipe, .. } in &mut self.combinations {
            if samples.labels().is_none() && recipe.training.held_out.is_none() {
                recipe.training.held_out = Some(HELD_OUT);
            }
            train::check(recipe, samples, options.patches)?;
        }
        let mut going: Vec<usize> = (0..self.combinations.len()).collect();
        for part in halving.rungs() {
            for index in &going {
                let Some(combination) = self.combinations.get(*index) else { continue };
                if let Some(row) = self.results.of(&combination.values, part) {
                    report(*index, row)?;
                    continue;
                }
                let row =
                    self.try_one(combination, part, samples, options, observer).map_err(
                        |error| match error {
                            Error::Interrupted(_) => Error::Interrupted(Interrupted::Search {
                                finished: self.results.rows.len(),
                                of: self.combinations.len(),
                            }),
                            error => error,
                        },
                    )?;
                self.results.push(row)?;
                if let Some(row) = self.results.rows.last() {
                    report(*index, row)?;
                }
            }
            going = self.best(&going, part);
        }
        self.remove_trial()?;
        Ok(())
    }

    /// Those of these combinations that go on from a rung; ascending.
    fn best(&self, of: &[usize], part: Part) -> Vec<usize> {
        let rank = |index: &usize| {
            let values = self.combinations.get(*index).map(|combination| &combination.values[..]);
            let row = values.and_then(|values| self.results.of(values, part));
            row.map_or(f64::INFINITY, Row::rank)
        };
        let mut ranked = of.to_vec();
        // Of equal ones, the first go on.
        ranked.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        ranked.truncate(Halving::survivors(of.len()));
        ranked.sort_unstable();
        ranked
    }

    /// Removes the training in progress, if it is a search's.
    fn remove_trial(&self) -> Result<()> {
        self.expect_own_trial()?;
        self.trial().remove_folder()
    }

    /// The finished combinations of this search: those with the most work first, and of these the best first.
    /// Of each, the result with the most work.
    pub fn ranking(&self) -> Vec<&Row> {
        let most = |combination: &Combination| self.results.last_of(&combination.values);
        let mut rows: Vec<&Row> = self.combinations.iter().filter_map(most).collect();
        rows.sort_by(|a, b| a.part.one_in.cmp(&b.part.one_in).then(a.rank().total_cmp(&b.rank())));
        rows
    }

    /// The seconds that all trainings in the folder have taken, those of earlier starts included.
    pub fn seconds(&self) -> f64 {
        self.results.rows.iter().map(|row| row.seconds).sum()
    }

    fn trial(&self) -> Run {
        Run::new(self.folder.join("trial"))
    }

    fn try_one(
        &self,
        combination: &Combination,
        part: Part,
        samples: &Samples<'_>,
        options: Options<'_>,
        observer: &dyn Observer,
    ) -> Result<Row> {
        let start = Instant::now();
        let ((mut recipe, count), run) = (part.of(&combination.recipe, samples.len()), self.trial());
        if count < samples.len() {
            recipe.about += &format!(" (on {count} samples)");
        }
        recipe.about += MADE_BY;
        let recipe = &recipe;
        if run.exists() {
            // What was learnt from other samples serves none of these.
            let on = |recipe: &Recipe| recipe.about.rsplit_once(" (on ").map(|(_, on)| on.to_owned());
            if on(&run.recipe()?) == on(recipe) {
                run.turn_into(recipe)?;
            } else {
                self.remove_trial()?;
            }
        }
        let drawn;
        let samples = if count < samples.len() {
            drawn = samples.copy_of(&part.draw(count, samples.len(), SPLIT_SEED))?;
            &drawn
        } else {
            samples
        };
        let mut row = Row {
            values: combination.values.clone(),
            part,
            error: None,
            c: None,
            loss: None,
            dead_share: None,
            seconds: 0.0,
            note: String::new(),
            held_out_loss: None,
        };
        match train_into(&run, true, recipe, samples, options, observer) {
            Ok((trained, outcome)) => {
                if samples.labels().is_some() {
                    let encoding = Encoding { isa: options.isa, ..Encoding::default() };
                    let encoded = Encoded::new(&trained, samples, None, encoding, observer)?;
                    let plan = Plan { labels: None, draws: 1, seed: SPLIT_SEED, svm: &recipe.svm };
                    let found = validate(&encoded, plan, observer)?;
                    (row.error, row.c) = (Some(found.mean), found.draws.first().map(|(c, _)| *c));
                }
                (row.loss, row.dead_share) = (Some(outcome.loss), Some(outcome.dead_share));
                row.held_out_loss = outcome.held_out_loss;
            }
            Err(Error::Diverged { step, source, .. }) => row.note = format!("step {step}: {source}"),
            Err(error) => return Err(error),
        }
        row.seconds = start.elapsed().as_secs_f64();
        Ok(row)
    }
}
