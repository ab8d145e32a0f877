//! The settings that every command gets.

use std::sync::Arc;

use wta::Isa;
use wta::ranks::Ranks;

use crate::bar::Bar;
use crate::signals::Stop;

/// The settings that every command gets.
pub(crate) struct Context {
    /// The instruction set.
    pub(crate) isa: Isa,
    /// Set by Ctrl-C.
    pub(crate) stop: &'static Stop,
    /// The processes that work together, if there are several.
    pub(crate) ranks: Option<Arc<dyn Ranks>>,
}

impl Context {
    /// A bar that shows the progress of the command, and stops it at Ctrl-C. Of several processes, the first
    /// one shows it.
    pub(crate) fn bar(&self) -> Bar {
        if self.is_first() { Bar::stderr(self.stop) } else { Bar::silent(self.stop) }
    }

    /// Whether this process is the one that prints, and that has the run folder.
    pub(crate) fn is_first(&self) -> bool {
        self.ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0)
    }
}
