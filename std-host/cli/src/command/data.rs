//! `wta data`.

use std::path::PathBuf;

use crate::error::Result;
use clap::Args;
use wta::data::inventory;

use crate::print::print;

/// Arguments of `wta data`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/`, folders of pictures, and arrays.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let entries = inventory::inventory(&arguments.folder)?;
    print(&inventory::table(&entries))?;
    if inventory::all_good(&entries) {
        return Ok(());
    }
    Err(wta::Error::file(&arguments.folder, "has files that differ from the published ones; get them again")
        .into())
}
