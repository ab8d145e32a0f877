//! Data sets in their published formats.
//!
//! [`load`] turns a [`DataSource`] and a folder into a [`Dataset`]; [`inventory`] lists what a folder holds.
//! A new data set needs a file here, a variant of `DataSource` and an arm in `load`.

mod classes;
mod collector;
mod contents;
mod dataset;
mod element;
mod form;
mod head;
mod held;
mod inputs;
pub mod inventory;
mod keys;
mod look;
pub(crate) mod own;
mod published;
mod range;
mod signal;
mod source;
mod stand_in;
mod stored;
mod values;
mod windows;

use std::path::Path;

use crate::decoders::caught;
use crate::error::{Error, Result, Setting};
use crate::observer::Observer;
use own::{arrays, folder, recordings};
use published::{cifar10, mnist, svhn};

pub use classes::Classes;
pub(crate) use contents::{Contents, Numbers};
pub use dataset::{Dataset, Split, Splits};
pub use element::Element;
pub use form::Form;
pub(crate) use head::{Head, head, unpacked};
pub use held::{Held, Holder};
pub use inputs::read_inputs;
pub use keys::DataSource;
pub use look::{Look, look};
pub use own::batch::Batch;
pub use own::column::Column;
pub(crate) use own::contents as own_contents;
pub use own::examples::{ExampleFile, Room};
pub use own::inputs::Inputs;
pub use own::keys::{ArrayFiles, ClassBy, ImageFolder, Names, OnError, SignalFiles, SplitBy};
pub use own::label::Label;
pub(crate) use own::label::Naming;
pub use own::layout::{Kind, Layout};
pub use own::loose::load_files;
pub use own::paths::Paths;
pub(crate) use published::contents as published_contents;
pub(crate) use range::Range;
pub use signal::Signal;
pub use stand_in::StandIn;
pub use stored::Stored;
pub use values::Values;
pub use windows::Windows;

/// Loads a split of a data set from `dir`, the folder that holds `mnist/` and others. The observer gets a
/// note for each file that is skipped because the recipe allows it.
///
/// A published set may also lie in `dir` itself. [`DataSource::Digits`] ignores `dir`.
///
/// # Errors
///
/// One sentence that names the file: it is missing, unreadable, cut off, damaged or not in its published
/// format, or the labels do not match the images.
pub fn load(source: &DataSource, dir: &Path, split: Split, observer: &dyn Observer) -> Result<Dataset> {
    caught(dir, || match source {
        DataSource::Digits => published::digits::load(split),
        DataSource::Mnist => mnist::load(dir, split),
        DataSource::Cifar10 => cifar10::load(dir, split),
        DataSource::Svhn { extra } => svhn::load(dir, split, *extra),
        DataSource::Images(keys) => folder::load(dir, keys, split, observer),
        DataSource::Array(keys) => arrays::load(dir, keys, split, observer),
        DataSource::Signals(keys) => recordings::load(dir, keys, split, observer),
        DataSource::Memory => Err(Error::setting(
            Setting::Data,
            "is not what the run learnt from: that was in the memory of a program (set = \"memory\"), which no file \
             has; in the run's recipe.toml, let [data] say which files hold samples",
        )),
    })
}

/// The bundled digits: a subset of MNIST, 4,800 images of 28 x 28 for training and 1,000 for testing. Needs
/// no files.
///
/// # Errors
///
/// None, in a build that has passed its tests.
pub fn digits() -> Result<Splits> {
    Ok(Splits { train: published::digits::load(Split::Train)?, test: published::digits::load(Split::Test)? })
}

/// Reads samples from a file with one array (`.npy`, `.npz`, `.safetensors`), or a table (`.csv`): vectors
/// N x D, signals N x channels x time, images N x rows x columns or N x channels x rows x columns.
///
/// # Errors
///
/// One sentence that names the file: it is missing, damaged, or holds another kind of array.
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    caught(path.as_ref(), || own::loose::array(path.as_ref()))
}

/// Reads a recording (`.wav`, a table with a column for each channel, an array of time steps, or of channels
/// x time steps), or all in a folder, as signals.
///
/// # Errors
///
/// One sentence that names the file: it is missing, damaged, or of another kind.
pub fn read_signals(path: impl AsRef<Path>) -> Result<Vec<Signal>> {
    caught(path.as_ref(), || recordings::whole(path.as_ref()))
}

#[cfg(test)]
mod tests {
    use wta_core::Shape;

    use super::*;

    #[test]
    fn the_digits_need_no_folder() {
        let digits = load(&DataSource::Digits, Path::new("/no/such/folder"), Split::Test, &()).unwrap();
        assert_eq!(digits.len(), 1_000);
        let shape = Shape::new(digits.channels, digits.height, digits.width);
        assert_eq!(DataSource::Digits.image_shape(), Some(shape));
    }
}
