//! Reads a run again and again, in a thread of its own: a file system of another machine may let it wait.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use wta::picture::Atoms;

use super::state::{Layer, Life, State};
use crate::error::{Error, Result};

/// As many atoms are kept as `dictionary.png` has.
const MOST_ATOMS: usize = 1024;

/// What was read.
pub(crate) struct Seen {
    /// The state.
    pub(crate) state: Arc<State>,
    /// What the training is doing.
    pub(crate) life: Life,
    /// The layer whose atoms these are, and they, once there is a model.
    pub(super) atoms: Option<(usize, Arc<Atoms>)>,
    /// Why the files could not be read this time, and what is shown is of an earlier time.
    pub(super) problem: Option<String>,
}

/// Reads a run.
pub(crate) struct Reader {
    folder: PathBuf,
    /// The layer whose atoms are wanted; the one in training if there is none.
    layer: Option<usize>,
    state: Option<Arc<State>>,
    /// When a file was last seen to change, by the clock of this process.
    changed: Option<Instant>,
    atoms: Option<(usize, Stamp, Arc<Atoms>)>,
}

/// By which a file is known to be the same.
type Stamp = Option<(SystemTime, u64)>;

impl Reader {
    /// Of a run in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), layer: None, state: None, changed: None, atoms: None }
    }

    /// Reads all but the atoms.
    ///
    /// # Errors
    ///
    /// One sentence if there is no run, or one of its files is damaged.
    pub(crate) fn read(&mut self) -> Result<Seen> {
        let state = Arc::new(State::read(&self.folder)?);
        if self.state.as_ref().is_some_and(|before| before.written != state.written) {
            self.changed = Some(Instant::now());
        }
        self.state = Some(Arc::clone(&state));
        Ok(self.seen(state, None))
    }

    fn seen(&self, state: Arc<State>, problem: Option<String>) -> Seen {
        let life = state.life(self.quiet(&state));
        let atoms = self.atoms.as_ref().map(|(layer, _, atoms)| (*layer, Arc::clone(atoms)));
        Seen { state, life, atoms, problem }
    }

    /// How long no file has changed. The clock of the machine that has the files may differ from this one's,
    /// so that its times count only until a change has been seen.
    fn quiet(&self, state: &State) -> Duration {
        let since_written = || Some(SystemTime::now().duration_since(state.written?).unwrap_or_default());
        self.changed.map(|changed| changed.elapsed()).or_else(since_written).unwrap_or_default()
    }

    /// From now on the atoms of this layer are wanted; of the one in training if there is none.
    pub(super) fn wish(&mut self, layer: Option<usize>) {
        self.layer = layer;
    }

    /// Reads all; what cannot be read now is what it was before.
    pub(super) fn read_again(&mut self) -> Option<Seen> {
        let problem = match self.read() {
            Ok(seen) => self.read_atoms(&seen.state).err(),
            Err(error) => Some(error),
        };
        let state = self.state.clone()?;
        Some(self.seen(state, problem.map(|error| error.to_string())))
    }

    fn read_atoms(&mut self, state: &State) -> Result<()> {
        let index = self.layer.unwrap_or_else(|| state.current());
        let Some(Layer { run, .. }) = state.layers.get(index) else { return Ok(()) };
        let found = fs::metadata(run.file("model.safetensors")).ok();
        let stamp = found.and_then(|found| Some((found.modified().ok()?, found.len())));
        if self.atoms.as_ref().is_some_and(|(layer, of, _)| (*layer, *of) == (index, stamp)) {
            return Ok(());
        }
        if stamp.is_none() {
            self.atoms = None;
            return Ok(());
        }
        // While a model is replaced, it may not belong to the rest: the next time it will.
        let atoms = Atoms::read(run, MOST_ATOMS)?;
        self.atoms = Some((index, stamp, Arc::new(atoms)));
        Ok(())
    }

    /// Reads on and on in a thread, with so much time between.
    ///
    /// # Errors
    ///
    /// If there can be no thread.
    pub(super) fn start(mut self, every: Duration) -> Result<Reading> {
        let (send, seen) = channel();
        let (wish, wishes) = channel();
        let read = move || {
            loop {
                if let Some(seen) = self.read_again()
                    && send.send(seen).is_err()
                {
                    return;
                }
                match wishes.recv_timeout(every) {
                    Ok(layer) => self.wish(layer),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("reader".to_owned()).spawn(read);
        let thread = thread.map_err(|error| Error::Usage(format!("cannot start a thread: {error}")))?;
        Ok(Reading { seen, wish, thread })
    }
}

/// A thread that reads a run.
pub(super) struct Reading {
    seen: Receiver<Seen>,
    wish: Sender<Option<usize>>,
    thread: JoinHandle<()>,
}

impl Reading {
    /// The newest that was read since the last time.
    pub(super) fn newest(&self) -> Option<Seen> {
        self.seen.try_iter().last()
    }

    /// Whether the thread has ended, which it does by a panic alone.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Goes on with the panic of a thread that has ended.
    pub(super) fn end(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }

    /// See [`Reader::wish`].
    pub(super) fn want(&self, layer: Option<usize>) {
        let _ = self.wish.send(layer);
    }
}
