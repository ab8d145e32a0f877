//! Ctrl-C and the signals by which a system ends programs: one way to stop, whatever the program is doing.
//!
//! The first signal sets a flag. Work that looks at it (every [`Bar`](crate::bar::Bar) does) ends in an
//! orderly way: a training saves its state, a file that is being written is removed. If nothing looks, as
//! while a pipe is read that nobody writes into, the program ends after [`PATIENCE`]. A second signal ends it
//! at once, but for those of a queue, which several of its parts may send. Even that loses no file, because
//! each is replaced as a whole.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::{Error, Result};
use crate::exit::{self, INTERRUPTED, REQUEUE};

/// How long the flag may go unseen.
const PATIENCE: Duration = Duration::from_secs(2);

/// The signals that stop a program, each with the exit code after it.
#[derive(Clone, Copy)]
pub(crate) struct Signals(&'static [(i32, u8)]);

impl Signals {
    /// Of a program that works alone.
    pub(crate) const ALONE: Self = Self(&[
        (SIGINT, INTERRUPTED),
        (SIGTERM, INTERRUPTED),
        #[cfg(unix)]
        (signal_hook::consts::SIGHUP, INTERRUPTED),
    ]);

    /// Of a program that a queue starts, and that it warns before it takes the machines away.
    pub(crate) const QUEUED: Self = Self(&[
        (SIGINT, INTERRUPTED),
        (SIGTERM, REQUEUE),
        #[cfg(unix)]
        (signal_hook::consts::SIGHUP, INTERRUPTED),
        #[cfg(unix)]
        (signal_hook::consts::SIGUSR1, REQUEUE),
    ]);

    fn code(self, signal: i32) -> u8 {
        self.0.iter().find(|(known, _)| *known == signal).map_or(INTERRUPTED, |(_, code)| *code)
    }
}

/// The flag, and whether anybody looks at it.
pub(crate) struct Stop {
    flag: AtomicBool,
    /// The exit code of the signal that set it; 0 if none did.
    code: AtomicU8,
    /// Whether the work of the present phase has looked.
    looked: AtomicBool,
}

impl Stop {
    pub(crate) const fn new() -> Self {
        Self { flag: AtomicBool::new(false), code: AtomicU8::new(0), looked: AtomicBool::new(false) }
    }

    /// Whether to stop. Who asks once in a phase has to ask again and again.
    pub(crate) fn is_set(&self) -> bool {
        self.looked.store(true, Ordering::Relaxed);
        self.flag.load(Ordering::Relaxed)
    }

    /// The exit code of the signal that this process got; `None` if it got none.
    pub(crate) fn code(&self) -> Option<u8> {
        Some(self.code.load(Ordering::Relaxed)).filter(|code| *code != 0)
    }

    /// A phase of the work has begun or ended.
    pub(crate) fn next_phase(&self) {
        self.looked.store(false, Ordering::Relaxed);
    }
}

/// Has signals set `stop`. Signals that are ignored when the program starts, as SIGHUP under `nohup` and
/// SIGINT in the background of a script, stay ignored.
pub(crate) fn watch(stop: &'static Stop, signals: Signals) -> Result<()> {
    let cannot = |error| Error::Usage(format!("cannot watch for Ctrl-C: {error}"));
    let watched = signals.0.iter().map(|(signal, _)| *signal).filter(|signal| !is_ignored(*signal));
    let mut arriving = signal_hook::iterator::Signals::new(watched).map_err(cannot)?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let watching = thread.spawn(move || {
        for signal in arriving.forever() {
            let code = signals.code(signal);
            // Of two, the one that does not ask for another try.
            stop.code.fetch_max(code, Ordering::Relaxed);
            if stop.flag.swap(true, Ordering::Relaxed) && code != REQUEUE {
                exit::at_once(code);
            }
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                if !stop.looked.load(Ordering::Relaxed) {
                    crate::print::complain(code, "interrupted");
                    exit::at_once(code);
                }
            });
        }
    });
    watching.map_err(cannot).map(|_| ())
}

/// Whether a signal is ignored, as far as the system says.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
