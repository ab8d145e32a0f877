//! `sample.json`: what the samples were that a run learnt from. Arrays and recordings have any shape, and the
//! recipe does not say which.

use serde::{Deserialize, Serialize};
use wta_core::Shape;

use super::folder::Run;
use crate::data::{Classes, Form};
use crate::error::{Error, Result};
use crate::preprocess::Samples;

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
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Stored {
    form: Form,
    channels: usize,
    rows: usize,
    columns: usize,
    #[serde(default)]
    classes: Vec<String>,
}

impl SampleKind {
    /// What these samples are.
    pub fn of(samples: &Samples<'_>) -> Self {
        Self { shape: samples.image_shape(), form: samples.form(), classes: samples.classes().clone() }
    }
}

impl Run {
    /// Keeps what the samples are.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_sample(&self, kind: &SampleKind) -> Result<()> {
        let Shape { channels, height: rows, width: columns } = kind.shape;
        let classes = kind.classes.names().to_vec();
        self.save_json(FILE, &Stored { form: kind.form, channels, rows, columns, classes })
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
            }));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        let damaged = |error: &dyn std::fmt::Display| {
            Error::file(&path, format!("does not say what the samples are ({error}); resume the training"))
        };
        let stored: Stored = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
        let shape = Shape::new(stored.channels, stored.rows, stored.columns);
        let len = shape.channels.checked_mul(shape.height).and_then(|len| len.checked_mul(shape.width));
        if len.is_none_or(|len| len == 0) {
            return Err(damaged(&"the shape cannot be"));
        }
        let classes = Classes::new(stored.classes).map_err(|error| damaged(&error))?;
        Ok(Some(SampleKind { shape, form: stored.form, classes }))
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
        let kind = SampleKind { shape: Shape::new(6, 1, 100), form: Form::Signal, classes };
        run.save_sample(&kind).unwrap();
        assert_eq!(run.sample().unwrap(), Some(kind));
        for damage in ["", "{}", r#"{"form":"signal","channels":0,"rows":1,"columns":9}"#] {
            std::fs::write(run.file(FILE), damage).unwrap();
            let sentence = run.sample().unwrap_err().to_string();
            assert!(sentence.contains("sample.json: does not say") && !sentence.contains('\n'), "{sentence}");
        }
    }
}
