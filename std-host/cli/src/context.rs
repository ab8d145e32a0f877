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
    pub(crate) fn expect_common<const N: usize>(&self, flags: [(&str, Option<String>); N]) -> Result<()> {
        let Some(ranks) = &self.ranks else { return Ok(()) };
        let facts = flags.map(|(name, value)| Fact::new(name, value.unwrap_or_else(|| "none".to_owned())));
        Ok(agree(&**ranks, &facts)?)
    }

    /// Whether this process is the one that prints, and that has the run folder.
    pub(crate) fn is_first(&self) -> bool {
        self.ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0)
    }
}

/// The value of a flag that has none, for [`Context::expect_common`].
pub(crate) fn given(flag: bool) -> Option<String> {
    flag.then(|| "given".to_owned())
}
