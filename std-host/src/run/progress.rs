//! `progress.json`: how far the training in a run folder is, for those who watch it from outside.
//!
//! It is no part of the run: nothing that is read or resumed depends on it, and it is gone when the training
//! has ended well. So its loss is no loss, and a failure to write it is nobody's concern.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::folder::Run;
use crate::error::{Error, Result};
use crate::files::whole;

/// The file.
pub(super) const FILE: &str = "progress.json";

/// Under this name it is written, and then renamed. One process at a time trains in a folder.
const TEMPORARY: &str = ".progress.json.tmp";

/// What a training is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// It goes on, unless its process was killed.
    Running,
    /// It was interrupted, and can be resumed.
    Interrupted,
    /// It ended with an error.
    Failed,
}

/// How far a training is: what `progress.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingProgress {
    /// What the training is doing.
    pub activity: Activity,
    /// The name of the present phase, or of the last one: `train NAME` while the layer of recipe NAME learns.
    pub phase: String,
    /// Steps of the phase that are done.
    pub done: u64,
    /// Steps of the phase in all; 0 if that is not known.
    pub total: u64,
    /// Steps a second in this phase; `None` until it is known.
    pub steps_per_second: Option<f64>,
    /// Why the training ended, if it did.
    #[serde(default)]
    pub problem: Option<String>,
    /// When this was written: seconds since 1970 by the clock of the machine that trains.
    pub written: u64,
}

impl TrainingProgress {
    /// The present time as in [`TrainingProgress::written`].
    pub fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// What a file says of a training.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::File`] if it is damaged.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = whole::read_text(path)?;
        let damaged = |error| Error::file(path, format!("does not say how far a training is ({error})"));
        serde_json::from_str(&text).map_err(damaged)
    }
}

impl Run {
    /// How far the training in this folder is, if it goes on, or was interrupted; `None` if it has ended
    /// well, or does not say.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::File`] if it is damaged.
    pub fn progress(&self) -> Result<Option<TrainingProgress>> {
        match TrainingProgress::read(&self.file(FILE)) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Writes down how far the training is, whole or not at all.
    ///
    /// It is not synced: after a crash of the machine there is no training to watch. And it is not one of the
    /// changes to a disk that are counted (`files::disk`), as the clock decides when it is made.
    pub(crate) fn save_progress(&self, progress: &TrainingProgress) -> io::Result<()> {
        let temporary = self.file(TEMPORARY);
        // What a killed process has left, or a link that somebody else has made.
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        let mut text = serde_json::to_vec_pretty(progress)?;
        text.push(b'\n');
        let done = file.write_all(&text).and_then(|()| fs::rename(&temporary, self.file(FILE)));
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done
    }

    /// Removes the file of a training that has ended well, and what a killed process has left of it.
    pub(crate) fn forget_progress(&self) {
        for name in [TEMPORARY, FILE] {
            let _ = fs::remove_file(self.file(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_is_forgotten_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        assert_eq!(run.progress().unwrap(), None);
        let progress = TrainingProgress {
            activity: Activity::Running,
            phase: "train x".to_owned(),
            done: 3,
            total: 10,
            steps_per_second: Some(2.5),
            problem: None,
            written: TrainingProgress::now(),
        };
        // Left by a killed process.
        fs::write(run.file(TEMPORARY), "{").unwrap();
        run.save_progress(&progress).unwrap();
        assert_eq!(run.progress().unwrap(), Some(progress));
        fs::write(run.file(FILE), "{").unwrap();
        let sentence = run.progress().unwrap_err().to_string();
        assert!(sentence.contains("progress.json: does not say") && !sentence.contains('\n'), "{sentence}");
        fs::write(run.file(TEMPORARY), "{").unwrap();
        run.forget_progress();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn where_it_cannot_be_written_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        fs::create_dir(run.file(FILE)).unwrap();
        let progress = TrainingProgress {
            activity: Activity::Failed,
            phase: String::new(),
            done: 0,
            total: 0,
            steps_per_second: None,
            problem: Some("diverged".to_owned()),
            written: 0,
        };
        assert!(run.save_progress(&progress).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
