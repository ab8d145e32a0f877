//! `checkpoint.safetensors`: the state from which training continues as if it had never stopped.

use std::borrow::Cow;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::step::Notes;
use crate::error::{Error, Result};
use crate::files::seal::{self, Sealed};
use crate::files::tensors::{floats_of, little_endian};
use crate::files::whole;
use crate::run::{Links, Run};

/// The metadata with [`Checkpoint::checksum`].
const CHECKSUM: &str = "checksum";

/// The tensors of [`Checkpoint::notes`], where something is noted.
const THRESHOLDS: &str = "thresholds";
const SILENT: &str = "silent";

const REMEDY: &str = "train again into another folder";

/// The state of a training between two steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint<'a> {
    /// The flat parameter vector.
    pub parameters: Cow<'a, [f32]>,
    /// The optimiser's moments.
    pub moments: Cow<'a, [f32]>,
    /// What was noted of each unit.
    pub notes: Notes,
    /// The number of steps done.
    pub step: u64,
    /// The sum of the losses of the steps in the unfinished epoch.
    pub epoch_loss: f64,
    /// How often each map survived in the unfinished epoch.
    pub survived: Vec<u64>,
}

/// Writes a checkpoint into a run: the state after a whole number of epochs.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be written.
pub(crate) fn save_checkpoint(
    run: &Run,
    parameters: &[f32],
    moments: &[f32],
    step: u64,
    maps: usize,
) -> Result<()> {
    let (parameters, moments, survived) = (parameters.into(), moments.into(), vec![0; maps]);
    let notes = Notes::default();
    let links = Links { recipe: Some(run.recipe()?.identity()), ..Links::default() };
    Checkpoint { parameters, moments, notes, step, epoch_loss: 0.0, survived }.save(&run.checkpoint(), &links)
}

impl Checkpoint<'_> {
    /// Writes the checkpoint with what it belongs to. An earlier one is replaced only when the new one is
    /// complete.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub(super) fn save(&self, path: &Path, links: &Links) -> Result<()> {
        self.sealed(path, links)?.write(path)
    }

    /// The file, ready to be written.
    pub(super) fn sealed(&self, path: &Path, links: &Links) -> Result<Sealed> {
        let (parameters, moments) = (little_endian(&self.parameters), little_endian(&self.moments));
        let survived: Vec<u8> = self.survived.iter().flat_map(|v| v.to_le_bytes()).collect();
        let (step, loss) = (self.step.to_le_bytes(), self.epoch_loss.to_le_bytes());
        let thresholds = little_endian(&self.notes.thresholds);
        let silent: Vec<u8> = self.notes.silent.iter().flat_map(|v| v.to_le_bytes()).collect();
        let parts: [(&str, Dtype, usize, &[u8]); 7] = [
            ("parameters", Dtype::F32, self.parameters.len(), &parameters),
            ("moments", Dtype::F32, self.moments.len(), &moments),
            ("step", Dtype::U64, 1, &step),
            ("epoch_loss", Dtype::F64, 1, &loss),
            ("survived", Dtype::U64, self.survived.len(), &survived),
            (THRESHOLDS, Dtype::F32, self.notes.thresholds.len(), &thresholds),
            (SILENT, Dtype::U64, self.notes.silent.len(), &silent),
        ];
        let mut views = Vec::new();
        // What is not noted has no tensor.
        let noted = |name: &str, len: usize| len > 0 || ![THRESHOLDS, SILENT].contains(&name);
        for (name, dtype, len, bytes) in parts.into_iter().filter(|part| noted(part.0, part.2)) {
            let view =
                TensorView::new(dtype, vec![len], bytes).map_err(|e| Error::file(path, e.to_string()))?;
            views.push((name, view));
        }
        let mut described = links.described();
        described.push((CHECKSUM, self.checksum().to_string()));
        Sealed::new(path, &views, &described)
    }

    /// Reads a checkpoint of a network with this many parameters, moments and maps, and what it belongs to.
    ///
    /// # Errors
    ///
    /// One sentence if the file is missing, damaged, or of another network.
    pub(super) fn load(path: &Path, parameters: usize, moments: usize, maps: usize) -> Result<(Self, Links)> {
        let file = whole::read(path)?;
        let damaged = || Error::file(path, format!("is damaged; {REMEDY}"));
        let (_, header) = SafeTensors::read_metadata(&file).map_err(|_| damaged())?;
        let tensors = SafeTensors::deserialize(&file).map_err(|_| damaged())?;
        let described = seal::opened(path, &tensors, &header, REMEDY)?.unwrap_or_default();
        let data = |name: &str, dtype: Dtype, len: usize| -> Result<&[u8]> {
            let tensor = tensors.tensor(name).map_err(|_| damaged())?;
            if tensor.dtype() != dtype || tensor.shape() != [len] {
                return Err(Error::file(path, "is the checkpoint of another network than the recipe's"));
            }
            Ok(tensor.data())
        };
        let words = |bytes: &[u8]| -> Vec<u64> {
            bytes.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)).collect()
        };
        let checkpoint = Self {
            parameters: floats_of(data("parameters", Dtype::F32, parameters)?).into(),
            moments: floats_of(data("moments", Dtype::F32, moments)?).into(),
            step: words(data("step", Dtype::U64, 1)?).first().copied().unwrap_or(0),
            epoch_loss: f64::from_bits(
                words(data("epoch_loss", Dtype::F64, 1)?).first().copied().unwrap_or(0),
            ),
            survived: words(data("survived", Dtype::U64, maps)?),
            notes: Notes {
                thresholds: match tensors.tensor(THRESHOLDS) {
                    Ok(_) => floats_of(data(THRESHOLDS, Dtype::F32, maps)?),
                    Err(_) => Vec::new(),
                },
                silent: match tensors.tensor(SILENT) {
                    Ok(_) => words(data(SILENT, Dtype::U64, maps)?),
                    Err(_) => Vec::new(),
                },
            },
        };
        let stored = header.metadata().as_ref().and_then(|m| m.get(CHECKSUM));
        if stored != Some(&checkpoint.checksum().to_string()) {
            return Err(damaged());
        }
        Ok((checkpoint, Links::said(|key| described.get(key).map(String::as_str))))
    }

    /// The checksum that versions before 0.2 look at, of the numbers alone.
    fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&little_endian(&self.parameters));
        hasher.update(&little_endian(&self.moments));
        hasher.update(&self.step.to_le_bytes());
        hasher.update(&self.epoch_loss.to_le_bytes());
        self.survived.iter().for_each(|v| hasher.update(&v.to_le_bytes()));
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_and_a_flipped_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let mut checkpoint = Checkpoint {
            notes: Notes::default(),
            parameters: vec![1.0, -2.5, 3.0].into(),
            moments: vec![0.5; 6].into(),
            step: 12,
            epoch_loss: 0.125,
            survived: vec![3, 4],
        };
        let links = Links { below: Some("0123abcd".to_owned()), ..Links::default() };
        checkpoint.save(&path, &links).unwrap();
        assert_eq!(Checkpoint::load(&path, 3, 6, 2).unwrap(), (checkpoint.clone(), links.clone()));
        checkpoint.notes = Notes { thresholds: vec![0.5, 2.0], silent: vec![7, 1 << 40] };
        checkpoint.save(&path, &links).unwrap();
        assert_eq!(Checkpoint::load(&path, 3, 6, 2).unwrap(), (checkpoint, links));
        assert!(Checkpoint::load(&path, 4, 6, 2).unwrap_err().to_string().contains("another network"));
        let mut file = std::fs::read(&path).unwrap();
        let last = file.len() - 3;
        file[last] ^= 1;
        std::fs::write(&path, &file).unwrap();
        assert!(Checkpoint::load(&path, 3, 6, 2).unwrap_err().to_string().contains("damaged"));
    }
}
