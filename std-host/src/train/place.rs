//! Where a training saves its results: in memory, or in a run folder.

use std::path::Path;

use crate::error::Result;
use crate::observer::Observer;
use crate::recipe::Recipe;
use crate::run::{Run, RunLock};

/// Where a training saves its results.
pub(super) enum Place {
    /// In memory: they are returned at the end.
    Memory,
    /// In a run folder.
    Folder {
        /// The folder.
        run: Run,
        /// Whether to continue from its checkpoint.
        resume: bool,
        /// Whether it is the folder of a layer below.
        is_below: bool,
    },
}

impl Place {
    /// In a run folder that is locked.
    pub(super) fn of(lock: &RunLock, resume: bool) -> Self {
        Self::Folder { run: lock.run().clone(), resume, is_below: false }
    }

    /// Begins a run, or opens the one to resume; `true` if it resumes.
    pub(super) fn open(&self, recipe: &Recipe) -> Result<bool> {
        match self {
            Self::Memory => Ok(false),
            Self::Folder { run, resume, .. } if *resume && run.exists() => run.go_on(recipe).map(|()| true),
            Self::Folder { run, .. } => run.begin(recipe).map(|()| false),
        }
    }

    /// The place of the layer below.
    pub(super) fn below(&self) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Folder { run, resume, .. } => {
                Self::Folder { run: run.below(), resume: *resume, is_below: true }
            }
        }
    }

    /// Locks the folders of so many layers below, which nobody else may train while those on top learn from
    /// them. For a layer that is below itself, that is done.
    pub(super) fn lock_below(&self, layers: usize) -> Result<Vec<RunLock>> {
        match self {
            Self::Folder { run, is_below: false, .. } => {
                let folders = std::iter::successors(Some(run.below()), |run| Some(run.below()));
                folders.take(layers).map(|run| run.lock()).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The folder, if there is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.run().map(Run::folder)
    }

    /// The run, if there is one.
    pub(super) fn run(&self) -> Option<&Run> {
        match self {
            Self::Memory => None,
            Self::Folder { run, .. } => Some(run),
        }
    }

    /// Tells that the checkpoint of such a step has been saved, if there is one.
    pub(super) fn tell_saved(&self, step: u64, steps: u64, observer: &dyn Observer) {
        if let Some(run) = self.run() {
            observer.saved(&run.checkpoint(), step, steps);
        }
    }

    /// The run with the checkpoint to continue from, if there is one.
    pub(super) fn checkpointed(&self) -> Option<&Run> {
        match self {
            Self::Folder { run, resume: true, .. } if run.checkpoint().exists() => Some(run),
            _ => None,
        }
    }
}
