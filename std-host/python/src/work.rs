//! Long work: on threads of its own, without the interpreter's lock, while the calling thread listens for
//! Ctrl-C and hands progress to Python.
//!
//! The threads live as long as the work. So a process that was forked, as `multiprocessing` does, never waits
//! for threads that the fork has not copied.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::ThreadPoolBuilder;
use wta::error::Interrupted;
use wta::{EpochMetrics, Error, Observer, in_rounds};

use crate::error::raised;

/// How long Ctrl-C may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// What Python may want to hear of.
enum Event {
    Begin(String, u64),
    End,
    Note(String),
    Epoch(Box<EpochMetrics>, usize),
}

/// Sends events, and asks to stop when it is told to.
struct Listener<'a> {
    events: Mutex<Sender<Event>>,
    advanced: &'a AtomicU64,
    stop: &'a AtomicBool,
}

impl Listener<'_> {
    fn send(&self, event: Event) {
        if let Ok(events) = self.events.lock() {
            // Nobody listens only when the work is to stop.
            let _ = events.send(event);
        }
    }
}

impl Observer for Listener<'_> {
    fn begin(&self, phase: &str, total: u64) {
        self.send(Event::Begin(phase.to_owned(), total));
    }

    fn advance(&self, steps: u64) {
        self.advanced.fetch_add(steps, Ordering::Relaxed);
    }

    fn end(&self) {
        self.send(Event::End);
    }

    fn note(&self, line: &str) {
        self.send(Event::Note(line.to_owned()));
    }

    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        self.send(Event::Epoch(Box::new(epoch.clone()), epochs));
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Does some work on so many threads; 0 is one for each processor. `watcher`, if it is not `None`, is called
/// with the name of each event and what belongs to it. An exception in it, or Ctrl-C, stops the work.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    threads: usize,
    watcher: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&dyn Observer) -> wta::Result<T> + Send,
) -> PyResult<T> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| PyValueError::new_err(format!("no threads can be had: {error}")))?;
    let (advanced, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, receiver) = channel();
    // For the closure that has no lock of the interpreter.
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let listener = Listener { events: Mutex::new(sender), advanced: &advanced, stop: &stop };
        let working = scope.spawn(move || pool.install(|| work(&listener)));
        let heard = listen(py, &receiver, &advanced, watcher);
        stop.store(heard.is_err(), Ordering::Relaxed);
        let done = py.detach(|| working.join());
        heard?;
        match done {
            Ok(result) => result.map_err(raised),
            Err(_) => Err(PyRuntimeError::new_err(
                "a bug in wta_learn: the engine has panicked, see the message above; please report it",
            )),
        }
    })
}

/// An error if the work is to stop.
pub(crate) fn ask(observer: &dyn Observer) -> wta::Result<()> {
    if observer.should_stop() { Err(Error::Interrupted(Interrupted::InMemory)) } else { Ok(()) }
}

/// Does some work on so many samples, range by range, until it is to stop; see [`in_rounds`].
pub(crate) fn on_samples(
    count: usize,
    unit: usize,
    observer: &dyn Observer,
    mut work: impl FnMut(Range<usize>) -> wta::Result<()>,
) -> wta::Result<()> {
    match in_rounds(count, unit, observer, &mut work)? {
        true => Err(Error::Interrupted(Interrupted::InMemory)),
        false => Ok(()),
    }
}

/// Passes events on until the work is done.
fn listen(
    py: Python<'_>,
    receiver: &Mutex<Receiver<Event>>,
    advanced: &AtomicU64,
    watcher: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let mut told = 0;
    loop {
        let event = py.detach(|| match receiver.lock() {
            Ok(receiver) => receiver.recv_timeout(PATIENCE),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        });
        py.check_signals()?;
        let Some(watcher) = watcher else {
            match event {
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                _ => continue,
            }
        };
        let steps = advanced.load(Ordering::Relaxed);
        if steps > told {
            watcher.call1(("advance", steps - told))?;
            told = steps;
        }
        match event {
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Begin(phase, total)) => watcher.call1(("begin", phase, total)).map(drop)?,
            Ok(Event::End) => watcher.call1(("end",)).map(drop)?,
            Ok(Event::Note(line)) => watcher.call1(("note", line)).map(drop)?,
            Ok(Event::Epoch(row, epochs)) => watcher.call1(("epoch", table(py, &row)?, epochs)).map(drop)?,
        }
    }
}

/// An epoch's results, by the names of `metrics.csv`.
fn table<'py>(py: Python<'py>, row: &EpochMetrics) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    table.set_item("epoch", row.epoch)?;
    table.set_item("loss", row.loss)?;
    table.set_item("pixel_mse", row.pixel_mse)?;
    table.set_item("dead_share", row.dead_share)?;
    table.set_item("unexplained", row.unexplained)?;
    table.set_item("active", row.active)?;
    for (name, value) in [
        ("held_out_loss", row.held_out_loss),
        ("held_out_unexplained", row.held_out_unexplained),
        ("held_out_active", row.held_out_active),
        ("held_out_dead_share", row.held_out_dead_share),
        ("held_out_dense_share", row.held_out_dense_share),
        ("held_out_l1", row.held_out_l1),
        ("held_out_cosine", row.held_out_cosine),
    ] {
        // A training that holds nothing out has no columns for it.
        value.map_or(Ok(()), |value| table.set_item(name, value))?;
    }
    table.set_item("rate", row.rate)?;
    table.set_item("seconds", row.seconds)?;
    Ok(table)
}
