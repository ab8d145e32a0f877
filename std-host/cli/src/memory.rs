//! When memory runs out, the program ends with a sentence and an exit code, and not by a signal.
//!
//! Sizes that come from files and recipes are checked before they are allocated (`wta::Error::Memory`). This
//! is for all that adds up besides:
//!
//! - An allocation that the system refuses, as under `ulimit -v`: the standard library says how large it was,
//!   and aborts. The abort is turned into the exit code of an error.
//! - The limit of a control group: the kernel would kill the program when it touches memory beyond. So the
//!   program looks how much is left, and ends before.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::{consts::SIGABRT, flag};
use wta::memory::{limit, resident};

use crate::exit::{self, FAILED};

/// With less than this left, the program ends.
const LEAST: u64 = 40 << 20;

/// How often the program looks. Memory cannot be touched faster than [`LEAST`] in this time.
const EVERY: Duration = Duration::from_millis(10);

/// The most bytes that the program may have in use before it ends, or work is refused; `None` if nobody says.
pub(crate) fn most() -> Option<u64> {
    let most = resident::most()?;
    match limit::left_of_bounds() {
        u64::MAX => Some(most),
        left => Some(most.min(resident::now()?.saturating_add(left.saturating_sub(LEAST)))),
    }
}

/// Watches over memory from now on. `most` bounds what the program may take, in bytes.
pub(crate) fn watch(most: Option<u64>) -> io::Result<()> {
    flag::register_conditional_shutdown(SIGABRT, FAILED.into(), Arc::new(AtomicBool::new(true)))?;
    if let Some(most) = most {
        limit::set_limit(most);
    }
    if limit::left_of_bounds() < u64::MAX {
        std::thread::Builder::new().name("memory".to_owned()).spawn(|| {
            while limit::left_of_bounds() > LEAST {
                std::thread::sleep(EVERY);
            }
            crate::print::complain(
                FAILED,
                "out of memory: this process has used up what it may take; raise its limit, or ask for less",
            );
            exit::at_once(FAILED);
        })?;
    }
    Ok(())
}
