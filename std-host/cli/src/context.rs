//! What every command is given.

use std::sync::atomic::AtomicBool;

use wta::Isa;

use crate::bar::Bar;

/// What every command is given.
pub(crate) struct Context {
    /// The instruction set.
    pub(crate) isa: Isa,
    /// Set by Ctrl-C.
    pub(crate) stop: &'static AtomicBool,
}

impl Context {
    /// Shows the progress of the command, and stops it at Ctrl-C.
    pub(crate) fn bar(&self) -> Bar {
        Bar::stderr(self.stop)
    }
}
