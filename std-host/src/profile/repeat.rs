//! How often to measure, and the middle of what was measured.

use std::time::{Duration, Instant};

use wta_simd::Isa;

use crate::error::{Error, Interrupted, Result};
use crate::observer::Observer;

/// The default number of steps and encodings to measure ...
pub(super) const REPEATS: usize = 30;

/// ... if that does not take longer than this ...
pub(super) const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// ... but at least this many.
pub(super) const FEWEST: usize = 3;

/// Steps and encodings before the measurement, so that caches, branch predictors and freshly mapped memory
/// are warm.
pub(super) const WARM_UP: usize = 2;

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The instruction set.
    pub isa: Isa,
    /// Measure exactly this many steps and encodings; by default, enough for a stable median.
    pub steps: Option<usize>,
}

/// Calls `once` a few times to warm up, then as often as `settings` say. Returns its times in milliseconds.
pub(super) fn repeat(
    settings: Settings,
    observer: &dyn Observer,
    mut once: impl FnMut() -> Result<Duration>,
) -> Result<Vec<f64>> {
    for _ in 0..WARM_UP {
        once()?;
    }
    let start = Instant::now();
    let mut ms = Vec::new();
    while match settings.steps {
        Some(steps) => ms.len() < steps,
        None => ms.len() < FEWEST || (ms.len() < REPEATS && start.elapsed() < LONG_ENOUGH),
    } {
        if observer.should_stop() {
            observer.end();
            return Err(Error::Interrupted(Interrupted::Profile));
        }
        ms.push(once()?.as_secs_f64() * 1e3);
        observer.advance(1);
    }
    Ok(ms)
}

/// The middle value, or the mean of the two middle ones.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { middle(half) } else { (middle(half.wrapping_sub(1)) + middle(half)) / 2.0 }
}

pub(super) fn fastest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
