//! Watching and stopping long work: one trait for progress, results of epochs, lines for people, and the wish
//! to stop.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Is told how long work goes on, and may stop it. Every method has a default that does nothing: `&()` is
/// silent and never stops.
///
/// Work is a sequence of phases. A phase begins, advances by steps, may say what it is at, and ends.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use wta::{EpochMetrics, Observer};
///
/// /// Stops after 1,000 steps.
/// #[derive(Default)]
/// struct Budget(AtomicUsize);
///
/// impl Observer for Budget {
///     fn advance(&self, steps: u64) {
///         self.0.fetch_add(steps as usize, Ordering::Relaxed);
///     }
///
///     fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
///         println!("{} of {epochs}: loss {:.4}", epoch.epoch, epoch.loss);
///     }
///
///     fn should_stop(&self) -> bool {
///         self.0.load(Ordering::Relaxed) >= 1_000
///     }
/// }
/// ```
pub trait Observer: Sync {
    /// A phase of `total` steps begins; 0 when their number is not known.
    fn begin(&self, phase: &str, total: u64) {
        let _ = (phase, total);
    }

    /// So many steps more of the phase are done.
    fn advance(&self, steps: u64) {
        let _ = steps;
    }

    /// What the phase is at, in a few words; the next call replaces it.
    fn status(&self, text: &str) {
        let _ = text;
    }

    /// The phase has ended.
    fn end(&self) {}

    /// A line for people that stays: a warning, or what was found.
    fn note(&self, line: &str) {
        let _ = line;
    }

    /// An epoch of `epochs` has ended.
    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        let _ = (epoch, epochs);
    }

    /// How far the training of an SVM is; told about ten times a second. Unless overridden, it becomes a
    /// [`status`](Observer::status).
    fn svm(&self, progress: &SvmProgress) {
        self.status(&progress.to_string());
    }

    /// Whether to stop. Asked after every step of a training, and several times a second elsewhere; the work
    /// then ends with [`Error::Interrupted`](crate::Error::Interrupted), and what is worth keeping is saved
    /// before.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Silence.
impl Observer for () {}

/// What an epoch of training came to: a row of `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u64,
    /// Half the squared error of an image, averaged over the epoch.
    pub loss: f64,
    /// The mean squared error of a pixel.
    pub pixel_mse: f64,
    /// The share of maps that never survived in the epoch.
    pub dead_share: f64,
    /// The learning rate at the epoch's last step.
    pub rate: f64,
    /// Wall-clock time of the epoch.
    pub seconds: f64,
}

/// How far the training of an SVM is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SvmProgress {
    /// The penalty of the problem being solved.
    pub c: f64,
    /// Which problem of a search for `C` this is, from 0; the last one is the final training.
    pub problem: usize,
    /// How many problems there are at most, 1 without a search.
    pub problems: usize,
    /// The most passes over the data of any class so far.
    pub epochs: usize,
    /// Classes solved so far.
    pub classes_done: usize,
    /// Classes in all.
    pub classes: usize,
}

impl fmt::Display for SvmProgress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "C = {}, {} of {} classes, pass {}", self.c, self.classes_done, self.classes, self.epochs)
    }
}
