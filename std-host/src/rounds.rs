//! Work on samples in rounds that are so short that an observer may stop it between them.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::observer::Observer;

/// What a round should take at most.
const ROUND: Duration = Duration::from_millis(200);

/// Does some work on `count` samples, a range of them at a time, and asks the observer in between. Returns
/// whether it has stopped the work before its end.
///
/// Ranges begin at multiples of `unit`. The first ones are short, and the clock decides how long the others
/// are. So the work must give the same for a sample whatever the range.
///
/// # Errors
///
/// What `work` returns.
pub fn in_rounds(
    count: usize,
    unit: usize,
    observer: &dyn Observer,
    work: &mut dyn FnMut(Range<usize>) -> Result<()>,
) -> Result<bool> {
    let unit = unit.max(1);
    let threads = rayon::current_num_threads();
    let (mut first, mut len) = (0, threads.div_ceil(unit).saturating_mul(unit));
    while first < count {
        if observer.should_stop() {
            return Ok(true);
        }
        let start = Instant::now();
        let end = first.saturating_add(len).min(count);
        work(first..end)?;
        first = end;
        let took = start.elapsed();
        if took < ROUND / 4 {
            len = len.saturating_mul(2);
        } else if took > ROUND {
            len = (len / 2).div_ceil(unit).max(1).saturating_mul(unit);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_sample_has_its_turn_once_and_ranges_begin_at_units() {
        for (count, unit) in [(0, 1), (1, 1), (1_000, 1), (1_000, 7), (5, 7)] {
            let mut next = 0;
            let mut work = |range: Range<usize>| {
                assert_eq!((range.start, range.start % unit), (next, 0));
                assert!(range.end > range.start);
                next = range.end;
                Ok(())
            };
            assert!(!in_rounds(count, unit, &(), &mut work).unwrap());
            assert_eq!(next, count);
        }
    }

    struct Once(AtomicUsize);

    impl Observer for Once {
        fn should_stop(&self) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) > 0
        }
    }

    #[test]
    fn an_observer_and_an_error_end_it() {
        let mut rounds = 0;
        let mut count = |_: Range<usize>| {
            rounds += 1;
            Ok(())
        };
        assert!(in_rounds(1_000_000, 1, &Once(AtomicUsize::new(0)), &mut count).unwrap());
        assert_eq!(rounds, 1);
        let wrong = in_rounds(5, 1, &(), &mut |_| Err(Error::Invalid("no".to_owned())));
        assert!(wrong.is_err());
    }
}
