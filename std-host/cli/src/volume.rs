//! How much a program says besides its results: `--quiet` and `--verbose`.

use std::sync::atomic::{AtomicU8, Ordering};

/// How much is said on standard error. Results, which go to standard output, and errors are always said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Volume {
    /// Nothing more.
    Quiet,
    /// Progress and notes.
    Normal,
    /// Also what is used, what is read, and how long it takes.
    Verbose,
}

/// That of this process.
static VOLUME: AtomicU8 = AtomicU8::new(Volume::Normal as u8);

impl Volume {
    /// Sets that of this process.
    pub(crate) fn set(self) {
        VOLUME.store(self as u8, Ordering::Relaxed);
    }
}

/// Whether nothing is said but results and errors.
pub(crate) fn is_quiet() -> bool {
    VOLUME.load(Ordering::Relaxed) == Volume::Quiet as u8
}

/// Whether more is said.
pub(crate) fn is_verbose() -> bool {
    VOLUME.load(Ordering::Relaxed) == Volume::Verbose as u8
}
