//! Where the time of a training step goes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wta_core::MAX_LAYERS;

/// A part of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Bring the filters into the kernels' layout.
    Prepare,
    /// Run an encoder layer; in the last one, also find the winners.
    Compete {
        /// From 0.
        layer: usize,
    },
    /// Decide which winners survive.
    Select,
    /// Evaluate exactly the candidates that were found with less precision.
    Refine,
    /// Add up the survivors' atoms, and compute the residual and the loss.
    Reconstruct,
    /// Compute the deltas of a layer and the gradient of its filters and biases; in the last layer, also that
    /// of the decoder.
    Learn {
        /// From 0.
        layer: usize,
    },
    /// Let the optimiser change the parameters.
    Update,
}

/// The number of phases in a step of the deepest network.
const PHASES: usize = 5 + 2 * MAX_LAYERS;

impl Phase {
    /// All phases of a step of a network with `depth` layers, in order. Learning goes through the layers from
    /// the last to the first.
    pub fn all(depth: usize) -> impl Iterator<Item = Self> {
        let layers = depth.min(MAX_LAYERS);
        std::iter::once(Self::Prepare)
            .chain((0..layers).map(|layer| Self::Compete { layer }))
            .chain([Self::Select, Self::Refine, Self::Reconstruct])
            .chain((0..layers).rev().map(|layer| Self::Learn { layer }))
            .chain([Self::Update])
    }

    fn index(self) -> usize {
        let last = MAX_LAYERS - 1;
        match self {
            Self::Prepare => 0,
            Self::Select => 1,
            Self::Refine => 2,
            Self::Reconstruct => 3,
            Self::Update => 4,
            Self::Compete { layer } => 5 + layer.min(last),
            Self::Learn { layer } => 5 + MAX_LAYERS + layer.min(last),
        }
    }
}

/// For people: layers count from 1.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare => f.write_str("prepare"),
            Self::Compete { layer } => write!(f, "compete, layer {}", layer + 1),
            Self::Select => f.write_str("select"),
            Self::Refine => f.write_str("refine"),
            Self::Reconstruct => f.write_str("reconstruct"),
            Self::Learn { layer } => write!(f, "learn, layer {}", layer + 1),
            Self::Update => f.write_str("update"),
        }
    }
}

/// Adds up the time of each [`Phase`]; several threads may do so at once. Clones add to the same times.
///
/// The default is a stopwatch that is not running. It costs a comparison and reads no clock.
#[derive(Clone, Debug, Default)]
pub struct Stopwatch {
    running: Option<Arc<Running>>,
}

#[derive(Debug)]
struct Running {
    threads: u64,
    /// Nanoseconds of all threads together: work that occupies all threads is counted once for each.
    totals: [AtomicU64; PHASES],
}

impl Stopwatch {
    /// A running stopwatch for steps on this many threads.
    pub fn new(threads: usize) -> Self {
        let totals = std::array::from_fn(|_| AtomicU64::new(0));
        Self { running: Some(Arc::new(Running { threads: threads.max(1) as u64, totals })) }
    }

    /// Runs `work` and adds its time. For a whole phase, on the thread that runs the step.
    pub fn time<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        match &self.running {
            None => work(),
            Some(running) => running.time(phase, running.threads, work),
        }
    }

    /// Runs `work` and adds its share of the time. For one of the parallel tasks of a phase, on any thread.
    /// The time of the phase is the sum over its tasks, divided by the number of threads.
    pub fn time_task<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        match &self.running {
            None => work(),
            Some(running) => running.time(phase, 1, work),
        }
    }

    /// Returns the times so far, and resets them to 0.
    pub fn take(&self) -> Times {
        let mut times = Times { nanoseconds: [0; PHASES] };
        if let Some(running) = &self.running {
            for (to, total) in times.nanoseconds.iter_mut().zip(&running.totals) {
                *to = total.swap(0, Ordering::Relaxed) / running.threads;
            }
        }
        times
    }
}

impl Running {
    fn time<T>(&self, phase: Phase, weight: u64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(total) = self.totals.get(phase.index()) {
            total.fetch_add(nanoseconds.saturating_mul(weight), Ordering::Relaxed);
        }
        result
    }
}

/// The time of each phase.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    nanoseconds: [u64; PHASES],
}

impl Times {
    /// The time of a phase; 0 if it never ran.
    pub fn of(&self, phase: Phase) -> Duration {
        Duration::from_nanos(self.nanoseconds.get(phase.index()).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    const PAUSE: Duration = Duration::from_millis(20);

    fn pause() {
        thread::sleep(PAUSE);
    }

    #[test]
    fn every_phase_has_a_place_and_a_name_of_its_own() {
        let phases: Vec<Phase> = Phase::all(MAX_LAYERS).collect();
        assert_eq!(phases.len(), PHASES);
        assert_eq!(phases.iter().map(|phase| phase.index()).collect::<HashSet<_>>(), (0..PHASES).collect());
        assert_eq!(phases.iter().map(|phase| phase.to_string()).collect::<HashSet<_>>().len(), PHASES);
        assert_eq!(Phase::Compete { layer: 1 }.to_string(), "compete, layer 2");
        let two: Vec<String> = Phase::all(2).map(|phase| phase.to_string()).collect();
        assert_eq!(two.first().unwrap(), "prepare");
        assert_eq!(two[6..], ["learn, layer 2", "learn, layer 1", "update"]);
    }

    #[test]
    fn whole_phases_count_in_full_and_tasks_by_their_share() {
        let stopwatch = Stopwatch::new(2);
        let start = Instant::now();
        assert_eq!(stopwatch.time(Phase::Select, || 7), 7);
        let select = start.elapsed();
        stopwatch.time(Phase::Update, pause);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| stopwatch.clone().time_task(Phase::Learn { layer: 1 }, pause));
            }
        });
        let start = Instant::now();
        stopwatch.time_task(Phase::Learn { layer: 0 }, pause);
        let whole = start.elapsed();
        let times = stopwatch.take();
        assert!(times.of(Phase::Update) >= PAUSE);
        assert!(times.of(Phase::Learn { layer: 1 }) >= PAUSE, "two tasks on two threads");
        let one = times.of(Phase::Learn { layer: 0 });
        assert!(one >= PAUSE / 2 && one <= whole / 2, "half a thread's: {one:?}");
        assert!(times.of(Phase::Select) <= select);
        assert_eq!(times.of(Phase::Prepare), Duration::ZERO);
        assert_eq!(stopwatch.take().of(Phase::Update), Duration::ZERO, "taken once");
    }

    #[test]
    fn without_being_started_it_stands_still() {
        let stopwatch = Stopwatch::default();
        stopwatch.time(Phase::Update, pause);
        stopwatch.time_task(Phase::Update, pause);
        assert_eq!(stopwatch.take().of(Phase::Update), Duration::ZERO);
    }
}
