//! Watching and stopping long work: one trait reports progress, the results of epochs and lines for people,
//! and asks whether to stop.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Receives the progress of long work, and may stop it. By default no method does anything visible: `&()` is
/// silent and never stops.
///
/// Work is a sequence of phases. A phase begins, advances by steps, may describe its current state, and ends.
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
    /// A phase of `total` steps begins; `total` is 0 if the number of steps is not known.
    fn begin(&self, phase: &str, total: u64) {
        let _ = (phase, total);
    }

    /// This many more steps of the phase are done.
    fn advance(&self, steps: u64) {
        let _ = steps;
    }

    /// The current state of the phase in a few words; the next call replaces it.
    fn status(&self, text: &str) {
        let _ = text;
    }

    /// The phase has ended.
    fn end(&self) {}

    /// A line for people that stays visible: a warning or a finding.
    fn note(&self, line: &str) {
        let _ = line;
    }

    /// An epoch has ended; there are `epochs` in all.
    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        let _ = (epoch, epochs);
    }

    /// A training has saved its state in this file, after `step` of `steps` steps of a layer, and can be
    /// resumed from there.
    fn saved(&self, checkpoint: &Path, step: u64, steps: u64) {
        let _ = (checkpoint, step, steps);
    }

    /// The progress of an SVM's training, about ten times a second. The default passes it on as a
    /// [`status`](Observer::status).
    fn svm(&self, progress: &SvmProgress) {
        self.status(&progress.to_string());
    }

    /// Whether to stop. Training asks after every step, other work several times a second. The work then
    /// saves what is worth keeping, and ends with [`Error::Interrupted`](crate::Error::Interrupted).
    fn should_stop(&self) -> bool {
        false
    }
}

/// Silence.
impl Observer for () {}

/// Shows how far the work is, and passes nothing else on: no epochs, no lines. It stops when the other does.
///
/// ```
/// use wta::Observer;
/// use wta::observer::ProgressAlone;
///
/// let other = ();
/// assert!(!ProgressAlone(&other).should_stop());
/// ```
pub struct ProgressAlone<'a>(pub &'a dyn Observer);

impl Observer for ProgressAlone<'_> {
    fn begin(&self, phase: &str, total: u64) {
        self.0.begin(phase, total);
    }

    fn advance(&self, steps: u64) {
        self.0.advance(steps);
    }

    fn end(&self) {
        self.0.end();
    }

    fn should_stop(&self) -> bool {
        self.0.should_stop()
    }
}

/// The results of one epoch of training: a row of `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u64,
    /// Half the squared error summed over an image, averaged over the epoch.
    pub loss: f64,
    /// The mean squared error of a pixel.
    pub pixel_mse: f64,
    /// The share of maps that never survived in the epoch.
    pub dead_share: f64,
    /// The fraction of variance unexplained: the squared error over the samples' squared deviation from their
    /// mean. `None` where they do not deviate, and in a file of a version before 0.2.
    #[serde(default)]
    pub unexplained: Option<f64>,
    /// L0: how many winners survive in a sample, on average.
    #[serde(default)]
    pub active: Option<f64>,
    /// The loss on the held-out samples after the epoch; `None` without such samples, as what follows.
    #[serde(default)]
    pub held_out_loss: Option<f64>,
    /// Their fraction of variance unexplained.
    #[serde(default)]
    pub held_out_unexplained: Option<f64>,
    /// Their winners.
    #[serde(default)]
    pub held_out_active: Option<f64>,
    /// The share of maps that survive in none of them.
    #[serde(default)]
    pub held_out_dead_share: Option<f64>,
    /// The share of maps that survive in more than a tenth of them. `None` in a file of a version before
    /// 0.2, as the next two.
    #[serde(default)]
    pub held_out_dense_share: Option<f64>,
    /// L1: the sum of the winners' activations in a sample, on average.
    #[serde(default)]
    pub held_out_l1: Option<f64>,
    /// The cosine between a sample and its reconstruction, on average.
    #[serde(default)]
    pub held_out_cosine: Option<f64>,
    /// The learning rate at the epoch's last step.
    pub rate: f64,
    /// Wall-clock time of the epoch.
    pub seconds: f64,
}

impl EpochMetrics {
    /// The index of the epoch with the smallest held-out loss, the first of several; `None` without held-out
    /// samples.
    pub fn best(epochs: &[Self]) -> Option<usize> {
        let losses = epochs.iter().map(|row| row.held_out_loss).enumerate();
        let losses = losses.filter_map(|(index, loss)| Some((index, loss?)));
        losses.reduce(|best, next| if next.1 < best.1 { next } else { best }).map(|(index, _)| index)
    }

    /// Whether the held-out loss has not fallen for the last `patience` epochs.
    pub fn have_lost_patience(epochs: &[Self], patience: usize) -> bool {
        Self::best(epochs).is_some_and(|best| epochs.len() - 1 - best >= patience)
    }
}

/// The progress of an SVM's training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SvmProgress {
    /// The penalty of the problem being solved.
    pub c: f64,
    /// The number of the current problem in a search for `C`, from 0; the last one is the final training.
    pub problem: usize,
    /// The most problems that there can be; 1 without a search.
    pub problems: usize,
    /// The most passes over the data that any class has had so far.
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
