//! The log of `wta train`, for machines: its flags, its beginning and its end. The events between come from
//! the [`Bar`](crate::bar::Bar).

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use wta::Recipe;
use wta::run::Run;
use wta::train::Outcome;

use crate::context::Context;
use crate::error::Result;
use crate::log;
use crate::output;

// Not a documentation comment, which would be the command's `about`.
#[derive(Args)]
pub(crate) struct LogArguments {
    /// Say what the training does for machines, as JSON with one object a line, on standard error instead of
    /// the progress.
    #[arg(long, value_name = "FORMAT", value_enum)]
    log: Option<LogFormat>,
    /// With --log, write that to the end of this file instead; `-` is standard output.
    #[arg(long, value_name = "FILE", requires = "log")]
    log_to: Option<PathBuf>,
}

/// `--log`.
#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Json,
}

/// The fields of the event `begin`.
#[derive(Serialize)]
struct Began<'a> {
    version: &'a str,
    recipe: &'a str,
    run: String,
    seed: u64,
    epochs: usize,
    samples: usize,
    isa: String,
    threads: usize,
    processes: usize,
    resume: bool,
}

/// The fields of the event `end`.
#[derive(Serialize)]
struct Ended {
    checksum: String,
    loss: f64,
    held_out_loss: Option<f64>,
    dead_share: f64,
    seconds: f64,
}

impl LogArguments {
    /// Opens the log, if one is wanted, for the training of a recipe (by its name or path) into a folder. Of
    /// several processes, the first one has it.
    pub(super) fn open(&self, recipe: &str, run: &Path, is_first: bool) -> Result<()> {
        let to = self.log_to.as_deref();
        if self.log.is_none() || !is_first && to.is_some() {
            return Ok(());
        }
        if let Some(to) = to {
            output::expect_apart(&[to], &[recipe], Some(&Run::new(run)))?;
        }
        log::begin(to)
    }

    /// The training begins.
    pub(super) fn begin(&self, recipe: &Recipe, run: &Run, samples: usize, resume: bool, context: &Context) {
        if !context.is_first() {
            return;
        }
        let began = Began {
            version: env!("CARGO_PKG_VERSION"),
            recipe: &recipe.name,
            run: run.folder().display().to_string(),
            seed: recipe.training.seed,
            epochs: recipe.training.epochs,
            samples,
            isa: context.isa.to_string(),
            threads: rayon::current_num_threads(),
            processes: context.ranks.as_ref().map_or(1, |ranks| ranks.size()),
            resume,
        };
        log::event("begin", began);
    }

    /// The training is done; prints what came of it, where the log does not go.
    pub(super) fn end(&self, outcome: &Outcome, told: &str) -> Result<()> {
        let ended = Ended {
            checksum: format!("{:08x}", outcome.checksum),
            loss: outcome.loss,
            held_out_loss: outcome.held_out_loss,
            dead_share: outcome.dead_share,
            seconds: outcome.seconds,
        };
        log::event("end", ended);
        output::report(&self.log_to.iter().map(PathBuf::as_path).collect::<Vec<_>>(), told)
    }
}
