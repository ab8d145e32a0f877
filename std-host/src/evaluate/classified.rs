//! A run's classifier and the features that it was trained on, as recorded in `eval.json`.

use serde::Deserialize;
use wta_core::Pool;

use crate::data::Classes;
use crate::error::{Error, Result};
use crate::recipe::PoolRecipe;
use crate::run::{Run, Trained};
use crate::svm::{self, Columns};

/// A run's classifier and the features that it was trained on, as recorded in `eval.json`.
pub struct Classified {
    /// The pooling of the features.
    pub pool: Pool,
    /// The classifier.
    pub svm: svm::Model,
    /// The features that its weights are for: of the last layer, or of all.
    pub columns: Columns,
    /// The names of the classes; numbers if a version before 0.2 wrote the record.
    pub classes: Classes,
}

/// What `eval.json` says.
#[derive(Deserialize)]
struct Saved {
    pool: String,
    power: f32,
    /// [`Evaluation::weights`](super::Evaluation::weights).
    weights: String,
    #[serde(default)]
    classes: Vec<String>,
}

impl Classified {
    /// The classifier's file in a run.
    pub(super) const FILE: &str = "svm.safetensors";

    /// Reads the classifier of a run's network and the record of the run's last evaluation; `None` if the run
    /// has no classifier.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no `eval.json`, [`Error::RaisedFeatures`] if the features were raised to a
    /// power, [`Error::Classifier`] if the file lacks these fields or the classifier is for other features;
    /// one sentence if the classifier cannot be read.
    pub fn load(run: &Run, trained: &Trained) -> Result<Option<Self>> {
        let path = run.file(Self::FILE);
        if !path.exists() {
            return Ok(None);
        }
        let (svm, columns) = svm::file::load(&path)?;
        let (pool, weights, classes) = recorded(run)?;
        if weights != format!("{:08x}", trained.checksum()) {
            return Err(Error::classifier(
                path,
                "is a classifier for the features of other weights than the run has now",
            ));
        }
        let code = trained.network().code();
        let last = if pool == trained.resolved.pool() {
            trained.resolved.features()
        } else {
            pool.check(code)?;
            pool.output(code)
        };
        let columns = match columns {
            Some(columns) => columns,
            None if trained.recipe().svm.lower_layers > 0.0 => {
                return Err(Error::classifier(
                    path,
                    "does not say by how much the layers' features are scaled",
                ));
            }
            // A version before 0.2 wrote it.
            None => Columns { layers: vec![last], factors: None },
        };
        if svm.features != columns.len() || columns.layers.last() != Some(&last) {
            let (found, features) = (svm.features, last.len());
            return Err(Error::classifier(
                path,
                format!("is a classifier of {found} features, but the network has {features}"),
            ));
        }
        let classes = if classes.len() == svm.classes {
            Classes::new(classes)?
        } else {
            Classes::numbered(svm.classes)
        };
        Ok(Some(Self { pool, svm, columns, classes }))
    }
}

/// The record of the last evaluation: the pooling, and the rest as it stands there.
fn recorded(run: &Run) -> Result<(Pool, String, Vec<String>)> {
    let path = run.file("eval.json");
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    let saved: Option<Saved> = serde_json::from_str(&text).ok();
    if saved.as_ref().is_some_and(|saved| saved.power != 1.0) {
        return Err(Error::RaisedFeatures { path });
    }
    let said = saved.and_then(|Saved { pool, weights, classes, .. }| {
        let pool: PoolRecipe = pool.parse().ok()?;
        Some((pool.pool(), weights, classes))
    });
    said.ok_or_else(|| Error::classifier(path, "does not say which features the classifier is for"))
}
