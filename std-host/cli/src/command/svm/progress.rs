//! The progress of training, in classes that are solved.

use std::sync::atomic::{AtomicU64, Ordering};

use wta::Observer;
use wta::observer::SvmProgress;

use crate::bar::Bar;

/// Shows how many classes of how many problems are solved.
pub(super) struct Progress<'a> {
    bar: &'a Bar,
    done: AtomicU64,
}

impl<'a> Progress<'a> {
    /// Begins a phase of so many problems.
    pub(super) fn begin(bar: &'a Bar, phase: &str, problems: usize, classes: usize) -> Self {
        bar.begin(phase, (problems * classes) as u64);
        Self { bar, done: AtomicU64::new(0) }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.end();
    }
}

impl Observer for Progress<'_> {
    fn svm(&self, progress: &SvmProgress) {
        let done = (progress.problem * progress.classes + progress.classes_done) as u64;
        let before = self.done.fetch_max(done, Ordering::Relaxed);
        self.bar.advance(done.saturating_sub(before));
        self.bar.status(&format!("C = {}, pass {}", progress.c, progress.epochs));
    }

    fn should_stop(&self) -> bool {
        self.bar.should_stop()
    }
}
