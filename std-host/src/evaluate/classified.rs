//! A run's classifier and the features that it was trained on.

use serde::Deserialize;
use wta_core::Pool;

use crate::data::Classes;
use crate::error::{Error, Result};
use crate::files::whole;
use crate::recipe::PoolRecipe;
use crate::run::{CLASSIFIER, RECORD, Run, Trained};
use crate::svm::file::{Loaded, Origin};
use crate::svm::{self, Columns};

/// A run's classifier and the features that it was trained on.
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
    /// [`Evaluation::classifier`](super::Evaluation::classifier).
    #[serde(default)]
    classifier: Option<String>,
}

impl Classified {
    /// The classifier's file in a run.
    pub(super) const FILE: &str = CLASSIFIER;

    /// Reads the classifier of a run's network; `None` if the run has none. The file proves what it belongs
    /// to. A version before 0.2 wrote that into `eval.json` alone.
    ///
    /// # Errors
    ///
    /// [`Error::RaisedFeatures`] if the features were raised to a power, [`Error::Classifier`] if the
    /// classifier is for other features or weights, or does not prove what it belongs to; one sentence if a
    /// file cannot be read.
    pub fn load(run: &Run, trained: &Trained) -> Result<Option<Self>> {
        let path = run.file(CLASSIFIER);
        if !path.exists() {
            return Ok(None);
        }
        let Loaded { svm, columns, origin, .. } = svm::file::load(&path)?;
        let (source, origin) = match origin {
            Some(origin) => (path.clone(), origin),
            None => (run.file(RECORD), recorded(run)?),
        };
        if origin.power != 1.0 {
            return Err(Error::RaisedFeatures { path: source });
        }
        let Ok(pool) = origin.pool.parse::<PoolRecipe>() else {
            return Err(Error::classifier(source, "does not say which features the classifier is for"));
        };
        let (pool, classes) = (trained.resolved.pooled(pool.pool()), origin.classes);
        if origin.weights != format!("{:08x}", trained.checksum()) {
            return Err(Error::classifier(
                path,
                "is a classifier for the features of other weights than the run has now",
            ));
        }
        if !trained.recipe().has_features_of(&origin.features) {
            return Err(Error::classifier(
                path,
                "is a classifier for the features of other settings than the recipe has now",
            ));
        }
        let code = trained.resolved.encoding().code();
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

/// What the classifier belongs to by the record of the last evaluation, of a version before 0.2.
fn recorded(run: &Run) -> Result<Origin> {
    let path = run.file(RECORD);
    let text = whole::read_text(&path)?;
    let Ok(Saved { pool, power, weights, classes, classifier }) = serde_json::from_str(&text) else {
        return Err(Error::classifier(path, "does not say which features the classifier is for"));
    };
    if classifier.is_some() {
        return Err(Error::classifier(path, "is of another classifier than svm.safetensors holds"));
    }
    // An identity that cannot be compared.
    Ok(Origin { weights, pool, power, features: String::new(), classes })
}
