//! A run that is made in one go, as by an import: it is written into a hidden folder of its own first, and
//! moved into its place with the recipe last. A folder without a recipe is no run, so a run is there as a
//! whole or not at all. What a killed process leaves is removed by the next attempt.

use super::folder::{BELOW, FILES, Run, is_lock};
use super::lock::RunLock;
use crate::error::{Error, Result, RunProblem};
use crate::files::{atomic, disk};

/// The hidden folder.
const STAGE: &str = ".import";

/// A run that is being made.
pub(crate) struct Staged<'a> {
    target: &'a Run,
    stage: Run,
    /// Whether the folder was not there before.
    is_new: bool,
    /// `None` once the run is in its place.
    lock: Option<RunLock>,
}

impl Run {
    /// Begins to make this run, in a folder that is new or holds nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if the folder holds a run already, or another process works there; [`Error::File`] if
    /// it holds anything else; [`Error::Io`] if it cannot be made.
    pub(crate) fn staged(&self) -> Result<Staged<'_>> {
        let is_new = !self.folder().exists();
        let lock = self.lock()?;
        if self.exists() {
            return Err(Error::run(self.folder(), RunProblem::Occupied));
        }
        let stage = Self::new(self.file(STAGE));
        let interrupted = stage.folder().is_dir();
        let entries = std::fs::read_dir(self.folder()).map_err(|e| Error::io("read", self.folder(), e))?;
        let is_foreign = entries.flatten().map(|entry| entry.file_name()).any(|name| {
            let of_run = FILES.iter().chain(&[BELOW]).any(|known| name == **known);
            !(is_lock(&name) || name == STAGE || interrupted && of_run)
        });
        if is_foreign {
            return Err(Error::file(self.folder(), "is not empty; give a new folder, or an empty one"));
        }
        if interrupted {
            stage.remove_folder()?;
            self.remove()?;
        }
        atomic::create_dir(stage.folder())?;
        Ok(Staged { target: self, stage, is_new, lock: Some(lock) })
    }
}

impl Staged<'_> {
    /// Where it is written.
    pub(crate) fn run(&self) -> &Run {
        &self.stage
    }

    /// Puts the run into its place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be moved; then no run is left.
    pub(crate) fn commit(mut self) -> Result<()> {
        // The recipe is the last of the files.
        for name in [BELOW].iter().chain(&FILES) {
            let (from, to) = (self.stage.file(name), self.target.file(name));
            if from.exists() {
                disk::rename(&from, &to).map_err(|e| Error::io("write", &to, e))?;
            }
        }
        let _ = disk::remove_dir(self.stage.folder());
        disk::sync_dir(self.target.folder());
        self.lock = None;
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        // What went wrong is told already, not what this says.
        let _ = self.stage.remove_folder();
        let _ = self.target.remove();
        drop(lock);
        if self.is_new {
            let _ = disk::remove_dir(self.target.folder());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_is_there_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path().join("run"));
        let names = || fs::read_dir(run.folder()).map(Iterator::count).unwrap_or(usize::MAX);
        let write = |staged: &Staged<'_>| {
            fs::create_dir(staged.run().below().folder()).unwrap();
            for file in ["model.safetensors", "recipe.toml", "below/recipe.toml"] {
                fs::write(staged.run().file(file), file).unwrap();
            }
        };
        let staged = run.staged().unwrap();
        write(&staged);
        assert!(!run.exists());
        drop(staged);
        assert!(!run.folder().exists(), "the folder was new");
        let staged = run.staged().unwrap();
        write(&staged);
        assert!(run.staged().is_err(), "somebody works there");
        staged.commit().unwrap();
        assert!(run.exists() && run.below().exists() && names() == 3);
        let occupied = run.staged().err().unwrap();
        assert!(matches!(occupied, Error::Run { problem: RunProblem::Occupied, .. }), "{occupied}");
    }

    #[test]
    fn what_a_killed_process_leaves_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        fs::write(run.file("mine.txt"), "").unwrap();
        fs::write(run.file("model.safetensors"), "").unwrap();
        assert!(run.staged().err().unwrap().to_string().contains("is not empty"));
        fs::remove_file(run.file("mine.txt")).unwrap();
        assert!(run.staged().is_err(), "a model of somebody's own");
        // Killed while the files were moved.
        fs::create_dir(run.file(STAGE)).unwrap();
        fs::write(run.file(".lock"), "process 1 on x\n").unwrap();
        let staged = run.staged().unwrap();
        assert!(!run.file("model.safetensors").exists());
        drop(staged);
        assert_eq!(fs::read_dir(run.folder()).unwrap().count(), 0);
    }
}
