//! The settings that every command gets.

use std::sync::Arc;

use wta::Isa;
use wta::ranks::{Fact, Ranks, agree};

use crate::bar::Bar;
use crate::error::Result;
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

    /// `Ok` if all processes were given the same flags. Each is its name and its value, if it was given.
    pub(crate) fn expect_common(&self, flags: &[(&str, Option<String>)]) -> Result<()> {
        let Some(ranks) = &self.ranks else { return Ok(()) };
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let facts: Vec<_> = flags.iter().map(|(name, given)| Fact::new(*name, value(given))).collect();
        Ok(agree(&**ranks, &facts).map_err(wta::Error::from)?)
    }

    /// Whether this process is the one that prints, and that has the run folder.
    pub(crate) fn is_first(&self) -> bool {
        self.ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0)
    }
}
