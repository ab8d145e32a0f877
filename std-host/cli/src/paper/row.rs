//! One row: a recipe that is trained and evaluated as by `wta train` and `wta eval`, and the result.

use serde::{Deserialize, Serialize};

use super::rows::{Row, SEEDS};
use super::runs::{PaperRuns, Settings, of_seed};
use crate::error::Result;
use wta::data::Split;
use wta::evaluate::{Encoded, Encoding, Plan, evaluate};
use wta::profile::memory;
use wta::run::Run;

/// The file in the run folder that marks the row as finished.
const FILE: &str = "row.json";

/// The result of a finished row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// The seed of the network and the SVM.
    pub(super) seed: u64,
    /// The share of test images that are classified wrongly.
    pub(super) test_error: f64,
    /// The share of held-out training images that the chosen C classifies wrongly.
    pub(super) held_out_error: Option<f64>,
    /// The C chosen.
    pub(super) c: f64,
    /// The time to train, including the layers below.
    pub(super) train_seconds: f64,
    /// Whether the training was interrupted and resumed.
    pub(super) resumed: bool,
    /// The time to encode and to fit the SVM.
    pub(super) eval_seconds: f64,
    /// The most memory that the process used during this row, if the system reports it.
    pub(super) peak_bytes: Option<u64>,
    /// The share of maps that never survived in the last epoch.
    pub(super) dead_share: f64,
    /// CRC-32 of the parameters, hexadecimal.
    pub(super) checksum: String,
    /// The instruction set.
    pub(super) isa: String,
    /// Threads.
    pub(super) threads: usize,
}

/// The rows of the first table.
pub(super) fn main_rows(settings: &Settings<'_>) -> Vec<Task> {
    let seed = settings.seed;
    let task = |row: &Row| Task { recipe: row.recipe, seed, name: row.recipe.to_owned() };
    settings.set.rows.iter().map(task).collect()
}

/// The rows of the second table that are not in the first.
pub(super) fn seed_rows(settings: &Settings<'_>) -> Vec<Task> {
    let seeds = (1..settings.seeds.unwrap_or(SEEDS)).map(|more| settings.seed.wrapping_add(more));
    let task = |recipe, seed| Task { recipe, seed, name: of_seed(recipe, seed) };
    // One recipe after the other: those below a stack come before it.
    settings.seeded().iter().flat_map(|recipe| seeds.clone().map(|seed| task(*recipe, seed))).collect()
}

/// A row to make.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// The recipe.
    pub(super) recipe: &'static str,
    /// The seed of the network and the SVM.
    pub(super) seed: u64,
    /// The name of the run folder.
    pub(super) name: String,
}

impl Task {
    /// The result, if the row is finished.
    pub(super) fn outcome(&self, runs: &PaperRuns<'_>) -> Result<Option<Outcome>> {
        let run = runs.run(&self.name);
        let path = run.file(FILE);
        if !path.exists() {
            return Ok(None);
        }
        run.expect_recipe(&runs.recipe(self.recipe, self.seed)?)?;
        let text = std::fs::read_to_string(&path).map_err(|e| wta::Error::io("read", &path, e))?;
        Ok(serde_json::from_str(&text).map(Some).map_err(|e| {
            wta::Error::file(&path, format!("cannot be read ({e}); remove it and run this again"))
        })?)
    }

    /// Trains and evaluates, and saves the result.
    pub(super) fn run(&self, runs: &PaperRuns<'_>) -> Result<Outcome> {
        let measured = memory::forget_peak();
        let recipe = runs.recipe(self.recipe, self.seed)?;
        let finished = runs.train(&recipe, &self.name)?;
        let (train, test) = (runs.samples(&recipe, Split::Train)?, runs.samples(&recipe, Split::Test)?);
        let isa = runs.settings.isa;
        let encoding = Encoding { isa, ..Encoding::default() };
        let encoded = Encoded::new(&finished.trained, &train, Some(&test), encoding, runs.observer)?;
        let plan = Plan { labels: None, draws: 1, seed: self.seed, svm: &recipe.svm };
        let evaluation = evaluate(&encoded, plan, runs.observer)?;
        let run: &Run = &finished.run;
        evaluation.save(run)?;
        let outcome = Outcome {
            seed: self.seed,
            test_error: evaluation.test_error,
            held_out_error: evaluation.draws.first().and_then(|draw| draw.held_out_error),
            c: evaluation.c,
            train_seconds: finished.seconds,
            resumed: finished.resumed,
            eval_seconds: evaluation.encode_seconds + evaluation.svm_seconds,
            peak_bytes: if measured { memory::peak() } else { None },
            dead_share: finished.dead_share,
            checksum: format!("{:08x}", finished.checksum),
            isa: isa.to_string(),
            threads: rayon::current_num_threads(),
        };
        run.save_json(FILE, &outcome)?;
        Ok(outcome)
    }
}
