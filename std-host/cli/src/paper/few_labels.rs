//! Table 2b: SVMs on few labels. The networks of the features have learnt from all images.

use serde::{Deserialize, Serialize};

use super::rows::{DRAWS, FEW_LABELS_C, POWER, Source};
use super::runs::PaperRuns;
use crate::error::Result;
use wta::data::Split;
use wta::evaluate::{Encoded, Encoding, Plan, evaluate};
use wta::files::atomic;
use wta::recipe::{PoolRecipe, SvmRecipe};

/// The file of the results.
const FILE: &str = "few-labels.json";

/// The most labels of an entry in a rehearsal.
const REHEARSED: usize = 300;

/// The result for one number of labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Labelled images.
    pub(super) labels: usize,
    /// The recipe of the network that gave the features.
    pub(super) recipe: String,
    /// The pooling of the features.
    pub(super) pool: String,
    /// The power that the features were raised to.
    #[serde(default)]
    pub(super) power: f32,
    /// CRC-32 of the network's parameters, hexadecimal.
    pub(super) checksum: String,
    /// The seed of the first draw; each further draw uses the next.
    pub(super) seed: u64,
    /// The test error of each draw.
    pub(super) errors: Vec<f64>,
    /// The C of each draw.
    pub(super) c: Vec<f64>,
    /// Mean.
    pub(super) mean: f64,
    /// Sample standard deviation.
    pub(super) sd: f64,
    /// The time of the SVMs in seconds.
    pub(super) seconds: f64,
}

impl Entry {
    fn draws(&self) -> usize {
        self.errors.len()
    }
}

/// The entries that are finished so far.
pub(super) fn entries(runs: &PaperRuns<'_>) -> Result<Vec<Entry>> {
    let path = runs.file(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).map_err(|e| wta::Error::io("read", &path, e))?;
    Ok(serde_json::from_str(&text).map_err(|e| {
        wta::Error::file(&path, format!("cannot be read ({e}); remove it and run this again"))
    })?)
}

/// Whether all entries are finished.
pub(super) fn is_finished(runs: &PaperRuns<'_>) -> Result<bool> {
    let known = entries(runs)?;
    for task in tasks(runs) {
        if !task.is_in(&known, runs) {
            return Ok(false);
        }
        runs.run(task.recipe).expect_recipe(&runs.recipe(task.recipe, runs.settings.seed)?)?;
    }
    Ok(true)
}

/// An entry that needs work.
#[derive(Clone, Copy)]
struct Task {
    labels: usize,
    recipe: &'static str,
    pool: &'static str,
}

impl Task {
    fn is_in(&self, known: &[Entry], runs: &PaperRuns<'_>) -> bool {
        let (seed, draws) = (runs.settings.seed, draws(runs));
        let mine = |entry: &&Entry| {
            (entry.labels, entry.seed, entry.draws(), entry.power) == (self.labels, seed, draws, POWER)
        };
        known.iter().filter(mine).any(|entry| (&*entry.recipe, &*entry.pool) == (self.recipe, self.pool))
    }
}

/// The tasks of all entries; a rehearsal takes only the shortest.
fn tasks(runs: &PaperRuns<'_>) -> Vec<Task> {
    let most = if runs.is_rehearsal() { REHEARSED } else { usize::MAX };
    let few_labels = runs.settings.set.few_labels.iter();
    let tasks = few_labels.filter(|few| few.labels <= most).filter_map(|few| match few.source {
        Source::Pooled { recipe, pool } => Some(Task { labels: few.labels, recipe, pool }),
        Source::Row(_) => None,
    });
    tasks.collect()
}

/// The number of draws of labels; a rehearsal makes two.
fn draws(runs: &PaperRuns<'_>) -> usize {
    if runs.is_rehearsal() { 2 } else { DRAWS }
}

/// Evaluates the entries that are not finished, and calls `each` after each of them.
pub(super) fn run(runs: &PaperRuns<'_>, mut each: impl FnMut(&Entry) -> Result<()>) -> Result<()> {
    let seed = runs.settings.seed;
    let mut known = entries(runs)?;
    // The features used last. Entries with the same features follow each other.
    let mut features: Option<(Task, u32, Encoded)> = None;
    for task in tasks(runs) {
        if task.is_in(&known, runs) {
            continue;
        }
        let recipe = runs.recipe(task.recipe, seed)?;
        if features.as_ref().is_none_or(|(of, _, _)| (of.recipe, of.pool) != (task.recipe, task.pool)) {
            // Frees the memory of the last features before the next ones need theirs.
            drop(features.take());
            let finished = runs.train(&recipe, task.recipe)?;
            let (train, test) = (runs.samples(&recipe, Split::Train)?, runs.samples(&recipe, Split::Test)?);
            let pool = task.pool.parse::<PoolRecipe>()?.pool();
            let encoding =
                Encoding { isa: runs.settings.isa, pool: Some(pool), power: POWER, drawn: None, ranks: None };
            let encoded = Encoded::new(&finished.trained, &train, Some(&test), encoding, runs.observer)?;
            features = Some((task, finished.checksum, encoded));
        }
        let Some((_, checksum, encoded)) = &features else { continue };
        let svm = SvmRecipe { c: runs.tried(&FEW_LABELS_C), ..recipe.svm.clone() };
        let plan = Plan { labels: Some(task.labels), draws: draws(runs), seed, svm: &svm };
        let evaluation = evaluate(encoded, plan, runs.observer)?;
        let entry = Entry {
            labels: task.labels,
            recipe: task.recipe.to_owned(),
            pool: task.pool.to_owned(),
            power: POWER,
            checksum: format!("{checksum:08x}"),
            seed,
            errors: evaluation.draws.iter().map(|draw| draw.test_error).collect(),
            c: evaluation.draws.iter().map(|draw| draw.c).collect(),
            mean: evaluation.mean,
            sd: evaluation.sd,
            seconds: evaluation.svm_seconds,
        };
        known.retain(|other| other.labels != task.labels);
        known.push(entry.clone());
        known.sort_by_key(|entry| entry.labels);
        atomic::replace(&runs.file(FILE), |to| Ok(serde_json::to_writer_pretty(to, &known)?))?;
        each(&entry)?;
    }
    Ok(())
}
