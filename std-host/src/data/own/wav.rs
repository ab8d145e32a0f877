//! Recordings in `.wav` files. The numbers are as they are stored: whole ones of 8 to 32 bits, or floats.

use std::io::BufReader;
use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::array::length;
use crate::error::{Error, Result};

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wave {
    pub(super) channels: usize,
    /// Time steps per second.
    pub(super) rate: u32,
    /// Bits of a whole number; `None` for floats.
    pub(super) bits: Option<u16>,
    pub(super) steps: usize,
}

/// Reads the header alone.
pub(super) fn header(path: &Path) -> Result<Wave> {
    open(path).map(|(_, wave)| wave)
}

/// Calls `each` with the numbers of each time step, one for each channel.
pub(super) fn read(path: &Path, mut each: impl FnMut(&[f32]) -> Result<()>) -> Result<Wave> {
    let (mut reader, wave) = open(path)?;
    let wrong = |error| damaged(path, &error);
    let mut step = Vec::with_capacity(wave.channels);
    let mut push = |number: f32| {
        step.push(number);
        if step.len() == wave.channels {
            each(&step)?;
            step.clear();
        }
        Result::Ok(())
    };
    match wave.bits {
        Some(_) => {
            for number in reader.samples::<i32>() {
                push(number.map_err(wrong)? as f32)?;
            }
        }
        None => {
            for number in reader.samples::<f32>() {
                push(number.map_err(wrong)?)?;
            }
        }
    }
    Ok(wave)
}

fn open(path: &Path) -> Result<(WavReader<BufReader<std::fs::File>>, Wave)> {
    length(path)?;
    let reader = WavReader::open(path).map_err(|error| damaged(path, &error))?;
    let spec = reader.spec();
    if spec.channels == 0 {
        return Err(Error::file(path, "has no channel"));
    }
    let bits = (spec.sample_format == SampleFormat::Int).then_some(spec.bits_per_sample);
    let (channels, steps) = (usize::from(spec.channels), reader.duration() as usize);
    let wave = Wave { channels, rate: spec.sample_rate, bits, steps };
    Ok((reader, wave))
}

fn damaged(path: &Path, error: &hound::Error) -> Error {
    Error::file(path, format!("is no whole .wav file of plain numbers ({error}); write it again"))
}
