//! The settings that every command gets.

use wta::Isa;

use crate::bar::Bar;
use crate::signals::Stop;

/// The settings that every command gets.
pub(crate) struct Context {
    /// The instruction set.
    pub(crate) isa: Isa,
    /// Set by Ctrl-C.
    pub(crate) stop: &'static Stop,
}

impl Context {
    /// A bar that shows the progress of the command, and stops it at Ctrl-C.
    pub(crate) fn bar(&self) -> Bar {
        Bar::stderr(self.stop)
    }
}
