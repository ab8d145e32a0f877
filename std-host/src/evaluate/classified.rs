//! The features that a run's classifier was trained on, as recorded in `eval.json`.

use serde::Deserialize;
use wta_core::Pool;

use crate::error::{Error, Result};
use crate::recipe::PoolRecipe;
use crate::run::Run;

/// The features that a run's classifier was trained on, as recorded in `eval.json`.
pub struct Classified {
    /// Their pooling.
    pub pool: Pool,
    /// [`Evaluation::weights`](super::Evaluation::weights).
    pub weights: String,
    /// The names of the classes; none if a version before 0.2 wrote the record.
    pub classes: Vec<String>,
}

impl Classified {
    /// Reads the record of the run's last evaluation.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no `eval.json`, [`Error::RaisedFeatures`] if the features were raised to a
    /// power, [`Error::Classifier`] if the file lacks these fields.
    pub fn load(run: &Run) -> Result<Self> {
        #[derive(Deserialize)]
        struct Saved {
            pool: String,
            power: f32,
            weights: String,
            #[serde(default)]
            classes: Vec<String>,
        }
        let path = run.file("eval.json");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let saved: Option<Saved> = serde_json::from_str(&text).ok();
        if saved.as_ref().is_some_and(|saved| saved.power != 1.0) {
            return Err(Error::RaisedFeatures { path });
        }
        let said = saved.and_then(|saved| {
            let pool: PoolRecipe = saved.pool.parse().ok()?;
            Some(Self { pool: pool.pool(), weights: saved.weights, classes: saved.classes })
        });
        said.ok_or_else(|| Error::classifier(path, "does not say which features the classifier is for"))
    }
}
