//! Writes down in the run folder how far a training is, for those who watch it: what the observer is told,
//! at most once a second.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::observer::{EpochMetrics, Observer, SvmProgress};
use crate::run::{Activity, Run, TrainingProgress};

/// How often it is written while a phase goes on.
const EVERY: Duration = Duration::from_secs(1);

/// Passes on what an observer is told, and writes it down.
pub(super) struct Journal<'a> {
    observer: &'a dyn Observer,
    run: &'a Run,
    phase: Mutex<Option<Phase>>,
}

/// The present phase, or the last one.
struct Phase {
    name: String,
    done: u64,
    total: u64,
    /// What was done at the first advance, and when. A training that goes on says there where it is.
    first: Option<(u64, Instant)>,
    written: Instant,
}

impl Phase {
    fn steps_per_second(&self) -> Option<f64> {
        let (done, since) = self.first?;
        let seconds = since.elapsed().as_secs_f64();
        (self.done > done && seconds > 0.0).then(|| (self.done - done) as f64 / seconds)
    }
}

impl<'a> Journal<'a> {
    /// The journal of a training in this folder.
    pub(super) fn new(observer: &'a dyn Observer, run: &'a Run) -> Self {
        Self { observer, run, phase: Mutex::new(None) }
    }

    /// The training has ended.
    pub(super) fn close<T>(&self, result: &Result<T>) {
        let Err(error) = result else { return self.run.forget_progress() };
        let activity =
            if matches!(error, Error::Interrupted(_)) { Activity::Interrupted } else { Activity::Failed };
        // Without a phase, the training has not begun, and the folder may be another one's.
        if let Some(phase) = &*self.phase.lock().unwrap_or_else(PoisonError::into_inner)
            && self.run.exists()
        {
            self.write(phase, activity, Some(error.to_string()));
        }
    }

    fn write(&self, phase: &Phase, activity: Activity, problem: Option<String>) {
        let progress = TrainingProgress {
            activity,
            phase: phase.name.clone(),
            done: phase.done,
            total: phase.total,
            steps_per_second: phase.steps_per_second(),
            problem,
            written: TrainingProgress::now(),
        };
        // A training does not end because nobody can watch it.
        let _ = self.run.save_progress(&progress);
    }
}

impl Observer for Journal<'_> {
    fn begin(&self, name: &str, total: u64) {
        self.observer.begin(name, total);
        let phase = Phase { name: name.to_owned(), done: 0, total, first: None, written: Instant::now() };
        self.write(&phase, Activity::Running, None);
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase);
    }

    fn advance(&self, steps: u64) {
        self.observer.advance(steps);
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(phase) = &mut *phase else { return };
        phase.done += steps;
        phase.first.get_or_insert_with(|| (phase.done, Instant::now()));
        if phase.written.elapsed() >= EVERY {
            phase.written = Instant::now();
            self.write(phase, Activity::Running, None);
        }
    }

    fn status(&self, text: &str) {
        self.observer.status(text);
    }

    fn end(&self) {
        self.observer.end();
    }

    fn note(&self, line: &str) {
        self.observer.note(line);
    }

    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        self.observer.epoch(epoch, epochs);
    }

    fn saved(&self, checkpoint: &Path, step: u64, steps: u64) {
        self.observer.saved(checkpoint, step, steps);
    }

    fn svm(&self, progress: &SvmProgress) {
        self.observer.svm(progress);
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_says_how_far_it_is_and_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        let journal = Journal::new(&(), &run);
        // Refused before it began: the folder is left alone.
        journal.close::<()>(&Err(Error::Invalid("no".to_owned())));
        assert_eq!(run.progress().unwrap(), None);
        std::fs::write(run.file("recipe.toml"), "").unwrap();
        journal.begin("train x", 1_000);
        journal.advance(400);
        let begun = run.progress().unwrap().unwrap();
        assert_eq!((begun.activity, begun.done, begun.total), (Activity::Running, 0, 1_000));
        // A second later.
        if let Some(phase) = &mut *journal.phase.lock().unwrap() {
            phase.written -= EVERY;
            phase.first = phase.first.map(|(done, since)| (done, since - Duration::from_secs(10)));
        }
        journal.advance(20);
        let later = run.progress().unwrap().unwrap();
        assert_eq!(later.done, 420);
        let speed = later.steps_per_second.unwrap();
        assert!((1.9..=2.0).contains(&speed), "what was done before a resume does not count: {speed}");
        journal.close::<()>(&Err(Error::Invalid("no".to_owned())));
        let failed = run.progress().unwrap().unwrap();
        assert_eq!((failed.activity, failed.problem.as_deref()), (Activity::Failed, Some("no")));
        journal.close(&Ok(()));
        assert_eq!(run.progress().unwrap(), None);
    }
}
