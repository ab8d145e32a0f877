//! `sample.json`: what the samples were that a run learnt from. Arrays and recordings have any shape, and the
//! recipe does not say which.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wta_core::Shape;

use super::folder::Run;
use super::model;
use crate::data::{Classes, Form};
use crate::error::{Error, Result, RunProblem};
use crate::files::tensors::bytes_of;
use crate::files::whole;
use crate::numbers::rows_columns_channels;
use crate::preprocess::{Preprocess, Preprocessor, Samples};

const FILE: &str = "sample.json";

/// What the samples of a run are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleKind {
    /// Their shape; a signal has one row.
    pub shape: Shape,
    /// Whether they are images, signals or vectors.
    pub form: Form,
    /// The names of the classes; none if there were no labels.
    pub classes: Classes,
    /// How many training samples there were; `None` if it is not known.
    pub count: Option<usize>,
    /// CRC-32 of the values of some of them, evenly spaced; `None` if it is not known.
    pub fingerprint: Option<u32>,
}

/// Samples whose values the fingerprint covers.
const FINGERPRINTED: usize = 256;

/// The file.
#[derive(Serialize, Deserialize)]
struct Stored {
    form: Form,
    channels: usize,
    rows: usize,
    columns: usize,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    samples: Option<usize>,
    #[serde(default)]
    fingerprint: Option<String>,
}

impl SampleKind {
    /// What these samples are.
    ///
    /// # Errors
    ///
    /// Any error while a sample is read.
    pub fn of(samples: &Samples<'_>) -> Result<Self> {
        let shape = samples.image_shape();
        let mut hasher = crc32fast::Hasher::new();
        let mut sample = vec![0.0; shape.len()];
        for index in samples.spaced(FINGERPRINTED) {
            samples.write_images(&Preprocessor::none(shape), &[index], &mut sample)?;
            hasher.update(&bytes_of(&sample));
        }
        let (count, fingerprint) = (Some(samples.len()), Some(hasher.finalize()));
        Ok(Self { shape, form: samples.form(), classes: samples.classes().clone(), count, fingerprint })
    }

    /// What differs from the samples that a training began with; `None` if nothing is known to.
    fn difference(&self, began: &Self) -> Option<String> {
        let differ = |a: Option<usize>, b: Option<usize>| a.is_some() && b.is_some() && a != b;
        let count = |kind: &Self| kind.count.unwrap_or(0);
        if self.shape != began.shape {
            let (there, here) = (rows_columns_channels(began.shape), rows_columns_channels(self.shape));
            return Some(format!("its samples were {there} (rows x columns x channels), these are {here}"));
        }
        if differ(self.count, began.count) {
            return Some(format!("there were {} samples, now there are {}", count(began), count(self)));
        }
        let prints = (self.fingerprint, began.fingerprint);
        matches!(prints, (Some(a), Some(b)) if a != b).then(|| "the samples have other values".to_owned())
    }
}

impl Run {
    /// The shape of the samples that the run learnt from, as far as its files say: not those of convolutional
    /// networks that versions before 0.2 trained on arrays.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if there is no model; one sentence if a file cannot be read.
    pub fn sample_shape(&self) -> Result<Option<Shape>> {
        if let Some(kind) = self.sample()? {
            return Ok(Some(kind.shape));
        }
        let (recipe, path) = (self.recipe()?, self.file("model.safetensors"));
        if !path.exists() {
            return Err(Error::run(self.folder(), RunProblem::Untrained));
        }
        if recipe.below.is_some() {
            return self.below().sample_shape();
        }
        let inputs = model::inputs_of_units(&path)?.map(Shape::vector);
        Ok(Preprocess::sample_shape(self.folder(), &recipe)?.or(inputs))
    }

    /// `Ok` when the run was begun with these samples, as far as is known.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] that says what differs; also as for [`Run::sample`].
    pub fn expect_sample(&self, kind: &SampleKind) -> Result<()> {
        let began = self.sample()?;
        match began.and_then(|began| kind.difference(&began)) {
            None => Ok(()),
            Some(difference) => Err(Error::run(self.folder(), RunProblem::OtherData { difference })),
        }
    }

    /// Keeps what the samples are.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_sample(&self, kind: &SampleKind) -> Result<()> {
        let Shape { channels, height: rows, width: columns } = kind.shape;
        let classes = kind.classes.names().to_vec();
        let (samples, fingerprint) = (kind.count, kind.fingerprint.map(|print| format!("{print:08x}")));
        self.save_json(
            FILE,
            &Stored { form: kind.form, channels, rows, columns, classes, samples, fingerprint },
        )
    }

    /// What the samples of the run are; `None` if a version before 0.2 trained it on arrays.
    ///
    /// # Errors
    ///
    /// As for [`Run::recipe`]; [`Error::File`] if the file is damaged.
    pub fn sample(&self) -> Result<Option<SampleKind>> {
        let path = self.file(FILE);
        if !path.exists() {
            let shape = self.recipe()?.data.set.image_shape();
            return Ok(shape.map(|shape| SampleKind {
                shape,
                form: Form::Image,
                classes: Classes::default(),
                count: None,
                fingerprint: None,
            }));
        }
        SampleKind::read(&path).map(Some)
    }
}

impl SampleKind {
    /// What a file says of samples.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it is damaged.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = whole::read_text(path)?;
        let damaged = |error: &dyn std::fmt::Display| {
            Error::file(path, format!("does not say what the samples are ({error}); resume the training"))
        };
        let stored: Stored = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
        let shape = Shape::new(stored.channels, stored.rows, stored.columns);
        let len = shape.channels.checked_mul(shape.height).and_then(|len| len.checked_mul(shape.width));
        if len.is_none_or(|len| len == 0) {
            return Err(damaged(&"the shape cannot be"));
        }
        let classes = Classes::new(stored.classes).map_err(|error| damaged(&error))?;
        let print = stored.fingerprint.map(|print| u32::from_str_radix(&print, 16)).transpose();
        let fingerprint = print.map_err(|error| damaged(&error))?;
        Ok(Self { shape, form: stored.form, classes, count: stored.samples, fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        let classes = Classes::new(["still", "moving"]).unwrap();
        let (count, fingerprint) = (Some(40), Some(7));
        let kind =
            SampleKind { shape: Shape::new(6, 1, 100), form: Form::Signal, classes, count, fingerprint };
        run.save_sample(&kind).unwrap();
        assert_eq!(run.sample().unwrap(), Some(kind.clone()));
        run.expect_sample(&kind).unwrap();
        for (other, expected) in [
            (SampleKind { shape: Shape::new(3, 1, 100), ..kind.clone() }, "its samples were 1 x 100 x 6"),
            (SampleKind { count: Some(41), ..kind.clone() }, "there were 40 samples, now there are 41"),
            (SampleKind { fingerprint: Some(8), ..kind.clone() }, "the samples have other values"),
        ] {
            let sentence = run.expect_sample(&other).unwrap_err().to_string();
            assert!(
                sentence.contains(expected) && sentence.contains("was begun with other data"),
                "{sentence}"
            );
        }
        run.expect_sample(&SampleKind { fingerprint: None, ..kind }).unwrap();
        for damage in ["", "{}", r#"{"form":"signal","channels":0,"rows":1,"columns":9}"#] {
            std::fs::write(run.file(FILE), damage).unwrap();
            let sentence = run.sample().unwrap_err().to_string();
            assert!(sentence.contains("sample.json: does not say") && !sentence.contains('\n'), "{sentence}");
        }
    }
}
