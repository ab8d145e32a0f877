//! Published data sets from the places where they are published, into the folder where recipes look for them.
//!
//! ```text
//! place (URL) -> download (NAME.part, resumed) -> checksum -> NAME -> archive (CIFAR-10: unpacked)
//! ```
//!
//! A file gets its name when its checksum is the published one, so that what has the name is whole.

mod archive;
mod download;
mod places;

use std::path::Path;

use wta::Observer;
use wta::data::inventory::{State, state_of};

use crate::error::{Error, Result};
use download::Download;
pub(crate) use places::Set;

/// Downloads what is missing of a data set below `folder`, from `base` instead of the published place if it
/// is given.
pub(crate) fn fetch(set: Set, folder: &Path, base: Option<&str>, observer: &dyn Observer) -> Result<()> {
    let home = set.home(folder);
    wta::files::atomic::create_dir(&home)?;
    if set == Set::Cifar10 && archive::is_unpacked(&home) {
        observer.note(&format!("{}: there already", home.join(archive::FOLDER).display()));
        return Ok(());
    }
    for file in set.files() {
        let target = home.join(file.name);
        // Of MNIST, an unpacked file does, too.
        let there = [target.clone(), home.join(file.checked_as)].into_iter().find(|path| path.exists());
        match there {
            Some(path) => {
                expect_good(&path, file.checked_as)?;
                observer.note(&format!("{}: there already", path.display()));
            }
            None => {
                let base = base.unwrap_or(file.base);
                let url = format!("{}/{}", base.trim_end_matches('/'), file.name);
                let check = |path: &Path| state_of(path, file.checked_as);
                Download { url: &url, target: &target, check: &check }
                    .run(observer)
                    .map_err(|error| by_hand(error, set, &home))?;
                observer.note(&format!("{}: downloaded, checksum ok", target.display()));
            }
        }
        if set == Set::Cifar10 {
            archive::unpack(&target, &home, observer)?;
        }
    }
    Ok(())
}

/// `Ok` if a file that is there is the published one; it is not touched.
fn expect_good(path: &Path, name: &str) -> Result<()> {
    match state_of(path, name) {
        Some(State::Good) | None => Ok(()),
        Some(State::Broken(problem)) => {
            Err(wta::Error::file(path, format!("{problem}; remove it, and run this again")).into())
        }
        Some(_) => {
            let problem = "differs from the published file; remove it or move it away, and run this again";
            Err(wta::Error::file(path, problem).into())
        }
    }
}

/// An error of the network says how to do without it.
fn by_hand(error: Error, set: Set, home: &Path) -> Error {
    match error {
        Error::Usage(sentence) => {
            let names: Vec<&str> = set.files().iter().map(|file| file.name).collect();
            Error::Usage(format!(
                "{sentence}; or put {} into {} by other means",
                names.join(", "),
                home.display()
            ))
        }
        error => error,
    }
}
