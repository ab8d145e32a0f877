//! `wta data`.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::fetch::{self, Set};
use clap::Args;
use wta::data::inventory;

use crate::print::print;

/// Arguments of `wta data`.
#[derive(Args)]
#[command(after_help = "Lists what a folder holds, each file checked against the published checksums.

With --fetch, what is missing of a data set is downloaded first, into the folder where recipes look for it. A download that broke off
goes on when the command is given again. A file is kept if its checksum is the published one.

Examples:
  wta data ~/data
  wta data ~/data --fetch mnist
  wta data ~/data --fetch svhn --mirror http://mirror.example/housenumbers")]
pub(crate) struct Arguments {
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/`, folders of pictures, and arrays.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Download this data set into the folder.
    #[arg(long, value_enum, value_name = "SET")]
    fetch: Option<Set>,
    /// With --fetch: the address of the folder that holds the files, instead of where they are published.
    #[arg(long, value_name = "URL", requires = "fetch")]
    mirror: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    if let Some(set) = arguments.fetch {
        fetch::fetch(set, &arguments.folder, arguments.mirror.as_deref(), &context.bar())?;
    }
    let entries = inventory::inventory(&arguments.folder)?;
    print(&inventory::table(&entries))?;
    if inventory::all_good(&entries) {
        return Ok(());
    }
    let problem = "has files that differ from the published ones; get them again";
    Err(Error::Library(wta::Error::file(&arguments.folder, problem)))
}
