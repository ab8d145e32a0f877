//! Recordings in `.wav` files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::ends;
use crate::data::contents::Contents;
use crate::data::own::array::length;
use crate::data::own::wav;
use crate::data::range::Range;
use crate::decoders::caught;
use crate::error::{Error, Result};

/// What a recording holds.
pub(crate) fn wave(path: &Path) -> Contents {
    let readers = "`wta init`, which makes a recipe for it; data = { set = \"signals\" }; any player";
    let contents = Contents::new("a recording (.wav)", readers);
    let mut range = Range::default();
    let read = || {
        let wave = wav::read(path, |step| {
            step.iter().for_each(|number| range.add(f64::from(*number)));
            Ok(())
        })?;
        Ok((wave, is_whole(path)?))
    };
    match caught(path, read) {
        Err(error) => contents.wrong(error),
        Ok((wave, whole)) => {
            let dtype = wave.bits.map_or("float32".to_owned(), |bits| format!("int{bits}"));
            let contents = contents.with("rate", format!("{} time steps a second", wave.rate)).array(
                "signal",
                &dtype,
                &[wave.steps, wave.channels],
                Some(range),
            );
            if wave.steps == 0 {
                return contents.wrong(Error::file(path, "holds no time step"));
            }
            // Recordings may have more behind the numbers: names, marks.
            if whole { contents } else { contents.wrong(Error::file(path, "is cut off; get the file again")) }
        }
    }
}

fn is_whole(path: &Path) -> Result<bool> {
    let (mut start, len) = ([0; 8], length(path)?);
    let failed = |error| Error::io("read", path, error);
    File::open(path).map_err(failed)?.read_exact(&mut start).map_err(failed)?;
    Ok(ends::riff(&start, len))
}
