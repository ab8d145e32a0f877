//! The record of an evaluation, `eval.json`, as far as a page shows it. Records of earlier versions say less.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::files::whole;
use crate::run::{RECORD, Run};

/// What a record says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) test_error: Option<f64>,
    pub(crate) training_error: Option<f64>,
    pub(crate) c: Option<f64>,
    /// Each C tried, with its error on held-out samples.
    pub(super) held_out: Vec<(f64, f64)>,
    pub(crate) labels: Option<usize>,
    pub(crate) classes: Vec<String>,
    pub(super) confusion: Confusion,
    pub(super) seed: Option<u64>,
    pub(crate) features: Option<usize>,
    pub(super) density: Option<f64>,
    pub(super) encode_seconds: Option<f64>,
    pub(super) svm_seconds: Option<f64>,
    pub(super) pool: Option<String>,
    /// The checksum of the weights that gave the features.
    pub(crate) weights: Option<String>,
    pub(crate) draws: Vec<serde::de::IgnoredAny>,
    pub(crate) mean: Option<f64>,
    pub(crate) sd: Option<f64>,
}

/// Which classes are confused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Confusion {
    pub(super) counts: Vec<Vec<u64>>,
    pub(super) confused: Vec<(usize, usize, u64)>,
    pub(super) errors: Vec<Option<f64>>,
    pub(super) surest: Vec<Mistake>,
}

/// A test sample that is classified wrongly.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Mistake {
    pub(super) sample: usize,
    pub(super) label: usize,
    pub(super) predicted: usize,
    pub(super) margin: f64,
}

impl Record {
    /// The record of a run; `None` if it was not evaluated, or without labels.
    ///
    /// # Errors
    ///
    /// One sentence if the file cannot be read.
    pub(super) fn read(run: &Run) -> Result<Option<Self>> {
        json(&run.file(RECORD))
    }

    /// A class by its name.
    pub(super) fn class(&self, index: usize) -> String {
        self.classes.get(index).cloned().unwrap_or_else(|| index.to_string())
    }
}

/// A file of the run, if it is there.
///
/// # Errors
///
/// One sentence if it cannot be read.
pub(crate) fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = whole::read_text(path)?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::file(path, format!("is damaged ({error}); evaluate the run again")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_any_version_are_read_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        assert!(Record::read(&run).unwrap().is_none());
        std::fs::write(run.file(RECORD), r#"{"test_error": 0.25, "held_out": [[1.0, 0.5]], "future": 3}"#)
            .unwrap();
        let record = Record::read(&run).unwrap().unwrap();
        assert_eq!((record.test_error, &record.held_out[..]), (Some(0.25), &[(1.0, 0.5)][..]));
        assert_eq!(record.class(7), "7");
        for damaged in ["", "{", r#"{"test_error": "low"}"#] {
            std::fs::write(run.file(RECORD), damaged).unwrap();
            let sentence = Record::read(&run).unwrap_err().to_string();
            assert!(sentence.contains("eval.json: is damaged"), "{sentence}");
        }
    }
}
