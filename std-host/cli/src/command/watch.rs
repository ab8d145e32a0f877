//! `wta watch`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::context::Context;
use crate::error::Result;
use crate::print::print;
use crate::watch::{Pictures, Reader, live, snapshot};

/// Arguments of `wta watch`.
#[derive(Args)]
#[command(
    after_help = "Shows the curves, the speed, the time left and the dictionary of a training that goes on or has ended. It reads
files, writes none and takes no lock: the folder may be another machine's, and several may watch.

Keys: q quits; left, right and tab change the figure, up and down the layer of a stack; PgUp and PgDn show other atoms.
Where there is no terminal, as in a pipe, one snapshot is printed as text.

Examples:
  wta watch runs/conv16
  wta watch --once runs/conv16
  wta watch --pictures characters /mnt/server/runs/conv16 --every 10"
)]
pub(crate) struct Arguments {
    /// The run folder of a training that goes on or has ended.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Print one snapshot as text, and end.
    #[arg(long)]
    once: bool,
    /// How the dictionary is shown [default: as sixels if the terminal says that it can, otherwise by
    /// characters].
    #[arg(long, value_name = "HOW", value_enum)]
    pictures: Option<Pictures>,
    /// Seconds from one look at the files to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: u32,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut reader = Reader::new(&arguments.run);
    let seen = reader.read()?;
    let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb" || terminal.is_empty());
    if arguments.once || !std::io::stdout().is_terminal() || (cfg!(unix) && is_dumb) {
        return print(&snapshot(&seen.state, &seen.life));
    }
    let every = Duration::from_secs(arguments.every.into());
    live(reader, seen, arguments.pictures, every, context.stop)
}
