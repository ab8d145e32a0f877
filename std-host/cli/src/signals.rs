//! Ctrl-C and the signals by which a system ends programs: one way to stop, whatever the program is doing.
//!
//! The first signal sets a flag. Work that looks at it (every [`Bar`](crate::bar::Bar) does) ends in an
//! orderly way: a training saves its state, a file that is being written is removed. If nothing looks, as
//! while a pipe is read that nobody writes into, the program ends after [`PATIENCE`]. A second signal ends it
//! at once. Even that loses no file, because each is replaced as a whole.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// The exit code after a signal.
const INTERRUPTED: i32 = 130;

/// How long the flag may go unseen.
const PATIENCE: Duration = Duration::from_secs(2);

/// The flag, and whether anybody looks at it.
pub(crate) struct Stop {
    flag: AtomicBool,
    /// Whether the work of the present phase has looked.
    looked: AtomicBool,
}

impl Stop {
    pub(crate) const fn new() -> Self {
        Self { flag: AtomicBool::new(false), looked: AtomicBool::new(false) }
    }

    /// Whether to stop. Who asks once in a phase has to ask again and again.
    pub(crate) fn is_set(&self) -> bool {
        self.looked.store(true, Ordering::Relaxed);
        self.flag.load(Ordering::Relaxed)
    }

    /// A phase of the work has begun or ended.
    pub(crate) fn next_phase(&self) {
        self.looked.store(false, Ordering::Relaxed);
    }
}

/// Has signals set `stop`. Signals that are ignored when the program starts, as SIGHUP under `nohup` and
/// SIGINT in the background of a script, stay ignored.
pub(crate) fn watch(stop: &'static Stop) -> io::Result<()> {
    let mut signals = vec![SIGINT, SIGTERM];
    #[cfg(unix)]
    signals.push(signal_hook::consts::SIGHUP);
    signals.retain(|signal| !is_ignored(*signal));
    let mut signals = Signals::new(signals)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if stop.flag.swap(true, Ordering::Relaxed) {
                low_level::exit(INTERRUPTED);
            }
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                if !stop.looked.load(Ordering::Relaxed) {
                    crate::print::say("wta: interrupted\n");
                    low_level::exit(INTERRUPTED);
                }
            });
        }
    })?;
    Ok(())
}

/// Whether a signal is ignored, as far as the system says.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
